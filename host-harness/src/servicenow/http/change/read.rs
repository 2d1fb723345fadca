//! What is read: lists with their `__meta`, next states, conflicts.

use super::DEFAULT_LIMIT;
use crate::servicenow::change::{model, typed};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::filter::Filter;
use crate::servicenow::engine::query::{Operator, Query, Term};
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::http::reply::Reply;
use crate::servicenow::http::request::Request;
use http::StatusCode;
use serde_json::{Map, Value, json};

pub(super) fn known(engine: &Engine, caller: &Caller, id: &str) -> Result<Record, Refusal> {
    let change = engine.get("change_request", id).filter(|change| engine.may_read(caller, change));
    change.cloned().ok_or(Refusal::NoRecord)
}

pub(super) fn one(engine: &Engine, caller: &Caller, table: &str, id: &str) -> Result<Reply, Refusal> {
    let record = engine.get(table, id).filter(|record| engine.may_read(caller, record)).ok_or(Refusal::NoRecord)?;
    Ok(Reply::result(StatusCode::OK, Value::Object(typed::render(engine, caller, record))))
}

/// A list: its query is taken field by field, its order is not kept, and its last element tells what became of it.
pub(super) fn list(
    engine: &Engine,
    caller: &Caller,
    request: &Request,
    table: &str,
    fixed: Option<(&str, &str)>,
) -> Result<Reply, Refusal> {
    let mut query = match request.parameter("sysparm_query") {
        Some(query) => Query::parse(query),
        None => {
            let terms = request.query.iter().filter(|(name, _)| !name.starts_with("sysparm_"));
            let terms = terms.filter(|(name, _)| !matches!(name.as_str(), "order" | "textSearch"));
            let term = |(field, value): &(String, String)| {
                vec![Term { field: field.clone(), operator: Operator::Equal, value: value.clone() }]
            };
            Query { segments: vec![terms.map(term).collect()], ..Query::default() }
        }
    };
    let sorted = !query.order.is_empty();
    query.order.clear();
    if let Some(words) = request.parameter("textSearch")
        && let Some(segment) = query.segments.last_mut()
    {
        let term = Term { field: String::new(), operator: Operator::TextQuery, value: words.to_owned() };
        segment.push(vec![term]);
    }
    let filter = Filter::new(engine, caller, table, &query)?;
    let number = |name: &str, default: usize| {
        request.parameter(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(default)
    };
    let mut rows: Vec<Value> = filter
        .find(engine)
        .into_iter()
        .filter(|record| fixed.is_none_or(|(column, value)| record.get(column) == value))
        .skip(number("sysparm_offset", 0))
        .take(number("sysparm_limit", DEFAULT_LIMIT))
        .filter(|record| engine.may_read(caller, record))
        .map(|record| Value::Object(typed::render(engine, caller, record)))
        .collect();
    let mut ignored = filter.used.ignored.clone();
    if sorted || !ignored.is_empty() {
        ignored.insert(0, String::new());
    }
    rows.push(json!({ "__meta": {
        "encodedQuery": filter.encoded(),
        "fields": { "applied": filter.used.applied, "ignored": ignored },
    }}));
    Ok(Reply::result(StatusCode::OK, Value::Array(rows)))
}

/// Where a change can go from where it is, and what is still in the way.
pub(super) fn nextstates(engine: &Engine, change: &Record) -> Value {
    let state = change.get("state");
    let mut available = vec![state.to_owned()];
    let mut groups: Vec<(&str, Vec<Value>)> = Vec::new();
    let label = |state: &str| engine.label_of("change_request", "state", state).unwrap_or(state).to_owned();
    for step in model::transitions(change.get("type")).filter(|step| step.from == state) {
        let open = model::is_open(engine, change, step);
        if open && !available.iter().any(|known| known == step.to) {
            available.push(step.to.to_owned());
        }
        let conditions: Vec<Value> = step
            .conditions
            .iter()
            .map(|condition| {
                let (name, sys_id) = condition.name();
                json!({
                    "passed": condition.holds(engine, change),
                    "condition": { "name": name, "description": null, "sys_id": sys_id },
                })
            })
            .collect();
        let told = json!({
            "sys_id": step.sys_id,
            "display_value": format!("{} to {}", label(step.from), label(step.to)),
            "from_state": step.from,
            "to_state": step.to,
            "transition_available": open,
            "automatic_transition": step.automatic,
            "conditions": conditions,
        });
        match groups.iter_mut().find(|(to, _)| *to == step.to) {
            Some((_, steps)) => steps.push(told),
            None => groups.push((step.to, vec![told])),
        }
    }
    let labels: Map<String, Value> = available.iter().map(|state| (state.clone(), label(state).into())).collect();
    let modelled = !change.lacks("chg_model");
    let transitions: Vec<Vec<Value>> =
        if modelled { groups.into_iter().map(|(_, steps)| steps).collect() } else { Vec::new() };
    json!({ "available_states": available, "state_transitions": transitions, "state_label": labels })
}

/// The state of the last conflict check. Its `status` says `Conflict` even where there is none.
pub(super) fn conflicts(engine: &Engine, caller: &Caller, change: &Record) -> Value {
    let rows = engine.having("conflict", "change", change.sys_id());
    let names = ["change", "type", "configuration_item"];
    let conflicts: Vec<Value> =
        rows.iter().map(|row| Value::Object(typed::render_some(engine, caller, row, &names))).collect();
    let run = !change.lacks("conflict_last_run");
    json!({
        "status": if run { "Conflict" } else { "Not Run" },
        "last_run": change.get("conflict_last_run"),
        "record_count": conflicts.len().max(1).to_string(),
        "job_status": "2",
        "conflicts": conflicts,
    })
}
