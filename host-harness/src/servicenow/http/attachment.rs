//! The Attachment API: `/api/now/attachment/…`. The same name attached twice is two attachments.

use super::reply::Reply;
use super::request::Request;
use super::table::shape;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::display::{Display, Shape};
use crate::servicenow::engine::filter::Filter;
use crate::servicenow::engine::query::Query;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::{Operation, Refusal};
use crate::servicenow::state::Change;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Digest as _;

/// `sysparm_limit` where none is given.
const DEFAULT_LIMIT: usize = 1000;

/// The keys of an attachment's metadata.
const FIELDS: &[&str] = &[
    "sys_id",
    "file_name",
    "table_name",
    "table_sys_id",
    "content_type",
    "size_bytes",
    "size_compressed",
    "compressed",
    "download_link",
    "hash",
    "image_height",
    "image_width",
    "average_image_color",
    "sys_created_on",
    "sys_created_by",
    "sys_updated_on",
    "sys_updated_by",
    "sys_mod_count",
    "sys_tags",
];

/// Answers a request below `/api/now/attachment`.
pub fn answer(engine: &mut Engine, caller: &Caller, request: &Request, rest: &[&str]) -> Result<Reply, Refusal> {
    match (&request.method, rest) {
        (&Method::GET | &Method::HEAD, []) => list(engine, caller, request),
        (&Method::POST, ["file"]) => raw(engine, caller, request),
        (&Method::POST, ["upload"]) => multipart(engine, caller, request),
        (&Method::GET | &Method::HEAD, [id]) => {
            let attachment = known(engine, caller, id)?;
            Ok(Reply::result(StatusCode::OK, metadata(engine, caller, request, &attachment)))
        }
        (&Method::GET | &Method::HEAD, [id, "file"]) => file(engine, caller, request, id),
        (&Method::PATCH | &Method::PUT, [id]) => {
            let attachment = writable(engine, caller, id, Operation::Update)?;
            let name = request.values()?.into_iter().find(|(name, _)| name == "file_name").map(|(_, value)| value);
            let name = name.filter(|name| !name.is_empty()).ok_or_else(|| missing("file_name"))?;
            engine.alter(caller, attachment.with("file_name", name), Vec::new())?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        (&Method::DELETE, [id]) => {
            writable(engine, caller, id, Operation::Delete)?;
            engine.delete(caller, "sys_attachment", id)?;
            Ok(Reply::empty(StatusCode::NO_CONTENT))
        }
        (_, [] | [_] | [_, "file"]) => Err(Refusal::Method),
        _ => Err(Refusal::UnknownUri(request.path.clone())),
    }
}

fn missing(name: &str) -> Refusal {
    Refusal::invalid(format!("Missing or invalid parameter: {name}"))
}

fn known(engine: &Engine, caller: &Caller, id: &str) -> Result<Record, Refusal> {
    let attachment = engine.get("sys_attachment", id).filter(|attachment| engine.may_read(caller, attachment));
    attachment.cloned().ok_or(Refusal::NoAttachment)
}

fn writable(engine: &Engine, caller: &Caller, id: &str, operation: Operation) -> Result<Record, Refusal> {
    let attachment = known(engine, caller, id)?;
    if engine.may_write(caller, &attachment) { Ok(attachment) } else { Err(Refusal::Acl(operation)) }
}

/// What is told of an attachment.
fn metadata(engine: &Engine, caller: &Caller, request: &Request, attachment: &Record) -> Value {
    let shape = Shape { display: Display::Values, exclude_link: true, base: String::new(), fields: Vec::new() };
    let mut rendered = engine.render(caller, "sys_attachment", attachment, &shape);
    let mut told = serde_json::Map::new();
    for field in FIELDS {
        let value = match *field {
            "download_link" => {
                json!(format!("{}/api/now/attachment/{}/file", request.base, attachment.sys_id()))
            }
            field => rendered.get_mut(field).map(Value::take).unwrap_or_else(|| "".into()),
        };
        told.insert((*field).to_owned(), value);
    }
    Value::Object(told)
}

fn list(engine: &Engine, caller: &Caller, request: &Request) -> Result<Reply, Refusal> {
    let query = Query::parse(request.parameter("sysparm_query").unwrap_or_default());
    let filter = Filter::new(engine, caller, "sys_attachment", &query)?;
    let number = |name: &str, default: usize| {
        request.parameter(name).and_then(|text| text.parse::<usize>().ok()).unwrap_or(default)
    };
    let found = filter.find(engine);
    let total = found.len();
    let rows: Vec<Value> = found
        .into_iter()
        .skip(number("sysparm_offset", 0))
        .take(number("sysparm_limit", DEFAULT_LIMIT))
        .filter(|attachment| engine.may_read(caller, attachment))
        .map(|attachment| metadata(engine, caller, request, attachment))
        .collect();
    Ok(Reply::result(StatusCode::OK, rows.into()).with("x-total-count", total.to_string()))
}

fn file(engine: &Engine, caller: &Caller, request: &Request, id: &str) -> Result<Reply, Refusal> {
    let attachment = known(engine, caller, id)?;
    let content = engine.contents.get(id).cloned().ok_or(Refusal::NoAttachment)?;
    let told = metadata(engine, caller, request, &attachment);
    Ok(Reply::bytes(StatusCode::OK, attachment.get("content_type"), content)
        .with("content-disposition", format!("attachment;filename={}", attachment.get("file_name")))
        .with("x-attachment-metadata", told.to_string()))
}

/// A file to be attached.
struct File {
    table: String,
    record: String,
    name: String,
    content_type: String,
    content: Bytes,
}

fn raw(engine: &mut Engine, caller: &Caller, request: &Request) -> Result<Reply, Refusal> {
    let parameter = |name: &str| {
        request.parameter(name).filter(|value| !value.is_empty()).map(str::to_owned).ok_or_else(|| missing(name))
    };
    let file = File {
        table: parameter("table_name")?,
        record: parameter("table_sys_id")?,
        name: parameter("file_name")?,
        content_type: request.header("content-type").ok_or_else(|| missing("Content-Type"))?.to_owned(),
        content: request.body.clone(),
    };
    attach(engine, caller, request, file)
}

/// A form: the table, the record, and the file last.
fn multipart(engine: &mut Engine, caller: &Caller, request: &Request) -> Result<Reply, Refusal> {
    let mut table = None;
    let mut record = None;
    for part in &request.parts {
        let text = || String::from_utf8_lossy(&part.content).trim().to_owned();
        match (part.name.as_str(), &part.file_name) {
            ("table_name", _) => table = Some(text()),
            ("table_sys_id", _) => record = Some(text()),
            (_, Some(name)) => {
                let file = File {
                    table: table.ok_or_else(|| missing("table_name"))?,
                    record: record.ok_or_else(|| missing("table_sys_id"))?,
                    name: name.clone(),
                    content_type: part.content_type.clone().unwrap_or_else(|| "application/octet-stream".into()),
                    content: part.content.clone(),
                };
                return attach(engine, caller, request, file);
            }
            _ => {}
        }
    }
    Err(missing("uploadFile"))
}

fn attach(engine: &mut Engine, caller: &Caller, request: &Request, file: File) -> Result<Reply, Refusal> {
    engine.known_table(&file.table)?;
    if file.content.is_empty() {
        return Err(Refusal::invalid("Attachment body is empty"));
    }
    let target = engine.get(&file.table, &file.record).filter(|target| engine.may_read(caller, target)).cloned();
    let target = target.ok_or(Refusal::NoRecord)?;
    if !engine.may_write(caller, &target) {
        return Err(Refusal::Acl(Operation::Insert));
    }
    let properties = &engine.properties;
    if file.content.len() > properties.attachment_max_size {
        return Err(Refusal::invalid("Attachment size exceeds the maximum size"));
    }
    let extension = file.name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default();
    let allowed = &properties.attachment_extensions;
    if !allowed.is_empty() && !allowed.contains(&extension) {
        return Err(Refusal::invalid("Attachment file extension is not allowed"));
    }
    let size = file.content.len().to_string();
    let hash: String = sha2::Sha256::digest(&file.content).iter().map(|byte| format!("{byte:02x}")).collect();
    let values = [
        ("file_name", file.name.as_str()),
        ("table_name", file.table.as_str()),
        ("table_sys_id", file.record.as_str()),
        ("content_type", file.content_type.as_str()),
        ("size_bytes", size.as_str()),
        ("size_compressed", size.as_str()),
        ("hash", hash.as_str()),
    ];
    let attachment = engine.create(caller, "sys_attachment", &values)?;
    engine.store.note(|| Change::content(attachment.sys_id(), &file.content));
    engine.contents.insert(attachment.sys_id().to_owned(), file.content);
    if engine.properties.attachment_touches_record {
        let now = engine.now();
        let touched = target.with("sys_updated_on", now);
        engine.alter(caller, touched, Vec::new())?;
    }
    let location = format!("{}/attachment/{}", shape(request).base, attachment.sys_id());
    let told = metadata(engine, caller, request, &attachment);
    Ok(Reply::result(StatusCode::CREATED, told).with("location", location))
}
