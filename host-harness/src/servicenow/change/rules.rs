//! The rules that run when a change request or one of its tasks is written.

use super::flow::Flow;
use super::model::{self, CANCELED, CLOSED, IMPLEMENT, NEW, REVIEW};
use super::template;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::{Api, Values};

/// The rule that checks state transitions on model-driven changes; its name is in every refusal.
const CHECK_STATE: (&str, &str) = ("Change Model: Check State Transition", "b6dae9e15317101034d1ddeeff7b1278");

/// The refusal of a state.
fn refused() -> Refusal {
    Refusal::BusinessRule { table: "change_request".into(), rule: CHECK_STATE.0, id: CHECK_STATE.1 }
}

/// Columns that only approvals and flows move.
const ENGINE_OWNED: &[&str] = &["approval", "approval_set", "conflict_status", "conflict_last_run"];

/// The rules that run before a change request is kept.
pub(crate) fn before(
    engine: &mut Engine,
    caller: &Caller,
    before: Option<&Record>,
    record: &mut Record,
    api: Api,
    values: &Values,
) -> Result<(), Refusal> {
    match before {
        None => born(engine, caller, record, values)?,
        Some(before) => {
            for column in ENGINE_OWNED.iter().filter(|_| api != Api::System) {
                record.set(column, before.get(column));
            }
            let (from, to) = (before.get("state"), record.get("state").to_owned());
            if to != from {
                check_state(engine, before, record, &to)?;
                enter(engine, caller, record, &to);
            }
            if matches!(to.as_str(), CLOSED | CANCELED) {
                record.set("on_hold", "false");
            }
        }
    }
    if record.is("on_hold") && record.lacks("on_hold_reason") && engine.properties.enforce_data_requirements {
        return Err(Refusal::DataPolicy(vec!["On hold reason".into()]));
    }
    record.set("priority", priority(record.get("impact"), record.get("urgency")));
    Ok(())
}

/// A change's priority by impact and urgency.
fn priority(impact: &str, urgency: &str) -> &'static str {
    match (impact, urgency) {
        ("1", "1") => "1",
        ("1", "2") | ("2", "1") => "2",
        ("1", "3") | ("2", "2") | ("3", "1") => "3",
        _ => "4",
    }
}

/// A new change: type and model agree, a template fills in what it knows, and the state is New whatever was sent.
fn born(engine: &mut Engine, caller: &Caller, record: &mut Record, values: &Values) -> Result<(), Refusal> {
    let named = |column: &str| values.iter().any(|(element, value)| element == column && !value.is_empty());
    if !record.lacks("std_change_producer_version") {
        template::apply(engine, record)?;
        record.set("type", "standard");
    }
    if !named("type") && named("chg_model") {
        let model = record.get("chg_model").to_owned();
        if let Some(kind) = engine.get("chg_model", &model).and_then(|model| preset_type(model.get("record_preset"))) {
            record.set("type", kind);
        }
    } else if record.lacks("type") || (!named("type") && record.lacks("std_change_producer_version")) {
        let kind = engine.properties.default_change_type.clone();
        record.set("type", kind);
    }
    if engine.properties.change_models && record.lacks("chg_model") {
        let kind = record.get("type").to_owned();
        let model = engine
            .having("chg_model", "table_name", "change_request")
            .into_iter()
            .find(|model| preset_type(model.get("record_preset")).as_deref() == Some(kind.as_str()))
            .map(|model| model.sys_id().to_owned());
        record.set("chg_model", model.unwrap_or_default());
    }
    if engine.properties.change_models || record.lacks("state") {
        record.set("state", NEW);
    }
    record.set("approval", "not requested");
    record.set("on_hold", "false");
    if record.lacks("requested_by") {
        record.set("requested_by", caller.sys_id.as_str());
    }
    Ok(())
}

/// The type in a model's preset, `type=normal^EQ`.
fn preset_type(preset: &str) -> Option<String> {
    preset.split('^').find_map(|term| term.strip_prefix("type=")).map(str::to_owned)
}

/// Refuses a state that cannot be reached from where the change is.
fn check_state(engine: &Engine, before: &Record, record: &Record, to: &str) -> Result<(), Refusal> {
    let properties = &engine.properties;
    let modelled = !record.lacks("chg_model");
    if modelled && properties.model_refuses_state_writes {
        return Err(refused());
    }
    // What was written beside the state counts: group, reason and close code may come with it.
    let mut judged = record.clone();
    judged.set("state", before.get("state"));
    judged.set("on_hold", before.get("on_hold"));
    let steps = model::steps(record.get("type"), before.get("state"), to);
    if !steps.iter().any(|step| model::is_open(engine, &judged, step)) {
        return Err(refused());
    }
    if to == CLOSED && properties.enforce_data_requirements {
        let missing: Vec<String> = [("close_code", "Close code"), ("close_notes", "Close notes")]
            .into_iter()
            .filter(|(column, _)| record.lacks(column))
            .map(|(_, label)| label.to_owned())
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::DataPolicy(missing));
        }
    }
    Ok(())
}

/// What an answer to a request for approval brings with it: a decision is stamped, and anything else clears the stamp
/// (business rule *Stamp Approvals*).
pub(super) fn answer(engine: &Engine, record: Record, approval: &str) -> Record {
    if record.get("approval") == approval {
        return record;
    }
    let stamp = if matches!(approval, "approved" | "rejected") { engine.now() } else { String::new() };
    record.with("approval", approval).with("approval_set", stamp)
}

/// What a state brings with it.
pub(super) fn enter(engine: &Engine, caller: &Caller, record: &mut Record, state: &str) {
    let now = engine.now();
    record.set("state", state);
    match state {
        IMPLEMENT if record.lacks("work_start") => record.set("work_start", now),
        REVIEW if record.lacks("work_end") => record.set("work_end", now),
        CLOSED | CANCELED => {
            record.set("active", "false");
            record.set("closed_at", now);
            record.set("closed_by", caller.sys_id.as_str());
        }
        _ => {}
    }
}

/// The rules that run after a change request was kept: they wake its flows.
pub(crate) fn after(
    engine: &mut Engine,
    caller: &Caller,
    before: Option<&Record>,
    record: &Record,
) -> Result<(), Refusal> {
    let Some(before) = before else { return Ok(()) };
    let change = record.sys_id().to_owned();
    if before.get("state") != record.get("state") {
        engine.flows.push_back(Flow::Entered {
            change: change.clone(),
            from: before.get("state").to_owned(),
            state: record.get("state").to_owned(),
        });
    }
    if before.get("on_hold") != record.get("on_hold") {
        let held = record.is("on_hold");
        hold_tasks(engine, caller, record)?;
        engine.flows.push_back(Flow::Held { change, held });
    }
    Ok(())
}

/// Carries hold and reason over to the change's active tasks.
fn hold_tasks(engine: &mut Engine, caller: &Caller, change: &Record) -> Result<(), Refusal> {
    let tasks: Vec<Record> = engine
        .having("change_task", "change_request", change.sys_id())
        .into_iter()
        .filter(|task| task.is("active"))
        .cloned()
        .collect();
    for task in tasks {
        let held = task
            .with("on_hold", change.get("on_hold"))
            .with("on_hold_reason", if change.is("on_hold") { change.get("on_hold_reason") } else { "" });
        engine.alter(caller, held, Vec::new())?;
    }
    Ok(())
}

/// The rules that run before a change task is kept.
pub(crate) fn before_task(engine: &mut Engine, before: Option<&Record>, record: &mut Record) {
    if record.lacks("change_request") {
        let parent = record.get("parent").to_owned();
        record.set("change_request", parent);
    }
    if record.lacks("parent") {
        let change = record.get("change_request").to_owned();
        record.set("parent", change);
    }
    let open = !matches!(record.get("state"), CLOSED | CANCELED);
    record.set("active", open.to_string());
    if before.is_some_and(|before| before.is("active")) && !open {
        let now = engine.now();
        record.set("closed_at", now);
        engine.flows.push_back(Flow::TaskClosed { change: record.get("change_request").to_owned() });
    }
}
