//! `mapping`: a new mapping to start from, and what an instance keeps of what a mapping says.

use super::{Exit, Misuse, progress::Progress, session, way::Way, words::line};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use host_harness::file;
use host_harness::grant::{AuditLog, Grant};
use host_harness::guest::{self, Language};
use host_harness::mapping::{self, Finding, MappingError, Outcome, Recorded, Subject};
use host_harness::runtime::limits::COMPONENT_BYTES;
use host_harness::settings::Settings;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to do with mappings.
#[derive(Subcommand)]
pub enum Mapping {
    /// Write a mapping that builds as it is, in a folder of its name
    New(New),
    /// Hold what a mapping says against an instance: what it would drop, empty, refuse or cut
    Check(Check),
}

/// Write a mapping that builds as it is, in a folder of its name
#[derive(Args)]
pub struct New {
    /// Lower-case letters, digits and dashes
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    language: Choice,
    /// Where its folder goes
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    parent: PathBuf,
}

/// The languages, as people write them.
#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// A crate.
    Rust,
    /// A module.
    Python,
}

impl Mapping {
    /// Runs the command.
    pub async fn run(self) -> Result<Exit> {
        match self {
            Self::New(new) => new.run(),
            Self::Check(check) => check.run().await,
        }
    }
}

/// Hold what a mapping says against an instance: what it would drop, empty, refuse or cut
#[derive(Args)]
pub struct Check {
    /// The settings, with the rules in them
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// The component, or a mapping component; the stock mapping without it
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Recorded events, as `*.json`; samples without it
    #[arg(long, value_name = "FOLDER")]
    events: Option<PathBuf>,
    /// Where the credential that the settings name is: NAME=env:VARIABLE or NAME=file:PATH
    #[arg(long, value_name = "NAME=SOURCE")]
    credential: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    way: Way,
}

impl Check {
    async fn run(self) -> Result<Exit> {
        let settings = Settings::read(&self.settings)?;
        let credential = session::credential(self.credential.as_deref(), &settings)?;
        let egress = self.way.egress(settings.egress()).reads_only();
        // What is read here is nobody's decision: it goes into no log but this command's own, which ends with it.
        let folder = tempfile::tempdir()?;
        let own = Arc::new(AuditLog::open(&folder.path().join("audit.jsonl"))?);
        let grant = self.way.add_to(Grant::builder(settings.to_json(), egress, own).credential(credential))?;
        let grant = grant.build().map_err(|error| Misuse(error.to_string()))?;
        let subject = subject(self.component.as_deref())?;
        let events = events(self.events.as_deref())?;
        let found = mapping::against(&grant, &settings.to_json(), &subject.trial, &events).await;
        let findings = found.map_err(|error| told(&settings, error))?;
        if self.json {
            let events = events.iter().map(|event| (event.name.clone(), event.digest.clone().into()));
            let events: serde_json::Map<String, serde_json::Value> = events.collect();
            let json = serde_json::json!({
                "instance": settings.url(),
                "mapping": subject.mapping,
                "component": subject.component,
                "events": events,
                "findings": findings,
            });
            say!("{}", serde_json::to_string_pretty(&json)?);
        } else if findings.is_empty() {
            say!("{} keeps all that the mapping says", settings.url());
        } else {
            say!("{}", render(&findings).trim_end());
        }
        Ok(if findings.is_empty() { Exit::Done } else { Exit::No })
    }
}

/// The mapping that is looked at: the one in this component, or the stock one, built where it must be.
pub fn subject(component: Option<&Path>) -> Result<Subject> {
    let Some(path) = component else {
        let progress = Progress::new();
        let bytes = guest::mapping_component(&guest::Mapping::Stock, &|what| progress.tell(&what.to_string()))?;
        return Ok(Subject::of("the stock mapping", &bytes)?);
    };
    let what = format!("`{}`", path.display());
    let unreadable = |error| Misuse(format!("cannot read {what}: {error}"));
    subject_in(&what, &file::read(path, COMPONENT_BYTES).map_err(unreadable)?)
}

/// The mapping in a component that is read already.
pub fn subject_in(what: &str, component: &[u8]) -> Result<Subject> {
    Ok(Subject::of(what, component).map_err(|error| Misuse(error.to_string()))?)
}

/// The events of a folder, or those that come with this command.
pub fn events(folder: Option<&Path>) -> Result<Vec<Recorded>> {
    let events = match folder {
        Some(folder) => mapping::recorded(folder),
        None => mapping::samples(),
    };
    Ok(events.map_err(|error| Misuse(error.to_string()))?)
}

/// A fault of the settings, with the line that it stands on.
pub fn told(settings: &Settings, error: MappingError) -> anyhow::Error {
    let key = match &error {
        MappingError::Settings { path, .. } => path.clone(),
        MappingError::Rules { path, .. } => format!("mapping.{path}"),
        _ => return error.into(),
    };
    let line = settings.line(&key).map(|line| format!(":{line}")).unwrap_or_default();
    Misuse(format!("{}{line}: {error}", settings.name())).into()
}

/// One finding a paragraph: what becomes of what, why, and what says so.
fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let outcome = match finding.outcome {
            Outcome::Refused => "refused",
            Outcome::Dropped => "dropped",
            Outcome::Emptied => "emptied",
            Outcome::Cut => "cut",
        };
        let field = finding.field.as_ref().map(|field| format!(".{field}")).unwrap_or_default();
        let value = finding.value.as_ref().map(|value| format!(" = {value:?}")).unwrap_or_default();
        let what = line(&format!("{}{field}{value}  ({})", finding.table, finding.kinds.join(", ")));
        text.push_str(&format!("{outcome:8} {what}\n"));
        text.push_str(&format!("         {}\n", line(&finding.why)));
        text.push_str(&format!("         said by {}\n", line(&finding.from.join("; "))));
    }
    text
}

impl New {
    fn run(self) -> Result<Exit> {
        let language = match self.language {
            Choice::Rust => Language::Rust,
            Choice::Python => Language::Python,
        };
        let folder =
            guest::new_mapping(&self.parent, &self.name, language).map_err(|error| Misuse(error.to_string()))?;
        say!("{}", folder.display());
        say!("build it with: itsm-harness build --mapping {}", folder.display());
        Ok(Exit::Done)
    }
}
