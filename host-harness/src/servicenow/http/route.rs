//! Which API a path belongs to.

use super::reply::Reply;
use super::request::Request;
use super::{attachment, auth, batch, change, cmdb, ire, limit, oauth, table, tinyurl};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::refusal::Refusal;
use http::StatusCode;

/// Answers a request, and lets the flows that it woke run.
pub fn answer(engine: &mut Engine, request: &Request) -> Reply {
    let reply = open(engine, request).unwrap_or_else(|| closed(engine, request));
    engine.run_flows();
    engine.run_workers();
    reply
}

/// The paths that ask for no authentication.
fn open(engine: &mut Engine, request: &Request) -> Option<Reply> {
    let reply = match request.path.as_str() {
        "/oauth_token.do" => oauth::token(engine, request),
        "/oauth_revoke_token.do" => oauth::revoke(engine, request),
        path if !path.starts_with("/api/") => {
            Reply::html(StatusCode::NOT_FOUND, "<html><body><h1>Page not found</h1></body></html>")
        }
        _ => return None,
    };
    Some(reply.dressed(request, false))
}

/// The REST APIs.
fn closed(engine: &mut Engine, request: &Request) -> Reply {
    let caller = match auth::authenticate(engine, request) {
        Ok(caller) => caller,
        Err(refusal) => {
            let reply = Reply::refusal(&refusal, engine.properties.omit_null_detail);
            return reply.dressed(request, false);
        }
    };
    let judged = limit::judge(engine, &caller, request);
    let reply = match judged.as_ref().filter(|judged| judged.retry_after.is_some()) {
        Some(judged) => refuse(engine, &Refusal::RateLimit { limit: judged.limit, api: judged.api.clone() }),
        None => api_reply(engine, &caller, request),
    };
    limited(reply, judged.as_ref()).dressed(request, true)
}

/// What an API answers a caller, refusals in their envelope.
pub fn api_reply(engine: &mut Engine, caller: &Caller, request: &Request) -> Reply {
    check(engine, request)
        .and_then(|()| api(engine, caller, request))
        .unwrap_or_else(|refusal| refuse(engine, &refusal))
}

/// With the headers of the rate-limit rule that held.
fn limited(reply: Reply, judged: Option<&limit::Judged>) -> Reply {
    let Some(judged) = judged else { return reply };
    let reply = reply
        .with("x-ratelimit-limit", judged.limit.to_string())
        .with("x-ratelimit-reset", judged.reset.to_string())
        .with("x-ratelimit-rule", &judged.rule);
    match judged.retry_after {
        Some(seconds) => reply.with("retry-after", seconds.to_string()),
        None => reply,
    }
}

fn refuse(engine: &Engine, refusal: &Refusal) -> Reply {
    let mut reply = Reply::refusal(refusal, engine.properties.omit_null_detail);
    if engine.properties.unknown_uri_is_not_found && matches!(refusal, Refusal::UnknownUri(_)) {
        reply.status = StatusCode::NOT_FOUND;
    }
    reply
}

/// What holds for every API: a type that can be served, a body that is not too large.
fn check(engine: &Engine, request: &Request) -> Result<(), Refusal> {
    let accepted = request
        .header("accept")
        .is_none_or(|accept| ["json", "*/*", "application/*"].iter().any(|served| accept.contains(served)));
    let file = matches!(request.route().as_slice(), ["api", "now", "attachment", ..]);
    if !accepted && !file {
        return Err(Refusal::NotAcceptable);
    }
    let limit = engine.properties.max_content_length;
    if request.body.len() > limit && !file {
        return Err(Refusal::TooLarge { length: request.body.len(), limit });
    }
    Ok(())
}

/// Hands a request to its API.
fn api(engine: &mut Engine, caller: &Caller, request: &Request) -> Result<Reply, Refusal> {
    let resolved = tinyurl::resolve(engine, request);
    let request = resolved.as_ref().unwrap_or(request);
    match request.route().as_slice() {
        ["api", "now", "tinyurl"] => tinyurl::answer(engine, request),
        ["api", "now", "table", rest @ ..] => table::answer(engine, caller, request, rest),
        ["api", "now", "attachment", rest @ ..] => attachment::answer(engine, caller, request, rest),
        ["api", "now", "identifyreconcile", rest @ ..] => ire::answer(engine, caller, request, rest),
        ["api", "now", "cmdb", rest @ ..] => cmdb::answer(engine, caller, request, rest),
        ["api", "now", "batch"] => batch::answer(engine, caller, request),
        ["api", "sn_chg_rest", "change", rest @ ..] => change::answer(engine, caller, request, rest),
        _ => Err(Refusal::UnknownUri(request.path.clone())),
    }
}
