//! What an incident does by itself: priority from impact and urgency, dates of resolution, the policy on resolving.

use super::engine::Engine;
use super::engine::caller::Caller;
use super::engine::record::Record;
use super::engine::refusal::Refusal;

/// Resolved.
const RESOLVED: &str = "6";
/// Closed.
const CLOSED: &str = "7";
/// Canceled.
const CANCELED: &str = "8";

/// Priority by impact and urgency (*Priority Lookup Rules*).
fn priority(impact: &str, urgency: &str) -> Option<&'static str> {
    Some(match (impact, urgency) {
        ("1", "1") => "1",
        ("1", "2") | ("2", "1") => "2",
        ("1", "3") | ("2", "2") | ("3", "1") => "3",
        ("2", "3") | ("3", "2") => "4",
        ("3", "3") => "5",
        _ => return None,
    })
}

/// The rules that run before an incident is kept.
pub(crate) fn before(
    engine: &mut Engine,
    caller: &Caller,
    before: Option<&Record>,
    record: &mut Record,
) -> Result<(), Refusal> {
    let was = before.map_or("", |before| before.get("state")).to_owned();
    let legacy_moved = before.is_some_and(|before| before.get("incident_state") != record.get("incident_state"));
    if legacy_moved && record.get("state") == was {
        let state = record.get("incident_state").to_owned();
        record.set("state", state);
    }
    let state = record.get("state").to_owned();
    record.set("incident_state", state.as_str());
    if let Some(priority) = priority(record.get("impact"), record.get("urgency")) {
        record.set("priority", priority);
    }
    let closing = [RESOLVED, CLOSED].contains(&state.as_str());
    if closing {
        let missing = labels(engine, record, &["close_code", "close_notes"]);
        if !missing.is_empty() {
            return Err(Refusal::DataPolicy(missing));
        }
    }
    if before.is_none() {
        let mandatory = engine.properties.incident_mandatory.clone();
        let missing = labels(engine, record, &mandatory.iter().map(String::as_str).collect::<Vec<_>>());
        if !missing.is_empty() {
            return Err(Refusal::DataPolicy(missing));
        }
    }
    if state == CLOSED && was != CLOSED && !caller.has(&["itil_admin"]) {
        return Err(Refusal::Acl(super::engine::refusal::Operation::Update));
    }
    if state != was {
        let now = engine.now();
        match state.as_str() {
            RESOLVED => {
                record.set("resolved_at", now);
                record.set("resolved_by", caller.sys_id.as_str());
            }
            CLOSED => {
                record.set("closed_at", now);
                record.set("closed_by", caller.sys_id.as_str());
            }
            _ if was == RESOLVED && state != CANCELED => {
                let count = record.get("reopen_count").parse::<u64>().unwrap_or_default().saturating_add(1);
                record.set("reopen_count", count.to_string());
                record.set("reopened_time", now);
                record.set("reopened_by", caller.sys_id.as_str());
                record.set("resolved_at", "");
                record.set("resolved_by", "");
            }
            _ => {}
        }
    }
    record.set("active", if [CLOSED, CANCELED].contains(&state.as_str()) { "false" } else { "true" });
    if record.lacks("assignment_group")
        && let Some(ci) = engine.get("cmdb_ci", record.get("cmdb_ci"))
    {
        let group = ci.get("support_group").to_owned();
        record.set("assignment_group", group);
    }
    Ok(())
}

/// The labels of those columns that are empty.
fn labels(engine: &Engine, record: &Record, columns: &[&str]) -> Vec<String> {
    columns
        .iter()
        .filter(|column| record.lacks(column))
        .filter_map(|column| engine.dictionary.column("incident", column))
        .map(|column| column.label.clone())
        .collect()
}
