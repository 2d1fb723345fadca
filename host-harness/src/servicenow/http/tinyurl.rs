//! Tiny URLs, for queries that no front end would take: `POST /api/now/tinyurl`, then `…?sysparm_tiny=TOKEN`.

use super::reply::Reply;
use super::request::Request;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::refusal::Refusal;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use serde_json::Value;

/// Keeps a path with its query; answers the short one.
pub fn answer(engine: &mut Engine, request: &Request) -> Result<Reply, Refusal> {
    if request.method != Method::POST {
        return Err(Refusal::Method);
    }
    let body = request.json()?;
    let url = body.get("url").and_then(Value::as_str).filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| Refusal::invalid("Missing or invalid parameter: url"))?;
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let token = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>());
    engine.tiny_urls.insert(token.clone(), query.to_owned());
    Ok(Reply::result(StatusCode::OK, format!("{path}?sysparm_tiny={token}").into()))
}

/// The request with the parameters that its token stands for.
pub fn resolve(engine: &Engine, request: &Request) -> Option<Request> {
    let query = engine.tiny_urls.get(request.parameter("sysparm_tiny")?)?;
    let mut resolved = request.clone();
    resolved.query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    Some(resolved)
}
