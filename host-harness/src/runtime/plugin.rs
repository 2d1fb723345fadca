//! Calling a plugin: each call in a store of its own, which goes with it.
//!
//! A mapping that panics or runs into a limit takes its plugin instance with it. The hook is then called once more with the
//! mapping off: the record is made with the plugin's own fields, which is less than what was agreed and far more than no
//! record. The audit log says so.

use super::bindings::ItsmPlugin;
use super::call::{Call, Waits};
use super::error::{Blame, CallError, Circumstances, diagnose, ended};
use super::facts::Facts;
use super::hook::Hook;
use super::host::Loaded;
use super::limits::{Limit, Limits};
use super::meter::{End, Meter};
use super::panics::caught;
use super::reply::Reply;
use super::sandbox::Sandbox;
use crate::grant::audit::{Note, Who};
use crate::grant::{AuditError, Grant, Usage};
use itsm_contract::Answer;
use itsm_contract::answers::{Deployment, Description, Event, Finding, Incident, Planned, Receipt, Review, Waiting};
use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, FailureEvent};
use itsm_contract::types::Gate;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime::Store;

/// Units of fuel after which a busy guest lets other tasks run: some hundred microseconds.
const YIELD_INTERVAL: u64 = 200_000;

/// A component with a grant. Cheap to clone; any number of calls may run at once.
#[derive(Clone)]
pub struct Plugin {
    loaded: Loaded,
    grant: Arc<Grant>,
    mapping: bool,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("loaded", &self.loaded).field("grant", &self.grant).finish_non_exhaustive()
    }
}

/// One call in its store: `$plugin` is the instance, `$store` the store, `$call` what is done with them.
macro_rules! call {
    ($self:ident, $hook:expr, $key:expr, |$plugin:ident, $store:ident| $call:expr) => {{
        let began = Instant::now();
        let meter = Arc::new(Meter::new(Arc::clone(&$self.loaded.limits)));
        let mut store = $self.store(&meter, $key)?;
        let mut stood = None;
        let watched = {
            let work = async {
                let $plugin: ItsmPlugin = $self.loaded.pre.instantiate_async(&mut store).await?;
                stood = Some(began.elapsed());
                let $store = &mut store;
                $call.await
            };
            watch(&meter, work).await
        };
        $self.close($hook, $key, &meter, store, Times { began, stood }, watched).await
    }};
}

/// The same for a hook: where the mapping is to blame, once more with the mapping off, in a fresh store.
macro_rules! hook {
    ($self:ident, $hook:expr, $key:expr, |$plugin:ident, $store:ident| $call:expr) => {{
        match call!($self, $hook, $key, |$plugin, $store| $call) {
            Err(error) if $self.goes_on_without_mapping(&error) => {
                $self.tell_of_mapping($hook, $key, &error)?;
                let bare = $self.without_mapping();
                call!(bare, $hook, $key, |$plugin, $store| $call)
            }
            answered => answered,
        }
    }};
}

impl Plugin {
    pub(super) fn new(loaded: Loaded, grant: Arc<Grant>) -> Self {
        Self { loaded, grant, mapping: true }
    }

    /// The same with the mapping off: the plugin sends its own fields. For another try after a [`Blame::Mapping`].
    #[must_use]
    pub fn without_mapping(&self) -> Self {
        Self { mapping: false, ..self.clone() }
    }

    /// What it may do.
    pub fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// What is in force.
    pub fn limits(&self) -> &Limits {
        &self.loaded.limits
    }

    /// Calls whichever hook the call is for.
    ///
    /// # Errors
    /// See [`CallError`]; so do all that follow. A failure that the plugin answers is an answer.
    pub async fn call(&self, call: &Call) -> Result<Reply, CallError> {
        Ok(match call {
            Call::OnBuildRequested(request) => Reply::OnBuildRequested(self.on_build_requested(request).await?),
            Call::OnFailure(event) => Reply::OnFailure(self.on_failure(event).await?),
            Call::OnDeploy(event) => Reply::OnDeploy(self.on_deploy(event).await?),
            Call::OnBuildFinished(event) => Reply::OnBuildFinished(self.on_build_finished(event).await?),
            Call::Check(Waits { waiting, cursor }) => Reply::Check(self.check(waiting, cursor.as_deref()).await?),
            Call::Describe => Reply::Describe(self.describe().await?),
            Call::Validate(settings) => Reply::Validate(self.validate(settings).await?),
            Call::TestConnection => Reply::TestConnection(self.test_connection().await?),
            Call::Preview(event) => Reply::Preview(self.preview(event).await?),
        })
    }

    /// `itsm-integration.on-build-requested`: a controlled build is about to start; may it?
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn on_build_requested(&self, request: &BuildRequest) -> Result<Answer<Gate>, CallError> {
        hook!(self, Hook::OnBuildRequested, Some(&request.delivery.key), |plugin, store| {
            plugin.openfactory_itsm_itsm_integration().call_on_build_requested(store, request)
        })
    }

    /// `itsm-integration.on-failure`: something failed.
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn on_failure(&self, event: &FailureEvent) -> Result<Answer<Option<Incident>>, CallError> {
        hook!(self, Hook::OnFailure, Some(&event.delivery.key), |plugin, store| {
            plugin.openfactory_itsm_itsm_integration().call_on_failure(store, event)
        })
    }

    /// `itsm-integration.on-deploy`: a deployment moved.
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn on_deploy(&self, event: &DeployEvent) -> Result<Answer<Deployment>, CallError> {
        hook!(self, Hook::OnDeploy, Some(&event.delivery.key), |plugin, store| {
            plugin.openfactory_itsm_itsm_integration().call_on_deploy(store, event)
        })
    }

    /// `evidence.on-build-finished`: a build ended.
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn on_build_finished(&self, event: &BuildResult) -> Result<Answer<Receipt>, CallError> {
        hook!(self, Hook::OnBuildFinished, Some(&event.delivery.key), |plugin, store| {
            plugin.openfactory_itsm_evidence().call_on_build_finished(store, event)
        })
    }

    /// `approvals.check`: what of the waiting gates moved since `cursor`?
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn check(&self, waiting: &[Waiting], cursor: Option<&str>) -> Result<Answer<Review>, CallError> {
        hook!(self, Hook::Check, None, |plugin, store| {
            plugin.openfactory_itsm_approvals().call_check(store, waiting, cursor)
        })
    }

    /// `approvals.check` for the gate of one event alone, which is named by its delivery key in all that this leaves.
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn review(&self, key: &str, waiting: &Waiting) -> Result<Answer<Review>, CallError> {
        hook!(self, Hook::Check, Some(key), |plugin, store| {
            plugin.openfactory_itsm_approvals().call_check(store, std::slice::from_ref(waiting), None)
        })
    }

    /// `diagnostics.describe`: what the plugin is.
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn describe(&self) -> Result<Description, CallError> {
        call!(self, Hook::Describe, None, |plugin, store| plugin.openfactory_itsm_diagnostics().call_describe(store))
    }

    /// `diagnostics.validate`: what is wrong with these settings, as JSON? They need not be the grant's.
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn validate(&self, settings: &str) -> Result<Vec<Finding>, CallError> {
        call!(self, Hook::Validate, None, |plugin, store| {
            plugin.openfactory_itsm_diagnostics().call_validate(store, settings)
        })
    }

    /// `diagnostics.test-connection`: does all work that the settings ask for?
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn test_connection(&self) -> Result<Vec<Finding>, CallError> {
        call!(self, Hook::TestConnection, None, |plugin, store| {
            plugin.openfactory_itsm_diagnostics().call_test_connection(store)
        })
    }

    /// `diagnostics.preview`: what would this event do?
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn preview(&self, event: &Event) -> Result<Answer<Vec<Planned>>, CallError> {
        call!(self, Hook::Preview, None, |plugin, store| {
            plugin.openfactory_itsm_diagnostics().call_preview(store, event)
        })
    }

    /// Whether an error is the mapping's, and the settings let the plugin go on without it (`mapping.on-error`). An
    /// administrator's questions are not answered without it: it is what they ask about.
    fn goes_on_without_mapping(&self, error: &CallError) -> bool {
        let fails = || {
            let settings: serde_json::Value = serde_json::from_str(&self.grant.settings).unwrap_or_default();
            settings.pointer("/mapping/on-error").is_some_and(|on_error| on_error == "fail")
        };
        self.mapping && error.blame() == Blame::Mapping && !fails()
    }

    fn tell_of_mapping(&self, hook: Hook, key: Option<&str>, error: &CallError) -> Result<(), CallError> {
        self.grant.observe(|observer| observer.mapping_failed(hook.name(), &error.to_string()));
        let note = Note { key: key.map(str::to_owned), ..Note::new("mapping.failed") };
        let note = note.with("hook", hook.name()).with("why", error.to_string());
        self.grant.audit().note(Who::Host, note).map_err(|error| CallError::Host(error.to_string()))?;
        Ok(())
    }

    fn store(&self, meter: &Arc<Meter>, key: Option<&str>) -> Result<Store<Sandbox>, CallError> {
        let limits = &meter.limits;
        let sandbox = Sandbox::new(Arc::clone(&self.grant), Arc::clone(meter), self.mapping, key.map(str::to_owned));
        let mut store = Store::new(self.loaded.pre.engine(), sandbox);
        store.limiter(|sandbox| &mut sandbox.limiter);
        store.set_hostcall_fuel(limits.hostcall_bytes);
        store.set_max_component_handles(limits.resources);
        let fuel = store.set_fuel(limits.fuel).and_then(|()| store.fuel_async_yield_interval(Some(YIELD_INTERVAL)));
        fuel.map_err(|error| CallError::Host(error.to_string()))?;
        Ok(store)
    }

    /// Says what became of a call, writes it down, and lets the store go.
    async fn close<R: Facts>(
        &self,
        hook: Hook,
        key: Option<&str>,
        meter: &Meter,
        mut store: Store<Sandbox>,
        times: Times,
        watched: Watched<R>,
    ) -> Result<R, CallError> {
        // Asked before the store goes and takes its requests with it.
        let blame = if meter.is_waiting() { Blame::ServiceNow } else { Blame::Guest };
        let usage = Usage {
            fuel: self.limits().fuel.saturating_sub(store.get_fuel().unwrap_or_default()),
            memory: store.data().limiter.memory(),
            exchanges: meter.exchanges(),
            instantiation: times.stood.unwrap_or_default(),
            took: times.began.elapsed(),
        };
        let outcome = match (meter.why(), watched) {
            (_, Watched::TimedOut) => Err(ended(&End::Limit(Limit::WallClock), self.limits(), blame)),
            (None, Watched::Done(Ok(answer))) => Ok(answer),
            (_, Watched::Done(Err(error))) => {
                let sandbox = store.data_mut();
                let (panic, printed) = (sandbox.panic.take(), sandbox.printed.text());
                let circumstances = Circumstances { instance_stood: times.stood.is_some(), panic, printed };
                Err(diagnose(&error, meter, &self.loaded.mapping, circumstances))
            }
            (Some(end), _) => Err(ended(end, self.limits(), Blame::Guest)),
            (None, Watched::Ended) => Err(CallError::Host("the call was ended for no reason".into())),
            (None, Watched::Panicked(why)) => Err(CallError::Host(why)),
        };
        drop(store);
        let observed = caught(async { self.grant.observe(|observer| observer.called(hook.name(), &usage)) }).await;
        let outcome = observed.map_err(CallError::Host).and(outcome);
        self.write_down(hook, key, &outcome).await.map_err(|error| CallError::Host(error.to_string()))?;
        outcome
    }

    async fn write_down<R: Facts>(
        &self,
        hook: Hook,
        key: Option<&str>,
        outcome: &Result<R, CallError>,
    ) -> Result<(), AuditError> {
        let note = |action: &str| Note { key: key.map(str::to_owned), ..Note::new(action).with("hook", hook.name()) };
        let notes = match outcome {
            Ok(answer) => answer.trace(note("call.answered")),
            Err(error) => {
                vec![note("call.failed").with("blame", error.blame().to_string()).with("why", error.to_string())]
            }
        };
        let audit = Arc::clone(self.grant.audit());
        for note in notes {
            audit.note(Who::Host, note)?;
        }
        // The disk takes its time; others go on meanwhile.
        match tokio::task::spawn_blocking(move || audit.sync()).await {
            Ok(synced) => synced,
            // Only a runtime that is going down does not run it; then the system writes the log out by itself.
            Err(_) => Ok(()),
        }
    }
}

/// When a call began, and how long it took until its instance stood, where it did.
struct Times {
    began: Instant,
    stood: Option<Duration>,
}

/// How a call came to its end.
enum Watched<R> {
    Done(wasmtime::Result<R>),
    Panicked(String),
    Ended,
    TimedOut,
}

/// Waits for a call, until the meter or the clock ends it.
async fn watch<R>(meter: &Meter, work: impl Future<Output = wasmtime::Result<R>>) -> Watched<R> {
    let either = async {
        tokio::select! {
            biased;
            done = caught(work) => done.map_or_else(Watched::Panicked, Watched::Done),
            () = meter.ended() => Watched::Ended,
        }
    };
    tokio::time::timeout(meter.limits.wall_clock, either).await.unwrap_or(Watched::TimedOut)
}
