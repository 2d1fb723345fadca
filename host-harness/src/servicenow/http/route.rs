//! Which API a path belongs to.

use super::reply::Reply;
use super::request::Request;
use super::{attachment, auth, batch, change, cmdb, ire, oauth, table};
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
    api_reply(engine, &caller, request).dressed(request, true)
}

/// What an API answers a caller, refusals in their envelope.
pub fn api_reply(engine: &mut Engine, caller: &Caller, request: &Request) -> Reply {
    check(engine, request)
        .and_then(|()| api(engine, caller, request))
        .unwrap_or_else(|refusal| refuse(engine, &refusal))
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
    match request.route().as_slice() {
        ["api", "now", "table", rest @ ..] => table::answer(engine, caller, request, rest),
        ["api", "now", "attachment", rest @ ..] => attachment::answer(engine, caller, request, rest),
        ["api", "now", "identifyreconcile", rest @ ..] => ire::answer(engine, caller, request, rest),
        ["api", "now", "cmdb", rest @ ..] => cmdb::answer(engine, caller, request, rest),
        ["api", "now", "batch"] => batch::answer(engine, caller, request),
        ["api", "sn_chg_rest", "change", rest @ ..] => change::answer(engine, caller, request, rest),
        _ => Err(Refusal::UnknownUri(request.path.clone())),
    }
}
