//! The CMDB Instance API and its schema: `/api/now/cmdb/instance/…`, `/api/now/cmdb/meta/…`.
//!
//! It takes text only: a number among the attributes is a Java cast that fails, and nothing is written.

use super::reply::Reply;
use super::request::Request;
use crate::servicenow::cmdb::ire::{Mode, invalid_source, run};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::dictionary::Kind;
use crate::servicenow::engine::filter::Filter;
use crate::servicenow::engine::query::Query;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::{Api, Options, Values};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

/// Roles that may use it.
const USERS: &[&str] = &["itil"];
/// `sysparm_limit` where none is given.
const DEFAULT_LIMIT: usize = 1000;

/// Answers a request below `/api/now/cmdb`.
pub fn answer(engine: &mut Engine, caller: &Caller, request: &Request, rest: &[&str]) -> Result<Reply, Refusal> {
    if !caller.has(USERS) {
        return Err(Refusal::ApiAcl);
    }
    match (&request.method, rest) {
        (&Method::GET, ["meta", class]) => meta(engine, class),
        (_, ["instance", class, ..]) if !engine.dictionary.is_a(class, "cmdb") => {
            Err(Refusal::InvalidTable((*class).to_owned()))
        }
        (&Method::GET, ["instance", class]) => list(engine, caller, request, class),
        (&Method::POST, ["instance", class]) => create(engine, caller, request, class),
        (&Method::GET, ["instance", class, id]) => {
            let record = known(engine, class, id)?;
            Ok(Reply::result(StatusCode::OK, told(engine, request, &record)))
        }
        (&Method::PATCH | &Method::PUT, ["instance", class, id]) => update(engine, caller, request, class, id),
        (&Method::POST, ["instance", class, id, "relation"]) => {
            let record = known(engine, class, id)?;
            let body = request.json()?;
            source(engine, &body)?;
            relate(engine, caller, &body, record.sys_id())?;
            Ok(Reply::result(StatusCode::OK, told(engine, request, &record)))
        }
        (&Method::DELETE, ["instance", class, id, "relation", relation]) => {
            let record = known(engine, class, id)?;
            let row = engine.get("cmdb_rel_ci", relation).ok_or(Refusal::NoRecord)?;
            if row.get("parent") != record.sys_id() && row.get("child") != record.sys_id() {
                return Err(Refusal::NoRecord);
            }
            engine.delete(caller, "cmdb_rel_ci", relation)?;
            Ok(Reply::result(StatusCode::OK, told(engine, request, &record)))
        }
        (_, ["meta", _] | ["instance", _] | ["instance", _, _] | ["instance", _, _, "relation", ..]) => {
            Err(Refusal::Method)
        }
        _ => Err(Refusal::UnknownUri(request.path.clone())),
    }
}

fn known(engine: &Engine, class: &str, id: &str) -> Result<Record, Refusal> {
    engine.get(class, id).cloned().ok_or(Refusal::NoRecord)
}

fn list(engine: &Engine, caller: &Caller, request: &Request, class: &str) -> Result<Reply, Refusal> {
    let query = Query::parse(request.parameter("sysparm_query").unwrap_or_default());
    let filter = Filter::new(engine, caller, class, &query)?;
    let number = |name: &str, default: usize| {
        request.parameter(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(default)
    };
    let rows: Vec<Value> = filter
        .find(engine)
        .into_iter()
        .skip(number("sysparm_offset", 0))
        .take(number("sysparm_limit", DEFAULT_LIMIT))
        .filter(|record| engine.may_read(caller, record))
        .map(|record| json!({ "sys_id": record.sys_id(), "name": record.get("name") }))
        .collect();
    Ok(Reply::result(StatusCode::OK, rows.into()))
}

/// A CI with its relations, as every reply about one shows it.
fn told(engine: &Engine, request: &Request, record: &Record) -> Value {
    let record = engine.get("cmdb", record.sys_id()).unwrap_or(record);
    let mut attributes = Map::new();
    for column in engine.dictionary.columns(record.table()) {
        let value = record.get(&column.element);
        let shown: Value = match &column.kind {
            Kind::Reference(target) if !value.is_empty() => json!({
                "display_value": engine.display_of(target, value),
                "link": format!("{}/api/now/table/{target}/{value}", request.base),
                "value": value,
            }),
            _ => value.into(),
        };
        attributes.insert(column.element.clone(), shown);
    }
    let relations = |own: &str, other: &str| -> Vec<Value> {
        engine
            .having("cmdb_rel_ci", own, record.sys_id())
            .into_iter()
            .map(|row| {
                let (kind, target) = (row.get("type"), row.get(other));
                json!({
                    "sys_id": row.sys_id(),
                    "type": {
                        "display_value": engine.display_of("cmdb_rel_type", kind),
                        "link": format!("{}/api/now/table/cmdb_rel_type/{kind}", request.base),
                        "value": kind,
                    },
                    "target": {
                        "display_value": engine.display_of("cmdb", target),
                        "link": format!("{}/api/now/cmdb/instance/cmdb_ci/{target}", request.base),
                        "value": target,
                    },
                })
            })
            .collect()
    };
    json!({
        "attributes": attributes,
        "outbound_relations": relations("parent", "child"),
        "inbound_relations": relations("child", "parent"),
    })
}

/// The data source of a body, which has to be a choice of `cmdb_ci.discovery_source`.
fn source(engine: &Engine, body: &Value) -> Result<String, Refusal> {
    let invalid = |detail: String| Refusal::Invalid { message: "Invalid input data".into(), detail: Some(detail) };
    let source = body.get("source").and_then(Value::as_str).unwrap_or_default();
    if source.is_empty() {
        return Err(invalid("INVALID_INPUT_DATA: Mandatory field source is missing in the payload".into()));
    }
    let known = engine
        .choices_of("cmdb_ci", "discovery_source")
        .is_some_and(|choices| choices.iter().any(|choice| choice.0 == source));
    if known { Ok(source.to_owned()) } else { Err(invalid(format!("INVALID_INPUT_DATA: {}", invalid_source(source)))) }
}

/// The attributes of a body. Each has to be text, or null to clear.
fn attributes(body: &Value) -> Result<Option<Values>, Refusal> {
    let Some(Value::Object(attributes)) = body.get("attributes") else { return Ok(None) };
    let mut values = Values::new();
    for (name, value) in attributes {
        let java = match value {
            Value::String(text) => {
                values.push((name.clone(), text.clone()));
                continue;
            }
            Value::Null => {
                values.push((name.clone(), String::new()));
                continue;
            }
            Value::Number(number) if number.is_f64() => "java.lang.Double",
            Value::Number(_) => "java.lang.Integer",
            Value::Bool(_) => "java.lang.Boolean",
            Value::Array(_) => "org.json.JSONArray",
            Value::Object(_) => "org.json.JSONObject",
        };
        return Err(Refusal::Script(format!("class {java} cannot be cast to class java.lang.String")));
    }
    Ok(Some(values))
}

fn create(engine: &mut Engine, caller: &Caller, request: &Request, class: &str) -> Result<Reply, Refusal> {
    let body = request.json()?;
    let Some(values) = attributes(&body)? else {
        return Err(Refusal::Invalid {
            message: "Invalid input data".into(),
            detail: Some("INVALID_INPUT_DATA: attributes are missing in the payload".into()),
        });
    };
    let source = source(engine, &body)?;
    let attributes: Map<String, Value> = values.into_iter().map(|(name, value)| (name, value.into())).collect();
    let mut items = vec![json!({ "className": class, "values": attributes })];
    let mut relations = Vec::new();
    // The relation that a dependent class needs comes with the payload; its target is there already.
    for relation in list_of(&body, "outbound_relations")? {
        let Some(target) = relation.get("target").and_then(Value::as_str) else { continue };
        let Some(record) = engine.get("cmdb", target) else { continue };
        let kind = relation.get("type").and_then(Value::as_str).unwrap_or_default();
        let values: Map<String, Value> = record.values().map(|(name, value)| (name.to_owned(), value.into())).collect();
        items.push(json!({ "className": record.table(), "values": values }));
        relations.push(json!({
            "parent": 0, "child": items.len() - 1, "type": engine.display_of("cmdb_rel_type", kind),
        }));
    }
    let payload = json!({ "items": items, "relations": relations });
    let foretold = run(engine, caller, &payload, Some(&source), &Mode { dry_run: true, ..Mode::default() })?;
    if foretold.pointer("/items/0/errorCount").and_then(Value::as_u64) != Some(0) {
        // A failure of identification comes out of this API as a script that failed.
        return Err(Refusal::Script("Exception while executing request: null".into()));
    }
    let own = json!({ "items": [items.first()], "relations": [] });
    let payload = if relations.is_empty() { own } else { payload };
    let result = run(engine, caller, &payload, Some(&source), &Mode::default())?;
    let id = result.pointer("/items/0/sysId").and_then(Value::as_str).unwrap_or_default().to_owned();
    relate(engine, caller, &body, &id)?;
    let record = known(engine, "cmdb", &id)?;
    Ok(Reply::result(StatusCode::OK, told(engine, request, &record)))
}

fn update(engine: &mut Engine, caller: &Caller, request: &Request, class: &str, id: &str) -> Result<Reply, Refusal> {
    let record = known(engine, class, id)?;
    let body = request.json()?;
    let Some(mut values) = attributes(&body)? else {
        return Err(Refusal::Script("Cannot invoke method: \"attributes\" is null".into()));
    };
    let source = source(engine, &body)?;
    values.push(("discovery_source".into(), source));
    values.push(("last_discovered".into(), engine.now()));
    engine.update(caller, record.table(), id, &values, Options::through(Api::Cmdb))?;
    Ok(Reply::result(StatusCode::OK, told(engine, request, &record)))
}

/// A list of relations. An empty one is an error; the key has to be left out.
fn list_of(body: &Value, name: &str) -> Result<Vec<Value>, Refusal> {
    match body.get(name).and_then(Value::as_array) {
        None => Ok(Vec::new()),
        Some(relations) if relations.is_empty() => {
            Err(Refusal::Script("Exception while executing request: null".into()))
        }
        Some(relations) => Ok(relations.clone()),
    }
}

fn relate(engine: &mut Engine, caller: &Caller, body: &Value, id: &str) -> Result<(), Refusal> {
    for (name, outbound) in [("outbound_relations", true), ("inbound_relations", false)] {
        for relation in list_of(body, name)? {
            let text = |name: &str| relation.get(name).and_then(Value::as_str).unwrap_or_default();
            let (kind, target) = (text("type"), text("target"));
            if engine.get("cmdb_rel_type", kind).is_none() || engine.get("cmdb", target).is_none() {
                return Err(Refusal::Invalid {
                    message: "Invalid input data".into(),
                    detail: Some("INVALID_INPUT_DATA: relation has no valid type or target".into()),
                });
            }
            let (parent, child) = if outbound { (id, target) } else { (target, id) };
            let known = engine
                .having("cmdb_rel_ci", "parent", parent)
                .iter()
                .any(|row| row.get("child") == child && row.get("type") == kind);
            if !known {
                engine.create(caller, "cmdb_rel_ci", &[("parent", parent), ("child", child), ("type", kind)])?;
            }
        }
    }
    Ok(())
}

/// What a class looks like.
fn meta(engine: &Engine, class: &str) -> Result<Reply, Refusal> {
    let table = engine.dictionary.table(class).filter(|table| engine.dictionary.is_a(&table.name, "cmdb"));
    let table = table.ok_or_else(|| Refusal::InvalidTable(class.to_owned()))?;
    let attributes: Vec<Value> = engine
        .dictionary
        .columns(class)
        .iter()
        .map(|column| {
            json!({
                "element": column.element,
                "label": column.label,
                "type": column.kind.internal_type(),
                "max_length": column.max_length.to_string(),
                "is_mandatory": "false",
                "is_read_only": column.read_only.to_string(),
                "default_value": column.default,
            })
        })
        .collect();
    Ok(Reply::result(
        StatusCode::OK,
        json!({
            "name": table.name,
            "label": table.label,
            "parent": table.parent,
            "is_extendable": true,
            "children": engine.dictionary.tables().filter(|child| child.parent.as_deref() == Some(class))
                .map(|child| child.name.clone()).collect::<Vec<_>>(),
            "attributes": attributes,
            "relationship_rules": [],
        }),
    ))
}
