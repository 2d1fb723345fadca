//! Free slots for a change.

use super::write::sent;
use crate::servicenow::change::model::{CANCELED, CLOSED, IMPLEMENT, REVIEW};
use crate::servicenow::change::worker::Job;
use crate::servicenow::clock::parse_database_time;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::http::reply::Reply;
use crate::servicenow::http::request::Request;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;

fn duration(value: Option<&str>) -> Result<SignedDuration, Refusal> {
    value
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|seconds| *seconds > 0.0 && *seconds < 1e9)
        .map(SignedDuration::from_secs_f64)
        .ok_or_else(|| Refusal::invalid("Mandatory parameter duration_in_seconds is missing or invalid"))
}

fn planned_start(engine: &Engine, value: Option<&str>) -> Result<jiff::Timestamp, Refusal> {
    match value {
        None | Some("") => Ok(engine.clock.now()),
        Some(text) => {
            parse_database_time(text).ok_or_else(|| Refusal::invalid(format!("Invalid planned_start_time: {text}")))
        }
    }
}

pub(super) fn schedule(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    change: Option<&Record>,
    ci: &str,
) -> Result<Reply, Refusal> {
    if engine.get("cmdb_ci", ci).is_none() {
        return Err(if change.is_some() { no_ci() } else { Refusal::NoRecord });
    }
    let duration = duration(request.parameter("duration_in_seconds"))?;
    let from = planned_start(engine, request.parameter("planned_start_time"))?;
    let change = change.map(|change| change.sys_id().to_owned()).unwrap_or_default();
    hire_scheduler(engine, caller, request, Job::Schedule { change, ci: ci.to_owned(), duration, from, update: false })
}

fn no_ci() -> Refusal {
    Refusal::invalid("The change request has no configuration item")
}

pub(super) fn first_available(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    change: &Record,
) -> Result<Reply, Refusal> {
    if matches!(change.get("state"), IMPLEMENT | REVIEW | CLOSED | CANCELED) {
        return Err(Refusal::Forbidden { message: "Planned dates are not writable".into(), detail: None });
    }
    let ci = change.get("cmdb_ci").to_owned();
    if engine.get("cmdb_ci", &ci).is_none() {
        return Err(no_ci());
    }
    let values = sent(request)?;
    let field = |name: &str| values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let duration = duration(field("duration_in_seconds"))?;
    let from = planned_start(engine, field("planned_start_time"))?;
    let change = change.sys_id().to_owned();
    hire_scheduler(engine, caller, request, Job::Schedule { change, ci, duration, from, update: true })
}

fn hire_scheduler(engine: &mut Engine, caller: &Caller, request: &Request, job: Job) -> Result<Reply, Refusal> {
    let Job::Schedule { change, duration, .. } = &job else { return Err(Refusal::Method) };
    let asked = json!({
        "change_sys_id": change, "duration_in_seconds": duration.as_secs(), "timezone": caller.zone_name,
    });
    let worker = engine.hire(caller, "schedule", &asked, job);
    Ok(Reply::result(StatusCode::ACCEPTED, worker.render(&request.base)))
}
