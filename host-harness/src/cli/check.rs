//! `check`: what a component wants and offers, before anybody runs it; with settings, what its mapping makes of recorded
//! events.

use super::words::{line, printable};
use super::{Exit, Misuse, mapping};
use anyhow::Result;
use clap::Args;
use host_harness::file;
use host_harness::mapping::Shown;
use host_harness::runtime::{
    Host,
    limits::{COMPONENT_BYTES, Limits},
};
use host_harness::settings::Settings;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Show what a component imports and exports; refuse what a host would refuse
#[derive(Args)]
pub struct Check {
    /// The component
    #[arg(value_name = "COMPONENT")]
    component: PathBuf,
    /// Show what its mapping makes of recorded events, beside the plugin's own fields, with these settings
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// The recorded events, as `*.json`; samples without it
    #[arg(long, value_name = "FOLDER", requires = "settings")]
    events: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Runs the command.
    pub fn run(self) -> Result<Exit> {
        let host = Host::new(Limits::default())?;
        let what = format!("`{}`", self.component.display());
        let unreadable = |error| Misuse(format!("cannot read {what}: {error}"));
        let bytes = match file::read(&self.component, COMPONENT_BYTES) {
            Err(error) if self.json && error.kind() == ErrorKind::FileTooLarge => {
                self.refuse(&error.to_string());
                return Ok(Exit::No);
            }
            read => read.map_err(unreadable)?,
        };
        let inspection = match host.inspect(&what, &bytes) {
            Ok(inspection) => inspection,
            Err(error) => {
                self.refuse(&error.to_string());
                return Ok(Exit::No);
            }
        };
        // Loading compares every function with the contract, and names the one that differs.
        let refusal = host.load_bytes(&what, &bytes).err().map(|error| error.to_string());
        let shown = match refusal {
            None => self.shown(&what, &bytes)?,
            // Nobody need agree on what no host loads.
            Some(_) => None,
        };
        let figures = host.limits().figures();
        if self.json {
            let imports: Vec<_> = inspection
                .imports
                .iter()
                .map(|(name, class)| serde_json::json!({"name": name, "class": class.to_string()}))
                .collect();
            let limits: serde_json::Map<_, _> = figures
                .iter()
                .map(|(name, figure, unit)| ((*name).to_owned(), serde_json::json!({"allowed": figure, "unit": unit})))
                .collect();
            let json = serde_json::json!({
                "kind": "component",
                "digest": inspection.digest,
                "size": inspection.bytes,
                "contract": inspection.version,
                "imports": imports,
                "exports": inspection.exports,
                "limits": limits,
                "refusal": refusal,
                "shown": shown,
            });
            say!("{}", serde_json::to_string_pretty(&json)?);
        } else {
            say!("{what}  component, {} KB, {}", inspection.bytes.div_ceil(1000), inspection.digest);
            let version = inspection.version.as_deref().unwrap_or("none");
            say!("contract\n           openfactory:itsm@{}", line(version));
            say!("imports");
            for (name, class) in &inspection.imports {
                say!("  {:8} {}", class.to_string(), line(name));
            }
            say!("exports");
            for name in &inspection.exports {
                say!("           {}", line(name));
            }
            say!("limits of a call");
            for (name, figure, unit) in &figures {
                say!("           {name:20} {figure} {unit}");
            }
            match &refusal {
                Some(why) => self.refuse(why),
                None => say!("a host loads it"),
            }
            if let Some(shown) = &shown {
                say!("\n{}", printable(shown.to_string().trim_end()));
            }
        }
        let is_whole = shown.is_none_or(|shown| shown.is_whole());
        Ok(if refusal.is_none() && is_whole { Exit::Done } else { Exit::No })
    }

    /// What the mapping makes of the events.
    fn shown(&self, what: &str, component: &[u8]) -> Result<Option<Shown>> {
        let Some(settings) = &self.settings else { return Ok(None) };
        let settings = Settings::read(settings)?;
        let subject = mapping::subject_in(what, component)?;
        let events = mapping::events(self.events.as_deref())?;
        let shown =
            Shown::of(&subject, &settings.to_json(), &events).map_err(|error| mapping::told(&settings, error))?;
        Ok(Some(shown))
    }

    /// What is no component has nothing else to show.
    fn refuse(&self, why: &str) {
        if self.json {
            say!("{}", serde_json::json!({"refusal": why}));
        } else {
            say!("refused: {}", printable(why));
        }
    }
}
