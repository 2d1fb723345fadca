//! What a change request must have before its approval is asked for: the affected configuration items, a planned window,
//! and a look at conflicts.
//!
//! ServiceNow does the first two in the background (`202` and a worker). The guest waits for none of it: the gate pauses,
//! names the workers, and a later look goes on from there. Each worker is looked at once before that: most are done at once.

use super::items::Items;
use super::{Held, Work};
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind, List, Query, Record, datetime};
use crate::transport::Method;
use itsm_contract::types::{Failure, Gate, Schedule, Ticket, Verdict};
use serde_json::{Value, json};

/// Affected configuration items of one request: what ServiceNow gives at most without being asked for more.
const ITEMS_LIMIT: usize = 10_000;

/// What a change waits for that asks for a slot and names no configuration item.
const NO_ITEM: &str =
    "somebody to plan it: ServiceNow finds no free slot for no configuration item; then ask for approval";

/// What a change waits for whose slot is being looked for.
const SLOT: &str = "ServiceNow to find a free slot";

/// A worker's state in which it has done its work.
const COMPLETE: &str = "3";

/// A worker's state in which it has given up.
const FAILED: &str = "4";

/// Starts what is missing of a change that stands in New, and looks once whether it is done. What ServiceNow has yet to do
/// is returned, in words that name its workers; empty where all is done.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses.
pub fn prepare(
    plugin: &Plugin,
    work: Work,
    held: Held,
    items: &Items,
    is_new: bool,
) -> Result<(Held, Vec<String>), Failure> {
    let begun = begin(plugin, work, &held, items, is_new)?;
    if !begun.iter().any(|words| names_worker(words)) {
        return Ok((held, begun));
    }
    look(plugin, &held.ticket, &begun)
}

/// Looks at the workers that these words name: the change as it is now, and what it still waits for.
///
/// # Errors
/// Where ServiceNow cannot be asked.
pub fn look(plugin: &Plugin, ticket: &Ticket, waits: &[String]) -> Result<(Held, Vec<String>), Failure> {
    let mut left = still_waits(plugin, waits)?;
    let held = Held::read(plugin, ticket)?;
    let is_slot_wanted = waits.iter().any(|words| words.starts_with(SLOT));
    if left.is_empty() && is_slot_wanted && held.change.start.is_none() {
        left.push(format!(
            "somebody to plan {}: ServiceNow found no free slot; then ask for approval",
            held.change.number
        ));
    }
    Ok((held, left))
}

fn begin(plugin: &Plugin, work: Work, held: &Held, items: &Items, is_new: bool) -> Result<Vec<String>, Failure> {
    let mut waits = Vec::new();
    let sys_id = &held.change.sys_id;
    let attached = match items.known.is_empty() || is_new {
        true => Vec::new(),
        false => attached(plugin, sys_id)?,
    };
    let missing: Vec<&String> = items.known.iter().filter(|id| !attached.contains(id)).collect();
    if !missing.is_empty() {
        let body = json!({"association_type": "affected", "cmdb_ci_sys_ids": missing});
        let target = format!("/api/sn_chg_rest/change/{sys_id}/ci");
        let worker = plugin.client().call(Method::Post, target, Some(&body), "POST change ci")?;
        waits.extend(unfinished(&worker, &format!("ServiceNow to attach {} configuration items", missing.len())));
        let count = missing.len().to_string();
        plugin.audit("change.items-attached", &work.delivery().key, Some(&held.ticket), &[("count", &count)]);
    }
    if let Some(length_ms) = wanted_slot(plugin, work, held) {
        if held.change.item.is_empty() {
            waits.push(NO_ITEM.into());
            return Ok(waits);
        }
        let body = json!({
            "duration_in_seconds": length_ms.div_ceil(1000),
            "planned_start_time": datetime::text(plugin.now()),
        });
        let target = format!("/api/sn_chg_rest/change/{sys_id}/schedule/first_available");
        let worker = plugin.client().call(Method::Patch, target, Some(&body), "PATCH change schedule")?;
        // Even where it is done already: the record must be read again.
        waits.push(words(SLOT, &worker));
        plugin.audit("change.slot-asked", &work.delivery().key, Some(&held.ticket), &[]);
    }
    Ok(waits)
}

/// The length of the free slot that is wanted, in milliseconds; none where a window is planned already.
fn wanted_slot(plugin: &Plugin, work: Work, held: &Held) -> Option<u64> {
    if held.change.start.is_some() {
        return None;
    }
    match work.schedule() {
        Some(Schedule::FirstFree(length)) => Some(*length),
        Some(Schedule::Window(_)) => None,
        // The settings ask for a slot where one can be found.
        None => plugin.settings().change.duration.filter(|_| !held.change.item.is_empty()).map(|duration| duration.0),
    }
}

/// The configuration items that are attached already.
fn attached(plugin: &Plugin, sys_id: &str) -> Result<Vec<String>, Error> {
    let list = items_of(&[sys_id]);
    let rows = plugin.client().list(list.table, &list.query, list.fields, list.limit)?;
    Ok(rows.iter().filter(|row| row.text("task") == sys_id).map(|row| row.text("ci_item").into_owned()).collect())
}

/// The affected configuration items of these changes.
pub fn items_of(changes: &[&str]) -> List<'static> {
    let query = Query::new().one_of("task", changes.iter().copied()).ordered_by("sys_id");
    List { table: "task_ci", query, fields: "task,ci_item,sys_created_on", limit: ITEMS_LIMIT, is_displayed: false }
}

/// Starts a look for conflicts. Its result is read when the gate is judged.
///
/// # Errors
/// Where ServiceNow cannot be asked.
pub fn look_for_conflicts(plugin: &Plugin, held: &Held) -> Result<(), Error> {
    let change = &held.change;
    let is_planned = change.start.is_some() && change.end.is_some() && !change.item.is_empty();
    if !plugin.settings().approval.conflicts || !is_planned {
        return Ok(());
    }
    let target = format!("/api/sn_chg_rest/change/{}/conflict", change.sys_id);
    match plugin.client().call(Method::Post, target, None, "POST change conflict") {
        Err(error) if error.kind.is_passing() && error.kind != Kind::ReplyUnexpected => Err(error),
        // A change that ServiceNow does not look at now is looked at when its gate is judged.
        _ => Ok(()),
    }
}

/// How the words begin of what a person has to do before approval is asked for. No words of other people's begin so.
const A_PERSONS: [&str; 2] = ["somebody to plan ", "somebody to help "];

/// Of the words of a gate those that say what a person has to do before approval is asked for.
pub fn left_to_people(last: &Gate) -> Vec<String> {
    let Verdict::Pause(pause) = &last.verdict else { return Vec::new() };
    let is_one = |words: &&String| A_PERSONS.iter().any(|begin| words.starts_with(begin));
    pause.waiting_for.iter().filter(is_one).cloned().collect()
}

/// Whether these words name a worker.
pub fn names_worker(words: &str) -> bool {
    worker_in(words).is_some()
}

/// What is left of what ServiceNow had to do: words whose worker is not done yet, and the messages of those that failed.
///
/// # Errors
/// Where ServiceNow cannot be asked.
fn still_waits(plugin: &Plugin, waits: &[String]) -> Result<Vec<String>, Error> {
    let mut left = Vec::new();
    for wait in waits {
        let Some(id) = worker_in(wait) else {
            if wait == NO_ITEM {
                left.push(wait.clone());
            }
            continue;
        };
        let target = format!("/api/sn_chg_rest/change/worker/{id}");
        match plugin.client().call(Method::Get, target, None, "GET change worker") {
            Ok(worker) => match &*state(&worker) {
                COMPLETE => {}
                FAILED => left.push(failed(wait, &worker)),
                _ => left.push(wait.clone()),
            },
            // Workers are not kept for ever: the change itself shows what became of it.
            Err(Error { kind: Kind::NotFound, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(left)
}

fn failed(wait: &str, worker: &Value) -> String {
    let messages = worker.pointer("/messages/errorMessages").and_then(Value::as_array).into_iter().flatten();
    let messages: Vec<&str> = messages.filter_map(Value::as_str).collect();
    let task = wait.rsplit_once(" (worker ").map_or(wait, |(task, _)| task);
    format!("somebody to help {task}: {}; then ask for approval", messages.join("; "))
}

/// `state.value` of a worker, whether it is a number or text.
fn state(worker: &Value) -> String {
    let state = worker.get("state").cloned().and_then(Record::new).unwrap_or_default();
    state.text("value").into_owned()
}

/// The words for a worker that is not done yet.
fn unfinished(worker: &Value, task: &str) -> Option<String> {
    (state(worker) != COMPLETE).then(|| words(task, worker))
}

fn words(task: &str, worker: &Value) -> String {
    let id = worker.pointer("/worker/sysId").and_then(Value::as_str).unwrap_or_default();
    format!("{task} (worker {id})")
}

/// The worker that such words name.
fn worker_in(words: &str) -> Option<&str> {
    // No words of other people's begin so.
    let id = words.strip_prefix("ServiceNow to ")?.rsplit_once(" (worker ")?.1.strip_suffix(')')?;
    crate::plugin::is_sys_id(id).then_some(id)
}
