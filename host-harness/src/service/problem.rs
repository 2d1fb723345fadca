//! What the service answers when it does not do what it was asked: a status, and an object in the contract's words.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Until a flooded service is asked again, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// A refusal.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    summary: String,
    remedy: &'static str,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        summary: impl Into<String>,
        remedy: &'static str,
    ) -> Self {
        Self { status, code, summary: summary.into(), remedy }
    }

    /// The request makes no sense.
    pub(super) fn invalid(summary: impl Into<String>, remedy: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "service.invalid", summary, remedy)
    }

    /// Nothing has this key.
    pub(super) fn unknown(key: &str) -> Self {
        let remedy = "check the key; settled events are forgotten after some months";
        Self::new(StatusCode::NOT_FOUND, "service.unknown-key", format!("no event has the key `{key}`"), remedy)
    }

    /// The store failed.
    pub(super) fn store(error: &crate::delivery::StoreError) -> Self {
        let remedy = "look at the service's log and its disk; then send the request again";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "service.store", error.to_string(), remedy)
    }

    /// Too much at once.
    pub(super) fn flood(summary: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "service.full", summary, "send the request again later")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problem = json!({ "code": self.code, "summary": self.summary, "remedy": self.remedy });
        let mut response = (self.status, Json(json!({ "problem": problem }))).into_response();
        match self.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
            }
            StatusCode::UNAUTHORIZED => {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        response
    }
}
