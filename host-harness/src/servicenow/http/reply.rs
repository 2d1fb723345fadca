//! A reply, with the headers that a real instance sends.

use super::request::Request;
use crate::servicenow::engine::refusal::Refusal;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

/// A reply before it is sent.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// The content type of every JSON reply.
pub const JSON: &str = "application/json;charset=UTF-8";

impl Reply {
    /// A reply without a body.
    pub fn empty(status: StatusCode) -> Self {
        Reply { status, headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A JSON reply.
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Reply::bytes(status, JSON, Bytes::from(body.to_string()))
    }

    /// `{"result": …}`.
    pub fn result(status: StatusCode, result: Value) -> Self {
        Reply::json(status, &serde_json::json!({ "result": result }))
    }

    /// A page for people, or what stands in its place.
    pub fn html(status: StatusCode, page: impl Into<Bytes>) -> Self {
        Reply::bytes(status, "text/html;charset=UTF-8", page.into())
    }

    /// Bytes of some type.
    pub fn bytes(status: StatusCode, content_type: &str, body: Bytes) -> Self {
        Reply { status, headers: HeaderMap::new(), body }.with("content-type", content_type)
    }

    /// A refusal in the envelope that all REST APIs share.
    pub fn refusal(refusal: &Refusal, omit_null_detail: bool) -> Self {
        let mut body = refusal.envelope();
        if omit_null_detail
            && let Some(Value::Object(error)) = body.get_mut("error")
            && error.get("detail").is_some_and(Value::is_null)
        {
            error.remove("detail");
        }
        let reply = Reply::json(refusal.status(), &body);
        match refusal {
            Refusal::NotAuthenticated => reply.with("www-authenticate", "BASIC realm=\"Service-now\""),
            _ => reply,
        }
    }

    /// With a header more. One that cannot be sent is left out.
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value.as_ref()))
        {
            self.headers.append(name, value);
        }
        self
    }

    /// With a header in place of the ones of this name.
    pub fn replacing(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.headers.remove(name);
        self.with(name, value)
    }

    /// With what every reply of an instance carries.
    pub fn dressed(mut self, request: &Request, logged_in: bool) -> Self {
        if logged_in {
            self = self.with("x-is-logged-in", "true");
        }
        self = self
            .with("x-transaction-id", format!("{:012x}", rand::random::<u64>() >> 16))
            .with("pragma", "no-store,no-cache")
            .with("cache-control", "no-cache,no-store,must-revalidate,max-age=-1")
            .with("expires", "0")
            .with("server", "ServiceNow")
            .with("server-timing", "sem_wait;dur=0, sesh_wait;dur=0")
            .with("strict-transport-security", "max-age=63072000; includeSubDomains")
            .with("x-content-type-options", "nosniff");
        let session = request.header("cookie").is_some_and(|cookies| cookies.contains("JSESSIONID="));
        if !session {
            let session = format!("{:032X}", rand::random::<u128>());
            let route = format!("{:032x}", rand::random::<u128>());
            self = self
                .with("set-cookie", format!("JSESSIONID={session}; Path=/; HttpOnly; SameSite=None; Secure"))
                .with("set-cookie", format!("glide_user_route=glide.{route}; Path=/; HttpOnly; SameSite=None; Secure"));
        }
        self
    }
}
