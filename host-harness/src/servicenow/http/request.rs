//! A request as the APIs want it: path segments without their version, decoded parameters, the body in hand.

use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::Values;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

/// A part of a multipart body.
#[derive(Debug, Clone)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name, if it is a file.
    pub file_name: Option<String>,
    /// The part's own `Content-Type`.
    pub content_type: Option<String>,
    /// What it holds.
    pub content: Bytes,
}

/// A request that has been read whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method; `X-HTTP-Method-Override` on a POST is taken into account.
    pub method: Method,
    /// Path and query as they were sent.
    pub target: String,
    /// The path as it was sent.
    pub path: String,
    /// The path's segments, decoded, without an API version.
    pub segments: Vec<String>,
    /// The API version that the path named, such as `v2`.
    pub version: Option<String>,
    /// The parameters of the query, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The body's parts, where it is multipart.
    pub parts: Vec<Part>,
    /// Scheme and host of the request, for links.
    pub base: String,
}

impl Request {
    /// Reads method, path, query and headers.
    pub fn new(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes, scheme: &str) -> Self {
        let mut segments: Vec<String> = uri.path().split('/').skip(1).map(percent_decode).collect();
        // `/api/now/v2/table` and `/api/sn_chg_rest/v1/change`: the version stands after the namespace.
        let versioned = segments.first().is_some_and(|first| first == "api")
            && segments
                .get(2)
                .and_then(|segment| segment.strip_prefix('v'))
                .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()));
        let version = versioned.then(|| segments.remove(2));
        let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let base = format!("{scheme}://{host}");
        let overridden = headers
            .get("x-http-method-override")
            .filter(|_| method == Method::POST)
            .and_then(|method| Method::from_bytes(method.as_bytes()).ok());
        Request {
            method: overridden.unwrap_or(method),
            target: uri.path_and_query().map_or_else(|| uri.path().to_owned(), |target| target.as_str().to_owned()),
            path: uri.path().to_owned(),
            segments,
            version,
            query: uri
                .query()
                .map(|query| url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
                .unwrap_or_default(),
            headers,
            body,
            parts: Vec::new(),
            base,
        }
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The first parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter says `true`.
    pub fn flag(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The path's segments for matching.
    pub fn route(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Refusal> {
        if self.body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        match self.header("content-type") {
            None => return Err(Refusal::Body("Content-Type is missing".into())),
            Some(kind) if !kind.contains("json") => return Err(Refusal::MediaType),
            Some(_) => {}
        }
        serde_json::from_slice(&self.body).map_err(|error| Refusal::Body(format!("Unable to parse JSON: {error}")))
    }

    /// The body's fields as text: numbers and booleans are taken as the Table API takes them. Of several records the
    /// first is taken.
    pub fn values(&self) -> Result<Values, Refusal> {
        fields(&self.json()?)
    }
}

/// The fields of a JSON object as text.
pub fn fields(value: &Value) -> Result<Values, Refusal> {
    let object = match value {
        Value::Object(object) => object,
        Value::Array(records) => match records.first() {
            Some(Value::Object(object)) => object,
            _ => return Ok(Values::new()),
        },
        _ => return Err(Refusal::Body("Expected a JSON object".into())),
    };
    Ok(object.iter().map(|(name, value)| (name.clone(), text_of(value))).collect())
}

/// A JSON value as the database takes it.
pub fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        Value::Object(object) => object.get("value").map(text_of).unwrap_or_else(|| value.to_string()),
        other => other.to_string(),
    }
}

/// Decodes a path segment. In a path a plus is itself.
fn percent_decode(segment: &str) -> String {
    let escaped = segment.replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(escaped.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}
