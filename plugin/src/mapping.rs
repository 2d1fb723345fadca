//! What a record says: the plugin's own fields, as the customer's mapping changes them, within what ServiceNow keeps.
//!
//! Identity, state and approval are the plugin's own. They are not offered to a mapping, and refused when it returns
//! them: a mapping cannot open a gate.

use crate::plugin::{Plugin, is_sys_id};
use crate::servicenow::{Error, Kind};
use crate::settings::Settings;
use crate::transport::{Field, Mapped, Value};
use itsm_contract::answers::PlannedField;
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

/// Fields that no mapping may set, beside all that begin with `sys_`.
const RESERVED: &[&str] = &[
    "active",
    "approval",
    "approval_history",
    "approval_set",
    "chg_model",
    "close_code",
    "close_notes",
    "closed_at",
    "closed_by",
    "correlation_display",
    "correlation_id",
    "incident_state",
    "number",
    "on_hold",
    "phase",
    "phase_state",
    "state",
    "std_change_producer_version",
    "type",
    "upon_approval",
    "upon_reject",
];

/// `varchar` columns and their lengths: what is longer is cut by the database without a word. Longer columns are
/// `mediumtext`, whatever `max_length` says (KB0685779).
const LENGTHS: &[(&str, usize)] = &[("short_description", 160), ("name", 255), ("correlation_display", 100)];

/// Where a reference by name is looked up, by the field that holds it.
const REFERENCES: &[(&str, &str, &str)] = &[
    ("assigned_to", "sys_user", "user_name"),
    ("assignment_group", "sys_user_group", "name"),
    ("business_service", "cmdb_ci_service", "name"),
    ("caller_id", "sys_user", "user_name"),
    ("cmdb_ci", "cmdb_ci", "name"),
    ("company", "core_company", "name"),
    ("location", "cmn_location", "name"),
    ("managed_by", "sys_user", "user_name"),
    ("opened_by", "sys_user", "user_name"),
    ("owned_by", "sys_user", "user_name"),
    ("requested_by", "sys_user", "user_name"),
    ("service_offering", "service_offering", "name"),
    ("support_group", "sys_user_group", "name"),
];

/// Whether a mapping may not set this field.
pub fn is_reserved(field: &str) -> bool {
    field.starts_with("sys_") || RESERVED.contains(&field)
}

/// What is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filled {
    /// For a configuration item: its class, where the mapping names one.
    pub class_name: Option<String>,
    /// By ServiceNow's names; references as their `sys_id`s.
    pub values: Map<String, serde_json::Value>,
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
    let mapped = match plugin.grants().mapping {
        None => Mapped { class_name: None, fields: defaults },
        Some(mapping) => {
            let event = serde_json::to_string(event).map_err(|error| failure("mapping.event", error.to_string()))?;
            let rules = serde_json::Value::Object(plugin.settings().mapping.rules.clone()).to_string();
            mapping.apply(&rules, kind.name(), &event, defaults).map_err(|complaint| {
                failure("mapping.failed", format!("`{}`: {}", complaint.path, complaint.message))
            })?
        }
    };
    let mut filled = Filled { class_name: mapped.class_name, values: Map::new() };
    for field in mapped.fields {
        if is_reserved(&field.name) {
            return Err(failure("mapping.reserved-field", format!("`{}` is not the mapping's to set", field.name)));
        }
        let value = match field.value {
            Value::Text(text) => cut(plugin, kind, &field.name, text),
            Value::Named(name) => resolve(plugin, kind, &field.name, name)?,
        };
        filled.values.insert(field.name, value.into());
    }
    Ok(filled)
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
    fields.sort_by(|one, other| one.name.cmp(&other.name));
    fields
}

/// Cut to what the column keeps, with an ellipsis, and audited.
fn cut(plugin: &Plugin, kind: RecordKind, field: &str, text: String) -> String {
    let Some((_, length)) = LENGTHS.iter().find(|(name, _)| *name == field) else { return text };
    if text.chars().count() <= *length {
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
    let Some((_, table, column)) = REFERENCES.iter().find(|(known, ..)| *known == field) else {
        return Err(failure("mapping.reference", format!("`{field}` cannot be given by name: give its sys_id")));
    };
    if let Some(key) = setting(plugin.settings(), kind, field, &name) {
        return plugin.named(key, table, column, &name);
    }
    plugin.reference(table, column, &name).map_err(|error| match error {
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
