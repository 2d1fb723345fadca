//! What belongs to a change: affected CIs, and tasks.

use super::DEFAULT_LIMIT;
use super::write::{sent, with_meta};
use crate::servicenow::change::worker::{Job, association_table};
use crate::servicenow::change::{model, typed};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::filter::Filter;
use crate::servicenow::engine::query::Query;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::{Operation, Refusal};
use crate::servicenow::engine::write::{Api, Options};
use crate::servicenow::http::reply::Reply;
use crate::servicenow::http::request::Request;
use http::StatusCode;
use serde_json::{Value, json};

fn association(request: &Request, body: &Value) -> Result<String, Refusal> {
    let given = body.get("association_type").and_then(Value::as_str).or_else(|| request.parameter("association_type"));
    match given {
        Some(kind @ ("affected" | "impacted" | "offering")) => Ok(kind.to_owned()),
        Some(other) => Err(Refusal::invalid(format!("Invalid association_type: {other}"))),
        None => Err(Refusal::invalid("Mandatory parameter association_type is missing")),
    }
}

pub(super) fn cis(engine: &Engine, caller: &Caller, request: &Request, change: &Record) -> Result<Reply, Refusal> {
    let (table, column) = association_table(&association(request, &Value::Null)?);
    let rows: Vec<Value> = engine
        .having(table, "task", change.sys_id())
        .into_iter()
        .map(|row| Value::Object(typed::render_some(engine, caller, row, &["sys_id", column, "task"])))
        .collect();
    Ok(Reply::result(StatusCode::OK, rows.into()))
}

pub(super) fn add_cis(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    change: &Record,
) -> Result<Reply, Refusal> {
    let body = request.json()?;
    let association = association(request, &body)?;
    let cis: Vec<String> = match body.get("cmdb_ci_sys_ids") {
        Some(Value::Array(cis)) => cis.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(Value::String(cis)) => cis.split(',').map(|ci| ci.trim().to_owned()).collect(),
        _ => return Err(Refusal::invalid("Mandatory parameter cmdb_ci_sys_ids is missing")),
    };
    if engine.properties.affected_cis_locked && change.get("state") != model::NEW {
        return Err(Refusal::invalid("Affected CIs cannot be changed once the change has left New"));
    }
    let refresh = body.get("refresh_impacted_services").is_some_and(|value| value == true || value == "true");
    let asked = json!({
        "cmdb_ci_sys_ids": cis, "association_type": association, "task": change.sys_id(),
    });
    let job = Job::AddCis { change: change.sys_id().to_owned(), association: association.clone(), cis, refresh };
    let worker = engine.hire(caller, &association, &asked, job);
    Ok(Reply::result(StatusCode::ACCEPTED, worker.render(&request.base)))
}

/// The tasks of a change; this list has no `__meta` at its end.
pub(super) fn tasks(engine: &Engine, caller: &Caller, request: &Request, change: &Record) -> Result<Reply, Refusal> {
    let query = Query::parse(request.parameter("sysparm_query").unwrap_or_default());
    let filter = Filter::new(engine, caller, "change_task", &query)?;
    let limit = request.parameter("sysparm_limit").and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_LIMIT);
    let rows: Vec<Value> = engine
        .having("change_task", "change_request", change.sys_id())
        .into_iter()
        .filter(|task| filter.matches(engine, task))
        .take(limit)
        .map(|task| Value::Object(typed::render(engine, caller, task)))
        .collect();
    Ok(Reply::result(StatusCode::OK, rows.into()))
}

pub(super) fn create_task(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    change: &Record,
) -> Result<Reply, Refusal> {
    if !caller.is_granted(engine.dictionary.access("change_task").create) {
        return Err(Refusal::Acl(Operation::Insert));
    }
    let mut values = sent(request)?;
    values.retain(|(name, _)| name != "parent" && name != "change_request");
    values.push(("parent".into(), change.sys_id().to_owned()));
    values.push(("change_request".into(), change.sys_id().to_owned()));
    let written = engine.insert(caller, "change_task", &values, Options::through(Api::Change))?;
    Ok(with_meta(engine, caller, &written))
}

pub(super) fn task_of(engine: &Engine, change: &Record, task: &str) -> Result<String, Refusal> {
    engine
        .get("change_task", task)
        .filter(|task| task.get("change_request") == change.sys_id())
        .map(|task| task.sys_id().to_owned())
        .ok_or(Refusal::NoRecord)
}
