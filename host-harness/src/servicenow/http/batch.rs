//! The Batch API: `POST /api/now/batch`. Its own status is 200 whatever its items came to; they run one after another,
//! and nothing is taken back.

use super::reply::Reply;
use super::request::{Request, text_of};
use super::route::api_reply;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::refusal::Refusal;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};

/// `glide.rest.batch.max.inputSize`, for one item.
const MAX_INPUT: usize = 5 * 1024 * 1024;
/// `glide.rest.batch.max.outputSize`, for one item.
const MAX_OUTPUT: usize = 10 * 1024 * 1024;

/// Answers a batch.
pub fn answer(engine: &mut Engine, caller: &Caller, request: &Request) -> Result<Reply, Refusal> {
    if request.method != Method::POST {
        return Err(Refusal::Method);
    }
    let body = request.json()?;
    let items = body.get("rest_requests").and_then(Value::as_array).cloned();
    let items = items.ok_or_else(|| Refusal::Body("rest_requests is missing".into()))?;
    let limit = request
        .header("x-batchrequest-max-output-size")
        .and_then(|size| size.parse::<usize>().ok())
        .map_or(MAX_OUTPUT, |size| size.min(MAX_OUTPUT));
    let mut serviced = Vec::new();
    let mut unserviced = Vec::new();
    for (position, item) in items.iter().enumerate() {
        let id = item.get("id").map(text_of).unwrap_or_default();
        if position >= engine.properties.batch_items {
            unserviced.push(id);
            continue;
        }
        match run(engine, caller, request, item, &id, limit)? {
            Some(told) => serviced.push(told),
            None => unserviced.push(id),
        }
    }
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "batch_request_id": body.get("batch_request_id").map(text_of).unwrap_or_default(),
            "serviced_requests": serviced,
            "unserviced_requests": unserviced,
        }),
    ))
}

/// One item; none where it is too large to be served.
fn run(
    engine: &mut Engine,
    caller: &Caller,
    outer: &Request,
    item: &Value,
    id: &str,
    limit: usize,
) -> Result<Option<Value>, Refusal> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
    let body = BASE64_STANDARD.decode(text("body")).map_err(|_| Refusal::Body("body is no base64".into()))?;
    if body.len() > MAX_INPUT {
        return Ok(None);
    }
    let method = Method::from_bytes(text("method").as_bytes()).map_err(|_| Refusal::Body("invalid method".into()))?;
    let uri: Uri = text("url").parse().map_err(|_| Refusal::Body("invalid url".into()))?;
    let mut headers = HeaderMap::new();
    for header in item.get("headers").and_then(Value::as_array).into_iter().flatten() {
        let part = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or_default();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(part("name").as_bytes()), HeaderValue::from_str(part("value")))
        {
            headers.append(name, value);
        }
    }
    if let Some(host) = outer.headers.get(http::header::HOST) {
        headers.insert(http::header::HOST, host.clone());
    }
    let scheme = outer.base.split("://").next().unwrap_or("http");
    let inner = Request::new(method, &uri, headers, Bytes::from(body), scheme);
    let reply = match inner.route().as_slice() {
        ["api", "now", "batch"] => return Err(Refusal::Body("a batch cannot hold a batch".into())),
        _ => api_reply(engine, caller, &inner),
    };
    if reply.body.len() > limit {
        return Ok(None);
    }
    let told_headers: Vec<Value> = match item.get("exclude_response_headers").and_then(Value::as_bool) {
        Some(true) => Vec::new(),
        _ => reply
            .headers
            .iter()
            .map(|(name, value)| json!({ "name": name.as_str(), "value": value.to_str().unwrap_or_default() }))
            .collect(),
    };
    Ok(Some(json!({
        "id": id,
        "body": BASE64_STANDARD.encode(&reply.body),
        "status_code": reply.status.as_u16(),
        "status_text": reply.status.canonical_reason().unwrap_or_default(),
        "headers": told_headers,
        "execution_time": 0,
    })))
}
