//! The Change Management API: `/api/sn_chg_rest/change/…`.

mod items;
mod read;
mod schedule;
mod write;

use super::reply::Reply;
use super::request::Request;
use crate::servicenow::change::conflict;
use crate::servicenow::change::worker::Job;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::{Api, Options};
use http::{Method, StatusCode};
use items::{add_cis, cis, create_task, task_of, tasks};
use read::{conflicts, known, list, nextstates, one};
use schedule::{first_available, schedule};
use serde_json::json;
use write::{approve, create, create_standard, delete, patch, risk, sent, with_meta};

/// `sysparm_limit` where none is given.
const DEFAULT_LIMIT: usize = 500;

/// Roles that may read.
const READERS: &[&str] = &["itil", "sn_change_read", "sn_change_write", "change_manager"];

/// Roles that may write.
const WRITERS: &[&str] = &["itil", "sn_change_write", "change_manager"];

/// Roles that may delete.
const DELETERS: &[&str] = &["change_manager"];

/// What a change can be, as a path says it.
const TYPES: &[&str] = &["normal", "standard", "emergency"];

/// Answers a request below `/api/sn_chg_rest/change`.
pub fn answer(engine: &mut Engine, caller: &Caller, request: &Request, rest: &[&str]) -> Result<Reply, Refusal> {
    let roles = match request.method {
        Method::GET | Method::HEAD => READERS,
        Method::DELETE if rest.len() == 1 => DELETERS,
        _ => WRITERS,
    };
    if !caller.has(roles) {
        return Err(Refusal::ApiAcl);
    }
    route(engine, caller, request, rest).map_err(|refusal| match refusal {
        // This API knows no 403 for a record: what its rules refuse is a bad request.
        Refusal::BusinessRule { .. } | Refusal::DataPolicy(_) => {
            Refusal::Invalid { message: refusal.message(), detail: refusal.detail() }
        }
        other => other,
    })
}

fn route(engine: &mut Engine, caller: &Caller, request: &Request, rest: &[&str]) -> Result<Reply, Refusal> {
    match (&request.method, rest) {
        (&Method::GET, []) => list(engine, caller, request, "change_request", None),
        (&Method::GET, [kind]) if TYPES.contains(kind) => {
            list(engine, caller, request, "change_request", Some(("type", kind)))
        }
        (&Method::POST, []) => create(engine, caller, request, None),
        (&Method::POST, [kind @ ("normal" | "emergency")]) => create(engine, caller, request, Some(kind)),
        (&Method::GET, ["model"]) => list(engine, caller, request, "chg_model", None),
        (&Method::GET, ["model", id]) => one(engine, caller, "chg_model", id),
        (&Method::GET, ["standard", "template"]) => list(engine, caller, request, "std_change_record_producer", None),
        (&Method::GET, ["standard", "template", id]) => one(engine, caller, "std_change_record_producer", id),
        (&Method::POST, ["standard", template]) => create_standard(engine, caller, request, template),
        (&Method::GET, ["worker", id]) => match engine.read_worker(id) {
            Some(worker) => Ok(Reply::result(StatusCode::OK, worker.render(&request.base))),
            None => Err(Refusal::NoRecord),
        },
        (&Method::GET, ["ci", ci, "schedule"]) => schedule(engine, caller, request, None, ci),
        (method, [kind, id]) if TYPES.contains(kind) => {
            let change = known(engine, caller, id)?;
            if change.get("type") != *kind {
                return Err(Refusal::NoRecord);
            }
            match *method {
                Method::GET => one(engine, caller, "change_request", id),
                Method::PATCH => patch(engine, caller, request, &change),
                Method::DELETE => delete(engine, caller, "change_request", id),
                _ => Err(Refusal::Method),
            }
        }
        (method, [id, below @ ..]) => {
            let change = known(engine, caller, id)?;
            within(engine, caller, request, &change, method, below)
        }
        _ => Err(Refusal::Method),
    }
}

/// What is below one change.
fn within(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    change: &Record,
    method: &Method,
    below: &[&str],
) -> Result<Reply, Refusal> {
    match (method, below) {
        (&Method::GET, []) => one(engine, caller, "change_request", change.sys_id()),
        (&Method::PATCH, []) => patch(engine, caller, request, change),
        (&Method::DELETE, []) => delete(engine, caller, "change_request", change.sys_id()),
        (&Method::GET, ["nextstates"]) => Ok(Reply::result(StatusCode::OK, nextstates(engine, change))),
        (&Method::PATCH, ["approvals"]) => approve(engine, caller, request, change),
        (&Method::PATCH, ["risk"]) => risk(engine, caller, change),
        (&Method::GET, ["conflict"]) => Ok(Reply::result(StatusCode::OK, conflicts(engine, caller, change))),
        (&Method::POST, ["conflict"]) => {
            conflict::run(engine, caller, change)?;
            Ok(Reply::result(StatusCode::OK, engine.fresh_sys_id().into()))
        }
        (&Method::DELETE, ["conflict"]) => {
            conflict::clear(engine, change.sys_id());
            Ok(Reply::empty(StatusCode::OK))
        }
        (&Method::GET, ["ci"]) => cis(engine, caller, request, change),
        (&Method::POST, ["ci"]) => add_cis(engine, caller, request, change),
        (&Method::POST, ["refresh_impacted_services"]) => {
            let job = Job::RefreshImpacted { change: change.sys_id().to_owned() };
            let worker = engine.hire(caller, "impacted", &json!({}), job);
            Ok(Reply::result(StatusCode::OK, worker.render(&request.base)))
        }
        (&Method::GET, ["schedule"]) => {
            let ci = change.get("cmdb_ci").to_owned();
            schedule(engine, caller, request, Some(change), &ci)
        }
        (&Method::PATCH, ["schedule", "first_available"]) => first_available(engine, caller, request, change),
        (&Method::GET, ["task"]) => tasks(engine, caller, request, change),
        (&Method::POST, ["task"]) => create_task(engine, caller, request, change),
        (&Method::PATCH, ["task", task]) => {
            let task = task_of(engine, change, task)?;
            let options = Options::through(Api::Change);
            let written = engine.update(caller, "change_task", &task, &sent(request)?, options)?;
            Ok(with_meta(engine, caller, &written))
        }
        (&Method::DELETE, ["task", task]) => {
            let task = task_of(engine, change, task)?;
            delete(engine, caller, "change_task", &task)
        }
        (_, [] | ["nextstates" | "approvals" | "risk" | "conflict" | "ci" | "schedule" | "task", ..]) => {
            Err(Refusal::Method)
        }
        _ => Err(Refusal::UnknownUri(request.path.clone())),
    }
}
