//! What a record says: the plugin's own fields, as the customer's mapping changes them, within what ServiceNow keeps.
//!
//! Identity, state and approval are the plugin's own. They are not offered to a mapping, and refused when it returns
//! them: a mapping cannot open a gate.

mod column;
#[cfg(test)]
mod tests;

pub use column::{Column, column_of, reference_of};

use crate::plugin::{Plugin, is_sys_id};
use crate::servicenow::{Error, Kind, Record};
use crate::settings::Settings;
use crate::transport::{Field, Mapped, Value};
use itsm_contract::answers::PlannedField;
use itsm_contract::is_reserved;
use itsm_contract::types::{Failure, Problem};
use serde::Serialize;
use serde_json::Map;

/// A kind of record that a mapping speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A build's change request.
    BuildChange,
    /// A deployment's change request.
    DeployChange,
    /// An incident.
    Incident,
    /// An image's configuration item.
    Image,
    /// A system's configuration item.
    System,
}

impl RecordKind {
    /// As the contract's `mapping` interface calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildChange => "build-change",
            Self::DeployChange => "deploy-change",
            Self::Incident => "incident",
            Self::Image => "image",
            Self::System => "system",
        }
    }
}

/// What is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filled {
    /// For a configuration item: its class, where the mapping names one.
    pub class_name: Option<String>,
    /// By ServiceNow's names; references as their `sys_id`s.
    pub values: Map<String, serde_json::Value>,
    /// The names of those that the mapping set.
    pub mapped: Vec<String>,
}

/// Lets the mapping change the plugin's own fields, resolves references, and keeps to ServiceNow's lengths.
///
/// # Errors
/// `Misconfigured` where the mapping complains or returns a field that is not its own, or a name that nothing has.
pub fn fill(
    plugin: &Plugin,
    kind: RecordKind,
    event: &impl Serialize,
    defaults: Vec<Field>,
) -> Result<Filled, Failure> {
    let event = serde_json::to_string(event).map_err(|error| failure("mapping.event", error.to_string()))?;
    fill_from(plugin, kind, &event, defaults)
}

fn fill_from(plugin: &Plugin, kind: RecordKind, event: &str, defaults: Vec<Field>) -> Result<Filled, Failure> {
    let mapped = match plugin.grants().mapping {
        None => Mapped { class_name: None, fields: defaults.clone() },
        Some(mapping) => {
            let rules = serde_json::Value::Object(plugin.settings().mapping.rules.clone()).to_string();
            mapping.apply(&rules, kind.name(), event, defaults.clone()).map_err(|complaint| {
                failure("mapping.failed", format!("`{}`: {}", complaint.path, complaint.message))
            })?
        }
    };
    keep_to_limits(plugin, kind, mapped, &defaults)
}

fn keep_to_limits(plugin: &Plugin, kind: RecordKind, mapped: Mapped, defaults: &[Field]) -> Result<Filled, Failure> {
    if let Some(field) = mapped.fields.iter().find(|field| is_reserved(&field.name)) {
        return Err(failure("mapping.reserved-field", format!("`{}` is not the mapping's to set", field.name)));
    }
    let set: Vec<&Field> = mapped.fields.iter().filter(|field| !defaults.contains(field)).collect();
    column::learn(plugin, kind, mapped.class_name.as_deref(), &set)?;
    let mut filled = Filled { mapped: set.iter().map(|field| field.name.clone()).collect(), ..Filled::default() };
    filled.class_name = mapped.class_name;
    for field in mapped.fields {
        let value = match field.value {
            Value::Text(text) => cut(plugin, kind, &field.name, text),
            Value::Named(name) => resolve(plugin, kind, &field.name, name)?,
        };
        filled.values.insert(field.name, value.into());
    }
    Ok(filled)
}

/// Fields that read back empty whatever they hold.
const JOURNALS: &[&str] = &["comments", "work_notes"];

impl Filled {
    /// These fields, and those that the mapping set: what is read back of a record that is written.
    pub fn read_back(&self, fields: &str) -> String {
        let mut read = fields.to_owned();
        for name in self.mapped.iter().filter(|name| !fields.split(',').any(|field| field == **name)) {
            read.push(',');
            read.push_str(name);
        }
        read
    }

    /// Tells of what the instance did not keep of the mapping's fields: a column that it lacks, a choice that it does not
    /// have. The reply to a write shows the record as it is stored, so this costs no request.
    pub fn tell_lost(&self, plugin: &Plugin, key: &str, stored: &Record) {
        for name in self.mapped.iter().filter(|name| !JOURNALS.contains(&name.as_str())) {
            let value = self.values.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
            if !value.is_empty() && stored.text(name).is_empty() {
                let became = if stored.has(name) { "emptied" } else { "dropped" };
                plugin.audit("mapping.lost", key, None, &[("field", name), ("value", value), ("became", became)]);
            }
        }
    }
}

/// What would be sent, beside what the plugin would send without a mapping. Fields that no mapping sees are the plugin's
/// own.
pub fn compare(defaults: &[Field], values: &Map<String, serde_json::Value>) -> Vec<PlannedField> {
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let default = |name: &str| {
        let field = defaults.iter().find(|field| field.name == name)?;
        let (Value::Text(value) | Value::Named(value)) = &field.value;
        Some(value.clone())
    };
    let sent = values.iter().map(|(name, value)| PlannedField {
        name: name.clone(),
        default: default(name),
        value: Some(text(value)),
    });
    let left_out = defaults.iter().filter(|field| !values.contains_key(&field.name)).map(|field| PlannedField {
        name: field.name.clone(),
        default: default(&field.name),
        value: None,
    });
    let mut fields: Vec<PlannedField> = sent.chain(left_out).collect();
    fields.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    fields
}

/// Cut to what the column keeps, with an ellipsis, and audited.
fn cut(plugin: &Plugin, kind: RecordKind, field: &str, text: String) -> String {
    let Some(length) = column::length(plugin, kind, field) else { return text };
    if text.chars().count() <= length {
        return text;
    }
    plugin.audit("mapping.cut", kind.name(), None, &[("field", field), ("length", &length.to_string())]);
    let mut kept: String = text.chars().take(length.saturating_sub(1)).collect();
    kept.push('…');
    kept
}

fn resolve(plugin: &Plugin, kind: RecordKind, field: &str, name: String) -> Result<String, Failure> {
    if name.is_empty() || is_sys_id(&name) {
        return Ok(name);
    }
    let Some((table, column)) = column::reference(plugin, field) else {
        return Err(failure("mapping.reference", format!("`{field}` cannot be given by name: give its sys_id")));
    };
    if let Some(key) = setting(plugin.settings(), kind, field, &name) {
        return plugin.named(key, &table, column, &name);
    }
    plugin.reference(&table, column, &name).map_err(|error| match error {
        Error { kind: Kind::NotFound | Kind::Ambiguous, detail, .. } => {
            failure("mapping.reference", detail.unwrap_or_default())
        }
        error => error.into(),
    })
}

/// The setting that gives this name, where it is not the mapping that does.
fn setting(settings: &Settings, kind: RecordKind, field: &str, name: &str) -> Option<&'static str> {
    let (key, given) = match (kind, field) {
        (RecordKind::BuildChange | RecordKind::DeployChange, "assignment_group") => {
            ("change.assignment-group", &settings.change.assignment_group)
        }
        (RecordKind::Incident, "assignment_group") => {
            ("incident.assignment-group", &settings.incident.assignment_group)
        }
        (RecordKind::Incident, "caller_id") => ("incident.caller", &settings.incident.caller),
        _ => return None,
    };
    (given.as_deref() == Some(name)).then_some(key)
}

fn failure(code: &str, summary: String) -> Failure {
    Failure::Misconfigured(Problem {
        code: code.into(),
        summary,
        remedy: "correct the mapping: its section in the settings, or the custom mapping build".into(),
        detail: None,
    })
}
