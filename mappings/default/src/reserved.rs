//! Fields that are the plugin's own: identity, state and approval, and what decides how a record is approved.
//!
//! The plugin refuses them when a mapping returns them. The rules are refused before that, where somebody writes them.

/// By ServiceNow's names. All that begin with `sys_` are the plugin's too.
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

/// Whether a rule may not set this field.
pub fn is_reserved(field: &str) -> bool {
    field.starts_with("sys_") || RESERVED.contains(&field)
}
