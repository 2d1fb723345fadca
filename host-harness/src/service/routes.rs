//! What each path does.

use super::Shared;
use super::problem::Refusal;
use super::wait;
use crate::delivery::{AcceptError, Accepted, RetryError, State as EventState, StoreError};
use crate::evidence::junit;
use crate::runtime::{Call, limits::Limits};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing};
use itsm_contract::answers::Event;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// Events listed at once where the client does not say.
const PAGE: u32 = 100;

/// Events listed at most at once.
pub const LONGEST_PAGE: u32 = 1_000;

type Answer = Result<Response, Refusal>;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    let guarded = Router::new()
        .route("/v1/events", routing::post(accept).get(events))
        .route("/v1/events/{key}", routing::get(event))
        .route("/v1/events/{key}/retry", routing::post(retry))
        .route("/v1/gates", routing::get(gates))
        .route("/metrics", routing::get(metrics))
        .layer(axum::middleware::from_fn_with_state(shared.clone(), guard));
    Router::new()
        .merge(guarded)
        .route("/healthz", routing::get(health))
        .fallback(async || {
            Refusal::new(
                StatusCode::NOT_FOUND,
                "service.no-such-path",
                "there is no such path",
                "see GET /v1/events, /v1/gates, /healthz and /metrics",
            )
        })
        .method_not_allowed_fallback(async || {
            Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "service.method",
                "the path does not take this method",
                "events are sent with POST /v1/events and read with GET",
            )
        })
        .layer(axum::extract::DefaultBodyLimit::max(super::EVENT_BYTES))
        .with_state(shared)
}

async fn guard(
    State(shared): State<Arc<Shared>>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    let Some(token) = &shared.token else {
        // Nobody must know anything: but a web page that this machine's browser shows is not this machine's user.
        if is_from_a_page(request.headers()) {
            let (summary, remedy) = ("a web page asks", "ask from a program, at 127.0.0.1, or start it with a token");
            return Refusal::new(StatusCode::FORBIDDEN, "service.web-page", summary, remedy).into_response();
        }
        return next.run(request).await;
    };
    let authorization = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    if token.admits(authorization) {
        return next.run(request).await;
    }
    let remedy = "send `Authorization: Bearer …` with the token that the service was started with";
    Refusal::new(StatusCode::UNAUTHORIZED, "service.unauthorized", "the token is missing or wrong", remedy)
        .into_response()
}

/// Whether a browser sends this for a page: it names the page's origin, or the host by a name that the page's owner made
/// lead here.
fn is_from_a_page(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).and_then(|host| {
        let authority: axum::http::uri::Authority = host.parse().ok()?;
        let name = authority.host().trim_matches(['[', ']']);
        let is_loopback = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        (is_loopback || name.eq_ignore_ascii_case("localhost")).then_some(())
    });
    headers.contains_key(header::ORIGIN) || host.is_none()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptQuery {
    callback: Option<String>,
    wait: Option<String>,
}

async fn accept(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<AcceptQuery>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
    body: Result<axum::body::Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer {
    let Query(query) = query.map_err(|error| unknown_parameter(&error, "`callback` and `wait`"))?;
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json"));
    if !is_json {
        // Neither can a web page send it without being asked first.
        let (summary, remedy) = ("an event is JSON", "send `Content-Type: application/json`");
        return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "service.no-json", summary, remedy));
    }
    let body = body.map_err(|_| {
        let summary = format!("the event is larger than {} bytes", super::EVENT_BYTES);
        let remedy = "send large files as links";
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "service.too-large", summary, remedy)
    })?;
    if let Some(callback) = &query.callback {
        let remedy = "leave the callback out, or use a URL that the service may call";
        shared.callbacks.check(callback).map_err(|error| Refusal::invalid(error.to_string(), remedy))?;
    }
    let longest = query.wait.as_deref().map(read_wait).transpose()?;
    let event = parse(body).await?;
    let accepted = shared.outbox.accept(event, query.callback).await.map_err(refuse)?;
    let code = match &accepted {
        Accepted::New(_) => StatusCode::ACCEPTED,
        Accepted::Known(_) => StatusCode::OK,
    };
    let status = match longest {
        // It is stored: where too many wait already, its status says so at once.
        Some(longest) if !accepted.status().is_settled() => {
            let held = held(&shared, &accepted.status().key, longest).await.ok().flatten();
            held.unwrap_or_else(|| accepted.status().clone())
        }
        _ => accepted.status().clone(),
    };
    Ok((code, Json(status)).into_response())
}

/// The event, with the summary of its test reports where it says nothing of its tests. A report may have megabytes, so
/// it is read where nobody waits for it.
async fn parse(body: axum::body::Bytes) -> Result<Event, Refusal> {
    let read = move || {
        let mut event = read(&body)?;
        if let Event::BuildFinished(result) = &mut event {
            let remedy = "correct the report, or send it as another media type";
            junit::complete(result).map_err(|error| Refusal::invalid(error.to_string(), remedy))?;
        }
        Ok(event)
    };
    let lost = |error: tokio::task::JoinError| Refusal::invalid(error.to_string(), "send the event again");
    tokio::task::spawn_blocking(read).await.map_err(lost)?
}

fn read(body: &[u8]) -> Result<Event, Refusal> {
    let invalid = |summary| {
        let remedy = "send the event as the contract writes it: {\"build-requested\": {…}}, {\"build-finished\": {…}}, \
                      {\"failed\": {…}} or {\"deploy\": {…}}";
        Refusal::invalid(summary, remedy)
    };
    let text = std::str::from_utf8(body).map_err(|error| invalid(format!("the event is no UTF-8: {error}")))?;
    Call::event_from_json(text, &Limits::default()).map_err(|error| invalid(error.to_string()))
}

fn refuse(error: AcceptError) -> Refusal {
    match &error {
        AcceptError::Event(why) => Refusal::invalid(why.to_string(), "correct the event where it is made"),
        AcceptError::KeyTaken { .. } => Refusal::new(
            StatusCode::CONFLICT,
            "service.key-taken",
            error.to_string(),
            "give every event a key of its own, and send a repeat as the first one was; GET /v1/events/KEY tells of the first",
        ),
        AcceptError::Full(_) => Refusal::flood(error.to_string()),
        AcceptError::Store(why) => Refusal::store(why),
        _ => Refusal::invalid(error.to_string(), "correct the event where it is made"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventQuery {
    wait: Option<String>,
}

async fn event(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
    query: Result<Query<EventQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|error| unknown_parameter(&error, "`wait`"))?;
    let longest = query.wait.as_deref().map(read_wait).transpose()?;
    let status = match longest {
        Some(longest) => held(&shared, &key, longest).await?,
        None => shared.outbox.status(&key).await.map_err(|error| Refusal::store(&error))?,
    };
    status.map(|status| Json(status).into_response()).ok_or_else(|| Refusal::unknown(&key))
}

/// Holds a request until its event is settled. So many are held at once, and no more.
async fn held(
    shared: &Shared,
    key: &str,
    longest: std::time::Duration,
) -> Result<Option<crate::delivery::Status>, Refusal> {
    let _permit = shared.held.try_acquire().map_err(|_| Refusal::flood("too many requests wait for an answer"))?;
    shared.outbox.wait(key, longest).await.map_err(|error| Refusal::store(&error))
}

async fn retry(State(shared): State<Arc<Shared>>, Path(key): Path<String>) -> Answer {
    match shared.outbox.retry(&key).await {
        Ok(status) => Ok((StatusCode::ACCEPTED, Json(status)).into_response()),
        Err(RetryError::Unknown(key)) => Err(Refusal::unknown(&key)),
        Err(RetryError::Store(error)) => Err(Refusal::store(&error)),
        Err(error) => {
            let remedy = "wait for its answer: it is delivered without being asked for";
            Err(Refusal::new(StatusCode::CONFLICT, "service.not-given-up", error.to_string(), remedy))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    state: Option<String>,
    after: Option<i64>,
    limit: Option<u32>,
}

async fn events(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|error| unknown_parameter(&error, "`state`, `after` and `limit`"))?;
    let names = EventState::ALL.map(EventState::name).join(", ");
    let state = query.state.as_deref().unwrap_or(EventState::GivenUp.name());
    let state = EventState::ALL.into_iter().find(|known| known.name() == state);
    let state = state.ok_or_else(|| {
        Refusal::invalid(format!("`state` is none of {names}"), "ask for one of these states, such as ?state=given-up")
    })?;
    list(&shared, state, &query).await
}

async fn gates(
    State(shared): State<Arc<Shared>>,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|error| unknown_parameter(&error, "`after` and `limit`"))?;
    if query.state.is_some() {
        return Err(Refusal::invalid("gates have no `state`", "leave `state` out"));
    }
    list(&shared, EventState::Waiting, &query).await
}

async fn list(shared: &Shared, state: EventState, query: &ListQuery) -> Answer {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
    let listed: Result<_, StoreError> = shared.outbox.list(state, query.after.unwrap_or_default(), limit).await;
    let (events, next) = listed.map_err(|error| Refusal::store(&error))?;
    let name = if state == EventState::Waiting { "gates" } else { "events" };
    let mut page = serde_json::Map::new();
    page.insert(name.into(), json!(events));
    page.insert("next".into(), next.map_or(Value::Null, Value::from));
    Ok(Json(page).into_response())
}

async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let trouble = shared.outbox.trouble();
    let code = if trouble.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (depth, pace) = (shared.outbox.depth(), shared.outbox.pace());
    // ServiceNow's absence is no fault of this service: it goes on accepting.
    let body = json!({
        "healthy": trouble.is_none(),
        "trouble": trouble,
        "instance-away": pace.is_away,
        "queued": depth.queued,
        "gates-waiting": depth.gates,
    });
    (code, Json(body)).into_response()
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], shared.outbox.metrics()).into_response()
}

fn read_wait(text: &str) -> Result<std::time::Duration, Refusal> {
    wait::parse(text).ok_or_else(|| Refusal::invalid(format!("`{text}` is no time to wait"), "write such as ?wait=30s"))
}

fn unknown_parameter(error: &axum::extract::rejection::QueryRejection, known: &str) -> Refusal {
    Refusal::invalid(
        format!("the query is not understood: {}; known are {known}", error.body_text()),
        "correct the query",
    )
}
