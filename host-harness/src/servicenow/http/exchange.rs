//! One request and its reply, through the faults that pick it.

use super::reply::Reply;
use super::request::Request;
use super::server::{Seen, Shared};
use super::wire::Fate;
use super::{auth, route, sim};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::faults::{self, Action, Fault, FaultId};
use crate::servicenow::page;
use bytes::Bytes;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What becomes of a connection after a request.
pub(crate) enum Outcome {
    /// A reply is sent.
    Reply(Reply),
    /// It is reset.
    Reset,
}

/// Counts a request among those in hand, as long as it lives.
struct InHand<'a>(&'a Shared);

/// How often a held request looks whether it still is.
const LOOK: Duration = Duration::from_millis(5);

impl<'a> InHand<'a> {
    fn new(shared: &'a Shared) -> (Self, usize) {
        (InHand(shared), shared.in_hand.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers a request on a connection.
pub(crate) async fn exchange(shared: &Arc<Shared>, connection: u64, fate: &Fate, request: Request) -> Outcome {
    if shared.simulator && request.path.starts_with("/__sim/") {
        return Outcome::Reply(sim::answer(shared, &request));
    }
    if shared.page && page::serves(&request.path) {
        return Outcome::Reply(page::answer(shared, &request));
    }
    let (_in_hand, others) = InHand::new(shared);
    let user = auth::authenticate(&shared.engine(), &request).ok().map(|caller| caller.user_name);
    let full = shared.engine().properties.api_semaphores.is_some_and(|most| others >= most);
    let picked = match full {
        true => None,
        false => shared.faults().pick(request.method.as_str(), &request.path, &request.target, user.as_deref()),
    };
    if let Some((id, fault)) = &picked {
        delay(shared, *id, Duration::from_millis(fault.delay_ms)).await;
    }
    let fault = match picked {
        Some((_, fault)) => Some(fault),
        None if full => Some(Fault::on("*").action(Action::TooManyRequests { retry_after: None })),
        None => None,
    };
    let reply_delay = Duration::from_millis(fault.as_ref().map_or(0, |fault| fault.reply_delay_ms));
    let faulty = fault.as_ref().is_some_and(|fault| fault.action != Action::Nothing || !reply_delay.is_zero());
    let action = fault.map_or(Action::Nothing, |fault| fault.action);
    match action {
        Action::Stall => {
            shared.note(connection, &request, user, 0, true);
            return std::future::pending().await;
        }
        Action::AppliedLate { millis } => {
            let shared = shared.clone();
            // Beside the connection, which the client may close meanwhile.
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                route::answer(&mut shared.engine(), &request);
                shared.note(connection, &request, user, 0, true);
                shared.changed();
            });
            return std::future::pending().await;
        }
        _ => {}
    }
    let outcome = meet(&mut shared.engine(), &request, fate, action);
    let status = match &outcome {
        Outcome::Reply(reply) => reply.status.as_u16(),
        Outcome::Reset => 0,
    };
    shared.note(connection, &request, user, status, faulty);
    shared.changed();
    tokio::time::sleep(reply_delay).await;
    outcome
}

/// Holds a request for its time, or until the rule that holds it is taken out of force.
async fn delay(shared: &Shared, id: FaultId, time: Duration) {
    let end = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < end && shared.faults().holds(id) {
        tokio::time::sleep_until(end.min(tokio::time::Instant::now() + LOOK)).await;
    }
}

/// Answers a request under a fault.
fn meet(engine: &mut Engine, request: &Request, fate: &Fate, action: Action) -> Outcome {
    let page = |page: &'static str| Outcome::Reply(Reply::html(StatusCode::OK, page));
    match action {
        Action::Nothing | Action::Stall | Action::AppliedLate { .. } => Outcome::Reply(route::answer(engine, request)),
        Action::Status { status, headers, body, applied } => {
            if applied {
                route::answer(engine, request);
            }
            let kind = if body.starts_with('{') { super::reply::JSON } else { "text/html;charset=UTF-8" };
            let reply = Reply::bytes(faults::status(status), kind, Bytes::from(body)).dressed(request, false);
            Outcome::Reply(headers.iter().fold(reply, |reply, (name, value)| reply.replacing(name, value)))
        }
        Action::TooManyRequests { retry_after: None } => {
            Outcome::Reply(Reply::html(StatusCode::TOO_MANY_REQUESTS, "<html><body>Too Many Requests</body></html>"))
        }
        Action::TooManyRequests { retry_after: Some(seconds) } => {
            let refusal = Refusal::RateLimit { limit: 100, api: "Table API".into() };
            let now = engine.clock.now().as_second();
            let seconds_left = i64::try_from(seconds).unwrap_or(i64::MAX);
            Outcome::Reply(
                Reply::refusal(&refusal, false)
                    .with("x-ratelimit-limit", "100")
                    .with("x-ratelimit-reset", now.saturating_add(seconds_left).to_string())
                    .with("x-ratelimit-rule", "0a1b2c3d4e5f60718293a4b5c6d7e8f9")
                    .with("retry-after", seconds.to_string())
                    .dressed(request, true),
            )
        }
        Action::Cut { bytes } => {
            let reply = route::answer(engine, request);
            fate.cut_after(bytes);
            if bytes == 0 { Outcome::Reset } else { Outcome::Reply(reply) }
        }
        Action::ResetBefore => Outcome::Reset,
        Action::ResetAfter => {
            route::answer(engine, request);
            Outcome::Reset
        }
        Action::Html => page(faults::LOGIN),
        Action::Hibernating => page(faults::HIBERNATING),
        Action::Redirect { location } => {
            Outcome::Reply(Reply::empty(StatusCode::FOUND).with("location", location).dressed(request, false))
        }
        Action::TruncatedJson => {
            let mut reply = route::answer(engine, request);
            reply.body = reply.body.slice(..reply.body.len() / 2);
            Outcome::Reply(reply)
        }
        Action::ErrorInBody => {
            let mut reply = route::answer(engine, request);
            let mut body = reply.body.slice(..reply.body.len() / 2).to_vec();
            body.extend(Refusal::Cancelled.envelope().to_string().into_bytes());
            reply.body = Bytes::from(body);
            reply.status = StatusCode::OK;
            Outcome::Reply(reply)
        }
        Action::ExpiredToken => {
            engine.registry.expire_tokens();
            Outcome::Reply(route::answer(engine, request))
        }
        Action::ClockSkew { seconds } => {
            let clock = engine.clock.clone();
            clock.advance(SignedDuration::from_secs(seconds));
            let reply = route::answer(engine, request);
            clock.advance(SignedDuration::from_secs(seconds.saturating_neg()));
            Outcome::Reply(reply)
        }
        Action::HideRows { table, query } => {
            engine.hidden = Some((table, query));
            let reply = route::answer(engine, request);
            engine.hidden = None;
            Outcome::Reply(reply)
        }
    }
}

impl Shared {
    /// Writes a request down.
    fn note(&self, connection: u64, request: &Request, user: Option<String>, status: u16, faulty: bool) {
        self.seen().push(Seen {
            at: self.clock.now(),
            connection,
            method: request.method.to_string(),
            target: request.target.clone(),
            user,
            status,
            faulty,
        });
    }
}

/// A list of requests as JSON.
pub(crate) fn told(seen: &[Seen]) -> serde_json::Value {
    seen.iter()
        .map(|seen| {
            json!({
                "at": seen.at.to_string(), "connection": seen.connection, "method": seen.method,
                "target": seen.target, "user": seen.user, "status": seen.status, "faulty": seen.faulty,
            })
        })
        .collect()
}
