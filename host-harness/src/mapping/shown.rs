//! The fields before and after, of recorded events: a text that a customer signs, with the digests of what it is about.

use super::{MappingError, Record, Recorded, Subject, records};
use crate::guest::digest;
use crate::guest::trial::{Field, Value};
use serde::Serialize;
use std::fmt::{self, Display};

/// What a mapping makes of recorded events.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shown {
    /// `sha256:…` of the plugin's component with the mapping in it; none for a mapping alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// `sha256:…` of the mapping's component.
    pub mapping: String,
    /// `sha256:…` of the settings, as they are handed to the plugin.
    pub settings: String,
    /// In the order of their names.
    pub events: Vec<Event>,
}

/// What is made of one event.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Its file's name.
    pub name: String,
    /// `sha256:…` of the file.
    pub digest: String,
    /// None where the event makes no record.
    pub records: Vec<Made>,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Made {
    /// `build-change`, `deploy-change`, `incident`, `image` or `system`.
    pub kind: String,
    /// A system's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is made.
    pub table: String,
    /// In the order of their names.
    pub fields: Vec<Line>,
    /// Why the mapping makes nothing of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// One field, before and after.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// By ServiceNow's name.
    pub name: String,
    /// What the plugin would send without a mapping.
    pub before: Option<Said>,
    /// What it sends.
    pub after: Option<Said>,
}

/// What a field holds: a text, or the name of the record that it refers to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// A text.
    Text(String),
    /// A record, by its name.
    Named(String),
}

impl Shown {
    /// Runs the mapping over the events. `settings` are the whole settings as JSON.
    ///
    /// # Errors
    /// Where the settings cannot be used. What the mapping makes nothing of is part of what is shown.
    pub fn of(subject: &Subject, settings: &str, events: &[Recorded]) -> Result<Self, MappingError> {
        let mut shown = Vec::new();
        for recorded in events {
            let records = records(settings, &subject.trial, recorded)?.into_iter().map(Made::of).collect();
            shown.push(Event { name: recorded.name.clone(), digest: recorded.digest.clone(), records });
        }
        Ok(Self {
            component: subject.component.clone(),
            mapping: subject.mapping.clone(),
            settings: digest(settings.as_bytes()),
            events: shown,
        })
    }

    /// Whether the mapping made something of every record.
    pub fn is_whole(&self) -> bool {
        self.events.iter().flat_map(|event| &event.records).all(|record| record.failure.is_none())
    }
}

impl Made {
    fn of(record: Record) -> Self {
        let said = |field: &Field| match &field.value {
            Value::Text(text) => Said::Text(text.clone()),
            Value::Named(name) => Said::Named(name.clone()),
        };
        let find = |fields: &[Field], name: &str| fields.iter().find(|field| field.name == name).map(said);
        let (after, failure) = match record.after {
            Ok(after) => (after, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let mut names: Vec<&String> = record.before.iter().chain(&after).map(|field| &field.name).collect();
        names.sort();
        names.dedup();
        let line =
            |name: &String| Line { name: name.clone(), before: find(&record.before, name), after: find(&after, name) };
        let fields = names.into_iter().map(line).collect();
        Self { kind: record.kind, name: record.name, table: record.table, fields, failure }
    }
}

/// A field that stays has no mark; `~` is another value, `+` a field that the mapping adds, `-` one that it takes out.
impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(component) = &self.component {
            writeln!(f, "component  {component}")?;
        }
        writeln!(f, "mapping    {}\nsettings   {}", self.mapping, self.settings)?;
        for event in &self.events {
            writeln!(f, "\n{}  {}", event.name, event.digest)?;
            if event.records.is_empty() {
                writeln!(f, "  makes no record")?;
            }
            for record in &event.records {
                let name = record.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
                writeln!(f, "  {}{name} in {}", record.kind, record.table)?;
                if let Some(failure) = &record.failure {
                    writeln!(f, "    ! the mapping makes nothing of it: {failure}")?;
                    continue;
                }
                let width = record.fields.iter().map(|line| line.name.len()).max().unwrap_or_default();
                for line in &record.fields {
                    line.write(f, width)?;
                }
            }
        }
        Ok(())
    }
}

impl Line {
    fn write(&self, f: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        let name = &self.name;
        // The lines of a longer text stand below each other.
        let below = |said: &Said, margin: usize| {
            let text = said.to_string();
            let mut lines = text.lines();
            let first = lines.next().unwrap_or_default().to_owned();
            lines.fold(first, |text, line| match line {
                "" => text + "\n",
                line => format!("{text}\n{:1$}{line}", "", width + margin),
            })
        };
        match (&self.before, &self.after) {
            (Some(before), Some(after)) if before == after => writeln!(f, "      {name:width$}  {}", below(after, 8)),
            (Some(before), Some(after)) => {
                writeln!(f, "    ~ {name:width$}  {}", below(before, 8))?;
                writeln!(f, "      {:width$}  → {}", "", below(after, 10))
            }
            (None, Some(after)) => writeln!(f, "    + {name:width$}  {}", below(after, 8)),
            (Some(before), None) => writeln!(f, "    - {name:width$}  {}", below(before, 8)),
            (None, None) => Ok(()),
        }
    }
}

impl Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Named(name) => write!(f, "the record `{name}`"),
        }
    }
}
