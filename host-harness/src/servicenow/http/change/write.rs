//! What is written: changes of each type, states, approvals, risk.

use super::read::{known, one};
use crate::servicenow::change::{approvals, template, typed};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::{Api, Options, Values, Written};
use crate::servicenow::http::reply::Reply;
use crate::servicenow::http::request::{Request, fields};
use http::StatusCode;
use serde_json::{Value, json};

/// The fields of a write: those of the query, then those of the body, which win.
pub(super) fn sent(request: &Request) -> Result<Values, Refusal> {
    let body = request.json()?;
    let mut values: Values = request.query.iter().filter(|(name, _)| !name.starts_with("sysparm_")).cloned().collect();
    for (name, value) in fields(&body)? {
        values.retain(|(known, _)| *known != name);
        values.push((name, value));
    }
    values.retain(|(name, _)| name != "encrypted_fields");
    Ok(values)
}

/// The fields that `encrypted_fields` names are given as people see them.
fn translate(engine: &Engine, request: &Request, values: &mut Values) -> Result<(), Refusal> {
    let body = request.json()?;
    let named = request.parameter("encrypted_fields").or_else(|| body.get("encrypted_fields").and_then(Value::as_str));
    for field in named.unwrap_or_default().split(',') {
        let Some(column) = engine.dictionary.column("change_request", field) else { continue };
        let Some((_, value)) = values.iter_mut().find(|(name, _)| name == field) else { continue };
        if let Some(target) = column.kind.reference() {
            let display = engine.dictionary.display_column(target).unwrap_or("sys_id");
            if let Some(found) = engine.having(target, display, value).first() {
                *value = found.sys_id().to_owned();
            }
        } else if let Some(choice) = engine
            .choices_of("change_request", field)
            .and_then(|choices| choices.iter().find(|choice| choice.1 == *value))
        {
            *value = choice.0.clone();
        }
    }
    // A model is given by name as well.
    if let Some((_, model)) = values.iter_mut().find(|(name, _)| name == "chg_model")
        && let Some(found) = engine.having("chg_model", "name", model).first()
    {
        *model = found.sys_id().to_owned();
    }
    Ok(())
}

pub(super) fn create(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    kind: Option<&str>,
) -> Result<Reply, Refusal> {
    let mut values = sent(request)?;
    translate(engine, request, &mut values)?;
    if let Some(kind) = kind {
        values.retain(|(name, _)| name != "type");
        values.push(("type".into(), kind.into()));
    }
    let written = engine.insert(caller, "change_request", &values, Options::through(Api::Change))?;
    Ok(with_meta(engine, caller, &written))
}

pub(super) fn create_standard(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    template: &str,
) -> Result<Reply, Refusal> {
    let producer = engine.get("std_change_record_producer", template).filter(|producer| producer.is("active"));
    let version = producer.ok_or(Refusal::NoRecord)?.get("current_version").to_owned();
    let mut values = sent(request)?;
    translate(engine, request, &mut values)?;
    let mut fixed: Vec<String> = Vec::new();
    values.retain(|(name, _)| {
        let kept = !template::FIXED.contains(&name.as_str()) && name != "type" && name != "std_change_producer_version";
        if !kept {
            fixed.push(name.clone());
        }
        kept
    });
    values.push(("std_change_producer_version".into(), version));
    let mut written = engine.insert(caller, "change_request", &values, Options::through(Api::Change))?;
    written.ignored.extend(fixed);
    let reply = with_meta(engine, caller, &written);
    if engine.properties.standard_change_in_array {
        return Ok(Reply::result(StatusCode::OK, json!([meta_object(engine, caller, &written)])));
    }
    Ok(reply)
}

pub(super) fn patch(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    change: &Record,
) -> Result<Reply, Refusal> {
    let mut values = sent(request)?;
    translate(engine, request, &mut values)?;
    if engine.properties.repeated_state_refused
        && let Some((_, state)) = values.iter().find(|(name, _)| name == "state")
    {
        let label = engine.label_of("change_request", "state", change.get("state")).unwrap_or_default();
        let number = state.parse::<f64>().ok() == change.get("state").parse::<f64>().ok();
        if number || label.eq_ignore_ascii_case(state) {
            return Err(Refusal::invalid(format!(
                "Standard state transition refused: the change is in {label} already"
            )));
        }
    }
    let written = engine.update(caller, "change_request", change.sys_id(), &values, Options::through(Api::Change))?;
    Ok(with_meta(engine, caller, &written))
}

pub(super) fn delete(engine: &mut Engine, caller: &Caller, table: &str, id: &str) -> Result<Reply, Refusal> {
    let record = engine.get(table, id).cloned().ok_or(Refusal::NoRecord)?;
    let rendered = typed::render(engine, caller, &record);
    engine.delete(caller, table, id)?;
    Ok(Reply::result(StatusCode::OK, Value::Object(rendered)))
}

fn meta_object(engine: &Engine, caller: &Caller, written: &Written) -> Value {
    let mut rendered = typed::render(engine, caller, &written.record);
    rendered.insert("__meta".into(), json!({ "ignoredFields": written.ignored }));
    Value::Object(rendered)
}

pub(super) fn with_meta(engine: &Engine, caller: &Caller, written: &Written) -> Reply {
    Reply::result(StatusCode::OK, meta_object(engine, caller, written))
}

pub(super) fn approve(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    change: &Record,
) -> Result<Reply, Refusal> {
    let values = sent(request)?;
    let field = |name: &str| values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let (state, comments) = (field("state"), field("comments"));
    if !matches!(state, "approved" | "rejected") {
        return Err(Refusal::invalid("Invalid approval state"));
    }
    if state == "rejected" && comments.is_empty() {
        return Err(Refusal::invalid("Comments are mandatory when rejecting a change request"));
    }
    approvals::answer(engine, caller, change.sys_id(), state, comments)?;
    if !engine.properties.flows_after_reply {
        engine.run_flows();
    }
    one(engine, caller, "change_request", change.sys_id())
}

pub(super) fn risk(engine: &mut Engine, caller: &Caller, change: &Record) -> Result<Reply, Refusal> {
    // The stock assessment goes by impact.
    let risk = match change.get("impact") {
        "1" => "2",
        "2" => "3",
        _ => "4",
    };
    engine.alter(caller, change.clone().with("risk", risk), Vec::new())?;
    let change = known(engine, caller, change.sys_id())?;
    let rendered = Value::Object(typed::render_some(engine, caller, &change, &["sys_id", "risk", "impact"]));
    Ok(match engine.properties.risk_without_result {
        true => Reply::json(StatusCode::OK, &rendered),
        false => Reply::result(StatusCode::OK, rendered),
    })
}
