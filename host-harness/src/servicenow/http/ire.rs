//! The Identification and Reconciliation API: `/api/now/identifyreconcile…`.

use super::reply::Reply;
use super::request::Request;
use crate::servicenow::cmdb::ire::{Mode, run};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::refusal::Refusal;
use http::{Method, StatusCode};
use serde_json::Value;

/// Roles that may use it.
const USERS: &[&str] = &["itil", "asset"];

/// Answers a request below `/api/now/identifyreconcile`.
pub fn answer(engine: &mut Engine, caller: &Caller, request: &Request, rest: &[&str]) -> Result<Reply, Refusal> {
    let mode = Mode { dry_run: matches!(rest, ["query" | "queryEnhanced"]), ..Mode::default() };
    let mode = match rest {
        [] | ["query"] => mode,
        ["enhanced" | "queryEnhanced"] => Mode { enhanced: true, ..mode }.with_options(request.parameter("options"))?,
        _ => return Err(Refusal::UnknownUri(request.path.clone())),
    };
    if request.method != Method::POST {
        return Err(Refusal::Method);
    }
    if !caller.has(USERS) {
        return Err(Refusal::ApiAcl);
    }
    let result = run(engine, caller, &request.json()?, request.parameter("sysparm_data_source"), &mode)?;
    let bad_source = result
        .pointer("/items/0/errors/0/message")
        .and_then(Value::as_str)
        .is_some_and(|message| message.contains("invalid data source"));
    let status = if bad_source { engine.properties.bad_data_source_status } else { 200 };
    Ok(Reply::result(StatusCode::from_u16(status).unwrap_or(StatusCode::OK), result))
}
