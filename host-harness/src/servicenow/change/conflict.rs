//! Conflicts of a planned change: blackouts, maintenance windows, other changes on the same CI.

use super::model::{CANCELED, CLOSED, NEW};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;

/// A conflict that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `blackout`, `not_in_maintenance_window` or `already_scheduled`.
    pub kind: &'static str,
    /// The CI.
    pub ci: String,
    /// The other change, if it is one.
    pub other: String,
    /// The schedule, if it is one.
    pub schedule: String,
}

/// What stands in the way of work on these CIs between two moments, as the database writes them.
pub fn detect(engine: &Engine, change: &str, cis: &[String], from: &str, to: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let schedules = engine.find("cmn_schedule", "");
    for ci in cis {
        let concerns = |schedule: &&&Record| {
            schedule.lacks("applies_to") || schedule.get("applies_to").split(',').any(|one| one == ci)
        };
        let overlaps = |start: &str, end: &str| start < to && end > from;
        for blackout in schedules.iter().filter(|schedule| schedule.get("type") == "blackout").filter(concerns) {
            if overlaps(blackout.get("start_date_time"), blackout.get("end_date_time")) {
                let schedule = blackout.sys_id().to_owned();
                found.push(Found { kind: "blackout", ci: ci.clone(), other: String::new(), schedule });
            }
        }
        let windows: Vec<_> =
            schedules.iter().filter(|schedule| schedule.get("type") == "maintenance").filter(concerns).collect();
        let inside = |window: &&&&Record| window.get("start_date_time") <= from && window.get("end_date_time") >= to;
        if !windows.is_empty() && !windows.iter().any(|window| inside(&window)) {
            let (other, schedule) = (String::new(), String::new());
            found.push(Found { kind: "not_in_maintenance_window", ci: ci.clone(), other, schedule });
        }
        for other in engine.find("change_request", &format!("active=true^cmdb_ci={ci}")) {
            let planned = !matches!(other.get("state"), NEW | CLOSED | CANCELED);
            if other.sys_id() != change
                && planned
                && !other.lacks("start_date")
                && overlaps(other.get("start_date"), other.get("end_date"))
            {
                let other = other.sys_id().to_owned();
                found.push(Found { kind: "already_scheduled", ci: ci.clone(), other, schedule: String::new() });
            }
        }
    }
    found
}

/// The CIs that a change touches: its own and the affected ones.
pub fn cis_of(engine: &Engine, change: &Record) -> Vec<String> {
    let mut cis: Vec<String> =
        engine.having("task_ci", "task", change.sys_id()).iter().map(|row| row.get("ci_item").to_owned()).collect();
    let own = change.get("cmdb_ci").to_owned();
    if !own.is_empty() && !cis.contains(&own) {
        cis.insert(0, own);
    }
    cis
}

/// Checks a change and writes down what was found. Without CI or planned dates there is nothing to check, and nothing
/// is written.
pub fn run(engine: &mut Engine, caller: &Caller, change: &Record) -> Result<(), Refusal> {
    let cis = cis_of(engine, change);
    if cis.is_empty() || change.lacks("start_date") || change.lacks("end_date") {
        return Ok(());
    }
    clear(engine, change.sys_id());
    let found = detect(engine, change.sys_id(), &cis, change.get("start_date"), change.get("end_date"));
    let now = engine.now();
    for conflict in &found {
        let values = [
            ("change", change.sys_id()),
            ("configuration_item", conflict.ci.as_str()),
            ("type", conflict.kind),
            ("conflicting_change", conflict.other.as_str()),
            ("schedule", conflict.schedule.as_str()),
            ("last_checked", now.as_str()),
        ];
        engine.create(caller, "conflict", &values)?;
    }
    let status = if found.is_empty() { "No Conflict" } else { "Conflict" };
    let checked = change.clone().with("conflict_status", status).with("conflict_last_run", now);
    engine.alter(caller, checked, Vec::new())
}

/// Forgets what was found for a change.
pub fn clear(engine: &mut Engine, change: &str) {
    let rows: Vec<String> =
        engine.having("conflict", "change", change).iter().map(|row| row.sys_id().to_owned()).collect();
    for row in rows {
        engine.store.remove(&engine.dictionary, "conflict", &row);
    }
}
