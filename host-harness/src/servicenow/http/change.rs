//! The Change Management API: `/api/sn_chg_rest/change/…`.

use super::reply::Reply;
use super::request::{Request, fields};
use crate::servicenow::change::model::{self, CANCELED, CLOSED, IMPLEMENT, REVIEW};
use crate::servicenow::change::worker::{Job, association_table};
use crate::servicenow::change::{approvals, conflict, template, typed};
use crate::servicenow::clock::parse_database_time;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::filter::Filter;
use crate::servicenow::engine::query::{Operator, Query, Term};
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::{Operation, Refusal};
use crate::servicenow::engine::write::{Api, Options, Values, Written};
use http::{Method, StatusCode};
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

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

fn known(engine: &Engine, caller: &Caller, id: &str) -> Result<Record, Refusal> {
    let change = engine.get("change_request", id).filter(|change| engine.may_read(caller, change));
    change.cloned().ok_or(Refusal::NoRecord)
}

fn one(engine: &Engine, caller: &Caller, table: &str, id: &str) -> Result<Reply, Refusal> {
    let record = engine.get(table, id).filter(|record| engine.may_read(caller, record)).ok_or(Refusal::NoRecord)?;
    Ok(Reply::result(StatusCode::OK, Value::Object(typed::render(engine, caller, record))))
}

fn delete(engine: &mut Engine, caller: &Caller, table: &str, id: &str) -> Result<Reply, Refusal> {
    let record = engine.get(table, id).cloned().ok_or(Refusal::NoRecord)?;
    let rendered = typed::render(engine, caller, &record);
    engine.delete(caller, table, id)?;
    Ok(Reply::result(StatusCode::OK, Value::Object(rendered)))
}

/// The fields of a write: those of the query, then those of the body, which win.
fn sent(request: &Request) -> Result<Values, Refusal> {
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

fn create(engine: &mut Engine, caller: &Caller, request: &Request, kind: Option<&str>) -> Result<Reply, Refusal> {
    let mut values = sent(request)?;
    translate(engine, request, &mut values)?;
    if let Some(kind) = kind {
        values.retain(|(name, _)| name != "type");
        values.push(("type".into(), kind.into()));
    }
    let written = engine.insert(caller, "change_request", &values, Options::through(Api::Change))?;
    Ok(with_meta(engine, caller, &written))
}

fn create_standard(engine: &mut Engine, caller: &Caller, request: &Request, template: &str) -> Result<Reply, Refusal> {
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

fn patch(engine: &mut Engine, caller: &Caller, request: &Request, change: &Record) -> Result<Reply, Refusal> {
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

fn meta_object(engine: &Engine, caller: &Caller, written: &Written) -> Value {
    let mut rendered = typed::render(engine, caller, &written.record);
    rendered.insert("__meta".into(), json!({ "ignoredFields": written.ignored }));
    Value::Object(rendered)
}

fn with_meta(engine: &Engine, caller: &Caller, written: &Written) -> Reply {
    Reply::result(StatusCode::OK, meta_object(engine, caller, written))
}

/// A list: its query is taken field by field, its order is not kept, and its last element tells what became of it.
fn list(
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
fn nextstates(engine: &Engine, change: &Record) -> Value {
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

fn approve(engine: &mut Engine, caller: &Caller, request: &Request, change: &Record) -> Result<Reply, Refusal> {
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

fn risk(engine: &mut Engine, caller: &Caller, change: &Record) -> Result<Reply, Refusal> {
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

/// The state of the last conflict check. Its `status` says `Conflict` even where there is none.
fn conflicts(engine: &Engine, caller: &Caller, change: &Record) -> Value {
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

fn association(request: &Request, body: &Value) -> Result<String, Refusal> {
    let given = body.get("association_type").and_then(Value::as_str).or_else(|| request.parameter("association_type"));
    match given {
        Some(kind @ ("affected" | "impacted" | "offering")) => Ok(kind.to_owned()),
        Some(other) => Err(Refusal::invalid(format!("Invalid association_type: {other}"))),
        None => Err(Refusal::invalid("Mandatory parameter association_type is missing")),
    }
}

fn cis(engine: &Engine, caller: &Caller, request: &Request, change: &Record) -> Result<Reply, Refusal> {
    let (table, column) = association_table(&association(request, &Value::Null)?);
    let rows: Vec<Value> = engine
        .having(table, "task", change.sys_id())
        .into_iter()
        .map(|row| Value::Object(typed::render_some(engine, caller, row, &["sys_id", column, "task"])))
        .collect();
    Ok(Reply::result(StatusCode::OK, rows.into()))
}

fn add_cis(engine: &mut Engine, caller: &Caller, request: &Request, change: &Record) -> Result<Reply, Refusal> {
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

fn schedule(
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

fn first_available(engine: &mut Engine, caller: &Caller, request: &Request, change: &Record) -> Result<Reply, Refusal> {
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

/// The tasks of a change; this list has no `__meta` at its end.
fn tasks(engine: &Engine, caller: &Caller, request: &Request, change: &Record) -> Result<Reply, Refusal> {
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

fn create_task(engine: &mut Engine, caller: &Caller, request: &Request, change: &Record) -> Result<Reply, Refusal> {
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

fn task_of(engine: &Engine, change: &Record, task: &str) -> Result<String, Refusal> {
    engine
        .get("change_task", task)
        .filter(|task| task.get("change_request") == change.sys_id())
        .map(|task| task.sys_id().to_owned())
        .ok_or(Refusal::NoRecord)
}
