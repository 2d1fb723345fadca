//! A short run of each target.

use fuzz::{AUDIT_READER, EGRESS, ENCODED_QUERIES, EVENT_JSON, SERVICENOW_REPLIES, SETTINGS};

#[test]
fn egress() {
    EGRESS.mutate();
}

#[test]
fn settings() {
    SETTINGS.mutate();
}

#[test]
fn event_json() {
    EVENT_JSON.mutate();
}

#[test]
fn servicenow_replies() {
    SERVICENOW_REPLIES.mutate();
}

#[test]
fn encoded_queries() {
    ENCODED_QUERIES.mutate();
}

#[test]
fn audit_reader() {
    AUDIT_READER.mutate();
}
