//! The Table API: `/api/now/table/{table}[/{sys_id}]`.

use super::reply::Reply;
use super::request::Request;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::display::{Display, Shape};
use crate::servicenow::engine::filter::Filter;
use crate::servicenow::engine::query::{Alternatives, Operator, Query, Term};
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::{Api, Options};
use http::{Method, StatusCode};
use serde_json::Value;

/// `sysparm_limit` where none is given.
const DEFAULT_LIMIT: usize = 10_000;

/// Answers a request to a table.
pub fn answer(engine: &mut Engine, caller: &Caller, request: &Request, rest: &[&str]) -> Result<Reply, Refusal> {
    match (&request.method, rest) {
        (&Method::GET | &Method::HEAD, [table]) => list(engine, caller, request, table),
        (&Method::GET | &Method::HEAD, [table, sys_id]) => get(engine, caller, request, table, sys_id),
        (&Method::POST, [table]) => create(engine, caller, request, table),
        (&Method::PATCH | &Method::PUT, [table, sys_id]) => update(engine, caller, request, table, sys_id),
        (&Method::DELETE, [table, sys_id]) => {
            engine.delete(caller, table, sys_id)?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        (_, [_] | [_, _]) => Err(Refusal::Method),
        _ => Err(Refusal::UnknownUri(request.path.clone())),
    }
}

/// How the request wants records shown.
pub fn shape(request: &Request) -> Shape {
    let version = request.version.as_deref().map(|version| format!("/{version}")).unwrap_or_default();
    Shape {
        display: match request.parameter("sysparm_display_value") {
            Some("true") => Display::Shown,
            Some("all") => Display::Both,
            _ => Display::Values,
        },
        exclude_link: request.flag("sysparm_exclude_reference_link"),
        base: format!("{}/api/now{version}", request.base),
        fields: request
            .parameter("sysparm_fields")
            .map(|fields| {
                fields.split(',').map(str::trim).filter(|field| !field.is_empty()).map(str::to_owned).collect()
            })
            .unwrap_or_default(),
    }
}

/// The query of a list: `sysparm_query`, or else the parameters that are not `sysparm_…` as filters.
fn query(engine: &Engine, request: &Request, table: &str) -> Query {
    if let Some(query) = request.parameter("sysparm_query") {
        return Query::parse(query);
    }
    let terms: Vec<Alternatives> = request
        .query
        .iter()
        .filter(|(name, _)| !name.starts_with("sysparm_"))
        .map(|(field, value)| {
            // Choices may be given as people see them.
            let by_label = engine
                .choices_of(table, field)
                .and_then(|choices| choices.iter().find(|choice| choice.1 == *value))
                .map_or_else(|| value.clone(), |choice| choice.0.clone());
            vec![Term { field: field.clone(), operator: Operator::Equal, value: by_label }]
        })
        .collect();
    Query { segments: vec![terms], ..Query::default() }
}

fn number(request: &Request, name: &str, default: usize) -> Result<usize, Refusal> {
    match request.parameter(name) {
        None | Some("") => Ok(default),
        // `prev` links hold a negative offset; it is taken as the beginning.
        Some(text) => text
            .parse::<i64>()
            .map(|number| usize::try_from(number).unwrap_or(0))
            .map_err(|_| Refusal::invalid(format!("Invalid {name} value: {text}"))),
    }
}

fn list(engine: &Engine, caller: &Caller, request: &Request, table: &str) -> Result<Reply, Refusal> {
    engine.known_table(table)?;
    let limit = number(request, "sysparm_limit", DEFAULT_LIMIT)?;
    let offset = number(request, "sysparm_offset", 0)?;
    let filter = Filter::new(engine, caller, table, &query(engine, request, table))?;
    let found = filter.find(engine);
    let total = found.len();
    let shape = shape(request);
    // The page is cut before ACLs hide rows: it may hold fewer rows than it could, even none, and not be the last.
    let page: Vec<Value> = found
        .into_iter()
        .skip(offset)
        .take(limit)
        .filter(|record| engine.may_read(caller, record))
        .map(|record| engine.render(caller, table, record, &shape))
        .collect();
    if page.is_empty() && request.version.as_deref() == Some("v1") {
        return Err(Refusal::NoRecord);
    }
    let counted = !request.flag("sysparm_no_count");
    let mut reply = Reply::result(StatusCode::OK, Value::Array(page));
    if counted {
        reply = reply.with("x-total-count", total.to_string());
    }
    if !request.flag("sysparm_suppress_pagination_header") && limit > 0 {
        reply = reply.with("link", links(request, limit, offset, total, counted));
    }
    Ok(reply)
}

/// The `Link` header: `first`, `prev` even before the first page, `next` unless it is the last, `last` where rows were
/// counted.
fn links(request: &Request, limit: usize, offset: usize, total: usize, counted: bool) -> String {
    let (limit, offset, total) = (limit as i128, offset as i128, total as i128);
    let link = |rel: &str, offset: i128| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            request.query.iter().filter(|(name, _)| name != "sysparm_offset" && name != "sysparm_limit")
        {
            query.append_pair(name, value);
        }
        query.append_pair("sysparm_limit", &limit.to_string()).append_pair("sysparm_offset", &offset.to_string());
        format!("<{}{}?{}>;rel=\"{rel}\"", request.base, request.path, query.finish())
    };
    let mut links = vec![link("first", 0), link("prev", offset - limit)];
    if offset + limit < total {
        links.push(link("next", offset + limit));
    }
    if counted {
        links.push(link("last", (total - 1).max(0) / limit * limit));
    }
    links.join(",")
}

fn get(engine: &Engine, caller: &Caller, request: &Request, table: &str, sys_id: &str) -> Result<Reply, Refusal> {
    engine.known_table(table)?;
    let record = engine.get(table, sys_id).filter(|record| engine.may_read(caller, record));
    let record = record.ok_or(Refusal::NoRecord)?;
    Ok(Reply::result(StatusCode::OK, engine.render(caller, table, record, &shape(request))))
}

fn options(request: &Request) -> Options {
    Options {
        api: Api::Table,
        display_input: request.flag("sysparm_input_display_value"),
        suppress_auto_sys_fields: request.flag("sysparm_suppress_auto_sys_field"),
    }
}

fn written(reply: Reply, request: &Request) -> Reply {
    if request.header("x-no-response-body").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Reply { body: bytes::Bytes::new(), ..reply };
    }
    reply
}

fn create(engine: &mut Engine, caller: &Caller, request: &Request, table: &str) -> Result<Reply, Refusal> {
    engine.known_table(table)?;
    let values = request.values()?;
    let record = engine.insert(caller, table, &values, options(request))?.record;
    let shape = shape(request);
    let location = format!("{}/table/{table}/{}", shape.base, record.sys_id());
    let reply = Reply::result(StatusCode::CREATED, engine.render(caller, table, &record, &shape));
    Ok(written(reply.with("location", location), request))
}

fn update(
    engine: &mut Engine,
    caller: &Caller,
    request: &Request,
    table: &str,
    sys_id: &str,
) -> Result<Reply, Refusal> {
    engine.known_table(table)?;
    let values = request.values()?;
    let record = engine.update(caller, table, sys_id, &values, options(request))?.record;
    Ok(written(Reply::result(StatusCode::OK, engine.render(caller, table, &record, &shape(request))), request))
}
