//! What the host gives beside HTTP: settings, a clock, the audit log, and the mapping that was plugged in.

use super::bindings::openfactory::itsm::audit;
use super::bindings::openfactory::itsm_mapping::mapping;
use super::bindings::wasi::config::store;
use crate::transport::{Audit, Complaint, Entry, Field, Grants, Mapped, Mapping, Produced, Transport, Value};
use itsm_contract::types::{Failure, Problem, Timestamp};
use std::sync::Once;

/// A value of `wasi:config`.
pub fn setting(key: &str) -> Result<Option<String>, Failure> {
    store::get(key).map_err(|error| {
        Failure::Misconfigured(Problem {
            code: "host.settings-unavailable".into(),
            summary: format!("the host cannot give `{key}`"),
            remedy: "look at the host's log".into(),
            detail: Some(format!("{error:?}")),
        })
    })
}

/// What this call may use.
pub fn grants<'a>(transport: &'a dyn Transport, audit: &'a dyn Audit) -> Result<Grants<'a>, Failure> {
    let is_off = setting("mapping")?.as_deref() == Some("off");
    Ok(Grants { transport, audit, mapping: (!is_off).then_some(&Plugged), now: now() })
}

/// Milliseconds since the epoch, by the host's clock.
fn now() -> Timestamp {
    let now = wasi::clocks::wall_clock::now();
    now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000))
}

/// Tells the host of a panic before it becomes a trap, which carries no words.
pub fn tell_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or("no message").to_owned();
            let location = panic.location().map(ToString::to_string).unwrap_or_default();
            let details = vec![("message".to_owned(), message), ("location".to_owned(), location)];
            HostAudit.append(Entry { action: "plugin.panicked", key: None, subject: None, details });
        }));
    });
}

/// The host's audit log.
pub struct HostAudit;

impl Audit for HostAudit {
    fn append(&self, entry: Entry) {
        audit::append(&audit::Entry {
            action: entry.action.to_owned(),
            key: entry.key,
            subject: entry.subject,
            details: entry.details,
        });
    }
}

/// The mapping component that was plugged in when the plugin was built.
pub struct Plugged;

impl Mapping for Plugged {
    fn check_rules(&self, rules: &str) -> Result<Vec<Produced>, Vec<Complaint>> {
        match mapping::check_rules(rules) {
            Ok(kinds) => Ok(kinds
                .into_iter()
                .map(|kind| Produced { kind: kind.kind, fields: kind.fields, open: kind.open })
                .collect()),
            Err(complaints) => Err(complaints.into_iter().map(complaint).collect()),
        }
    }

    fn apply(&self, rules: &str, kind: &str, event: &str, defaults: Vec<Field>) -> Result<Mapped, Complaint> {
        let defaults: Vec<mapping::Field> = defaults.into_iter().map(to_wit).collect();
        let mapped = mapping::apply(rules, kind, event, &defaults).map_err(complaint)?;
        Ok(Mapped { class_name: mapped.class_name, fields: mapped.fields.into_iter().map(from_wit).collect() })
    }
}

fn complaint(complaint: mapping::Complaint) -> Complaint {
    Complaint {
        path: complaint.path,
        position: complaint.line.map(|line| (line, complaint.column.unwrap_or(1))),
        message: complaint.message,
    }
}

fn to_wit(field: Field) -> mapping::Field {
    let value = match field.value {
        Value::Text(text) => mapping::Value::Text(text),
        Value::Named(name) => mapping::Value::Named(name),
    };
    mapping::Field { name: field.name, value }
}

fn from_wit(field: mapping::Field) -> Field {
    let value = match field.value {
        mapping::Value::Text(text) => Value::Text(text),
        mapping::Value::Named(name) => Value::Named(name),
    };
    Field { name: field.name, value }
}
