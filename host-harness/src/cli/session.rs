//! A plugin in its sandbox, ready to be called: what the commands that call it have in common.

use super::{Misuse, progress::Progress, way::Way};
use anyhow::{Context as _, Result, anyhow};
use host_harness::grant::{AuditLog, Credential, Grant, Observer};
use host_harness::guest;
use host_harness::runtime::{Host, Plugin, limits::Limits};
use host_harness::settings::Settings;
use itsm_contract::answers::{Finding, Health};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The workspace that this was built in.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Where within it compiled components are kept: beside the guests that were built, so that `cargo clean` forgets both.
const COMPILED: &str = "target/guest/compiled";

/// A plugin with its grant.
pub struct Session(Plugin);

/// Opens a [`Session`].
pub struct Opening<'a> {
    component: &'a Path,
    settings: &'a Settings,
    audit: &'a Path,
    credential: Option<Credential>,
    observer: Option<Arc<dyn Observer>>,
    limits: Limits,
    only_reads: bool,
    alone: bool,
    way: Way,
}

impl Session {
    /// A plugin from this component, granted the instance that the settings name; what it does is written to `audit`.
    pub fn of<'a>(component: &'a Path, settings: &'a Settings, audit: &'a Path) -> Opening<'a> {
        let limits = Limits::default();
        Opening {
            component,
            settings,
            audit,
            credential: None,
            observer: None,
            limits,
            only_reads: false,
            alone: false,
            way: Way::default(),
        }
    }

    /// The plugin itself.
    pub fn into_plugin(self) -> Plugin {
        self.0
    }
}

impl Opening<'_> {
    /// Who the host is to ServiceNow.
    pub fn credential(self, credential: impl Into<Option<Credential>>) -> Self {
        Self { credential: credential.into(), ..self }
    }

    /// Who sees every exchange.
    pub fn observer(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// What one call may use up.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How the instance is reached.
    pub fn way(self, way: &Way) -> Self {
        Self { way: way.clone(), ..self }
    }

    /// Nothing may be changed at the instance, whatever the plugin would do.
    pub fn only_reads(self, only_reads: bool) -> Self {
        Self { only_reads, ..self }
    }

    /// No other service may write the same log.
    pub fn alone(self) -> Self {
        Self { alone: true, ..self }
    }

    /// Loads the component. Settings that the plugin cannot use are told here, with the line that they stand on, before
    /// anything is sent.
    pub async fn open(self) -> Result<Session> {
        let Self { component, settings, audit, credential, observer, limits, only_reads, alone, way } = self;
        let host = Host::new(limits.clone())?;
        // Where there is no workspace any more, every start compiles: on another machine the path may be anybody's.
        let workspace = Path::new(WORKSPACE);
        let cached = workspace.join("Cargo.toml").is_file().then(|| host.clone().with_cache(&workspace.join(COMPILED)));
        let host = cached.and_then(Result::ok).unwrap_or(host);
        let egress = way.egress(settings.egress());
        let egress = if only_reads { egress.reads_only() } else { egress };
        let log = AuditLog::open(audit).with_context(|| format!("cannot keep the audit log {}", audit.display()))?;
        let audit = match alone {
            true => log.alone().map_err(|error| Misuse(error.to_string()))?,
            false => log,
        };
        let mut grant = way.add_to(Grant::builder(settings.to_json(), egress, Arc::new(audit)).limits(&limits))?;
        if let Some(credential) = credential {
            grant = grant.credential(credential);
        }
        if let Some(observer) = observer {
            grant = grant.observer(observer);
        }
        let grant = grant.build().map_err(|error| Misuse(error.to_string()))?;
        let plugin = host.load(component)?.plugin(grant)?;
        let findings = plugin.validate(&settings.to_json()).await?;
        match findings.into_iter().find(|finding| finding.health == Health::Broken) {
            Some(finding) => Err(unusable(settings, finding)),
            None => Ok(Session(plugin)),
        }
    }
}

impl Deref for Session {
    type Target = Plugin;

    fn deref(&self) -> &Plugin {
        &self.0
    }
}

/// The component: the one given, or the stock one, built from sources where it must be.
pub fn component(given: Option<&Path>, progress: Progress) -> Result<PathBuf> {
    match given {
        Some(path) => Ok(path.to_owned()),
        None => Ok(guest::build(&guest::Mapping::Stock, &|what| progress.tell(&what.to_string()))?.path),
    }
}

/// The credential, from the command line. It must be the one that the settings name.
pub fn credential(source: Option<&str>, settings: &Settings) -> Result<Credential> {
    let wanted = settings.credential();
    let source = source.ok_or_else(|| {
        Misuse(format!(
            "{} names the credential `{wanted}`: give it with --credential {wanted}=env:VARIABLE or \
             --credential {wanted}=file:PATH",
            settings.name(),
        ))
    })?;
    let credential = Credential::parse(source).map_err(|error| Misuse(error.to_string()))?;
    if credential.name() != wanted {
        return Err(Misuse(format!(
            "{} names the credential `{wanted}`, and --credential gives `{}`",
            settings.name(),
            credential.name()
        ))
        .into());
    }
    credential.check().map_err(|error| Misuse(error.to_string()))?;
    Ok(credential)
}

/// A fault of the settings, with the line of the key that the plugin names in backticks in its remedy.
fn unusable(settings: &Settings, finding: Finding) -> anyhow::Error {
    let Some(problem) = finding.problem else { return anyhow!("{}: {} is broken", settings.name(), finding.subject) };
    let key = problem.remedy.split('`').nth(1).unwrap_or_default();
    let summary = problem.summary.strip_prefix(&format!("{key}: ")).unwrap_or(&problem.summary);
    at(settings, key, summary)
}

fn at(settings: &Settings, key: &str, what: &str) -> anyhow::Error {
    let line = settings.line(key).map(|line| format!(":{line}")).unwrap_or_default();
    Misuse(format!("{}{line}: {key}: {what}", settings.name())).into()
}
