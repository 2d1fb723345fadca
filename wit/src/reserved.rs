//! Fields that are the plugin's own: identity, state and approval, and what decides how a record is approved. A mapping
//! that sets one is refused, where its rules are read and where its answer is used.

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

/// Whether no mapping may set this field.
pub fn is_reserved(field: &str) -> bool {
    field.starts_with("sys_") || RESERVED.contains(&field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_state_and_approval_are_reserved_and_what_a_record_says_is_not() {
        for reserved in ["sys_id", "sys_created_on", "number", "correlation_id", "state", "approval", "type"] {
            assert!(is_reserved(reserved), "{reserved}");
        }
        for free in ["short_description", "category", "u_approval", "approval_note", "on_hold_reason"] {
            assert!(!is_reserved(free), "{free}");
        }
    }
}
