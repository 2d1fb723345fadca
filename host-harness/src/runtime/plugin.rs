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
use super::text::brief;
use super::ticks;
use crate::grant::audit::{Note, Who};
use crate::grant::{AuditError, Grant, Usage};
use itsm_contract::Answer;
use itsm_contract::answers::{
    Deployment, Description, Event, Finding, Incident, Planned, Receipt, Review, Reviewed, Waiting,
};
use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, FailureEvent};
use itsm_contract::types::Gate;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use wasmtime::Store;

/// Entries of an answer that are written before others have a turn: some milliseconds.
const NOTES_AT_ONCE: usize = 64;

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
        let meter = Arc::new(Meter::new(Arc::clone(&$self.loaded.limits)));
        let mut store = $self.store(&meter, $key)?;
        let mut stood = None;
        let watched = {
            let work = async {
                let $plugin: ItsmPlugin = $self.loaded.pre.instantiate_async(&mut store).await?;
                stood = Some(meter.took());
                let $store = &mut store;
                $call.await
            };
            watch(&meter, work).await
        };
        $self.close($hook, $key, &meter, store, stood, watched).await
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
            async { within(waiting, plugin.openfactory_itsm_approvals().call_check(store, waiting, cursor).await?) }
        })
    }

    /// `approvals.check` for the gate of one event alone, which is named by its delivery key in all that this leaves.
    ///
    /// # Errors
    /// See [`call`](Self::call).
    pub async fn review(&self, key: &str, waiting: &Waiting) -> Result<Answer<Review>, CallError> {
        hook!(self, Hook::Check, Some(key), |plugin, store| {
            async {
                let waiting = std::slice::from_ref(waiting);
                within(waiting, plugin.openfactory_itsm_approvals().call_check(store, waiting, None).await?)
            }
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
        self.note(note).map(drop)
    }

    fn store(&self, meter: &Arc<Meter>, key: Option<&str>) -> Result<Store<Sandbox>, CallError> {
        let limits = &meter.limits;
        let sandbox = Sandbox::new(Arc::clone(&self.grant), Arc::clone(meter), self.mapping, key.map(str::to_owned));
        let mut store = Store::new(self.loaded.pre.engine(), sandbox);
        store.limiter(|sandbox| &mut sandbox.limiter);
        store.set_hostcall_fuel(limits.hostcall_bytes);
        store.set_max_component_handles(limits.resources);
        store.set_fuel(limits.fuel).map_err(|error| CallError::Host(error.to_string()))?;
        ticks::keep(&mut store);
        Ok(store)
    }

    /// Says what became of a call, writes it down, and lets the store go. `stood` is the time until its instance stood.
    async fn close<R: Facts>(
        &self,
        hook: Hook,
        key: Option<&str>,
        meter: &Meter,
        mut store: Store<Sandbox>,
        stood: Option<Duration>,
        watched: Watched<R>,
    ) -> Result<R, CallError> {
        // Asked before the store goes and takes its requests with it.
        let blame = if meter.is_waiting() { Blame::ServiceNow } else { Blame::Guest };
        let usage = Usage {
            fuel: self.limits().fuel.saturating_sub(store.get_fuel().unwrap_or_default()),
            memory: store.data().limiter.memory(),
            exchanges: meter.exchanges(),
            instantiation: stood.unwrap_or_default(),
            took: meter.took(),
        };
        let outcome = match (meter.why(), watched) {
            (_, Watched::TimedOut) => Err(ended(&End::Limit(Limit::WallClock), self.limits(), blame)),
            (None, Watched::Done(Ok(answer))) => Ok(answer),
            (_, Watched::Done(Err(error))) => {
                let sandbox = store.data_mut();
                let (panic, printed) = (sandbox.panic.take(), sandbox.printed.text());
                let circumstances = Circumstances { instance_stood: stood.is_some(), panic, printed };
                Err(diagnose(&error, meter, &self.loaded.mapping, circumstances))
            }
            (Some(end), _) => Err(ended(end, self.limits(), Blame::Guest)),
            (None, Watched::Ended) => Err(CallError::Host("the call was ended for no reason".into())),
            (None, Watched::Panicked(why)) => Err(CallError::Host(why)),
        };
        drop(store);
        let observed = caught(async { self.grant.observe(|observer| observer.called(hook.name(), &usage)) }).await;
        let outcome = observed.map_err(CallError::Host).and(outcome);
        self.write_down(hook, key, outcome).await
    }

    /// Writes down what became of a call. An answer of more than the log may take of one call is none.
    async fn write_down<R: Facts>(
        &self,
        hook: Hook,
        key: Option<&str>,
        outcome: Result<R, CallError>,
    ) -> Result<R, CallError> {
        let note = |action: &str| Note { key: key.map(str::to_owned), ..Note::new(action).with("hook", hook.name()) };
        let outcome = match outcome {
            Ok(answer) => self.note_all(answer.trace(note("call.answered"))).await.map(|()| answer),
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome {
            let note = note("call.failed").with("blame", error.blame().to_string()).with("why", error.to_string());
            self.note(note)?;
        }
        let audit = Arc::clone(self.grant.audit());
        // The disk takes its time; others go on meanwhile. Only a runtime that is going down does not run it; then the
        // system writes the log out by itself.
        let synced = tokio::task::spawn_blocking(move || audit.sync()).await.unwrap_or(Ok(()));
        synced.map_err(|error| CallError::Host(error.to_string()))?;
        outcome
    }

    /// Writes down what an answer leaves, within what the log may take of it: as much as of the plugin's own words.
    async fn note_all(&self, notes: Vec<Note>) -> Result<(), CallError> {
        let too_much = |limit| ended(&End::Limit(limit), self.limits(), Blame::Guest);
        if notes.len() > self.limits().audit_entries {
            return Err(too_much(Limit::AuditEntries));
        }
        let mut bytes = 0;
        for (number, note) in notes.into_iter().enumerate() {
            if number % NOTES_AT_ONCE == NOTES_AT_ONCE - 1 {
                tokio::task::yield_now().await;
            }
            bytes += self.note(note)?;
            if bytes > self.limits().audit_bytes {
                return Err(too_much(Limit::AuditBytes));
            }
        }
        Ok(())
    }

    /// Writes down one entry of the host's, in which a guest has few words. What is too large all the same has too many.
    fn note(&self, mut note: Note) -> Result<usize, CallError> {
        for (_, words) in &mut note.details {
            if let Cow::Owned(fewer) = brief(words) {
                *words = fewer;
            }
        }
        self.grant.audit().note(Who::Host, note).map_err(|error| match error {
            AuditError::TooLarge { .. } => ended(&End::Limit(Limit::AuditBytes), self.limits(), Blame::Guest),
            error => CallError::Host(error.to_string()),
        })
    }
}

/// An answer about what was asked, and about nothing else.
fn within(waiting: &[Waiting], answer: Answer<Review>) -> wasmtime::Result<Answer<Review>> {
    let asked: HashSet<_> =
        waiting.iter().filter_map(|waiting| waiting.last.change.as_ref()).map(|it| &it.id).collect();
    let stranger = answer.iter().flat_map(|review| &review.moved).find(|reviewed| !asked.contains(&reviewed.change));
    match stranger {
        Some(Reviewed { change, .. }) => {
            Err(wasmtime::Error::msg(format!("it answered for `{}`, which it was not asked about", brief(change))))
        }
        None => Ok(answer),
    }
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
    let (mut either, mut clock) = (pin!(either), pin!(tokio::time::sleep(meter.left())));
    poll_fn(|context| {
        meter.begin_turn();
        match either.as_mut().poll(context) {
            // A guest that rests ends itself in its next turn, and tells whose code it was.
            Poll::Pending if meter.is_resting() => Poll::Pending,
            Poll::Pending if meter.is_over() => Poll::Ready(Watched::TimedOut),
            Poll::Pending => clock.as_mut().poll(context).map(|()| Watched::TimedOut),
            watched => watched,
        }
    })
    .await
}
