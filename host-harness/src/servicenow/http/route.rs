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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servicenow::blueprint::Blueprint;
    use crate::servicenow::clock::Clock;
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};
    use proptest::prelude::*;

    fn pieces(of: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop_oneof![4 => prop::sample::select(of).prop_map(str::to_owned), 1 => "[ -~]{0,8}"]
    }

    fn path() -> impl Strategy<Value = String> {
        let segment = pieces(&[
            "now",
            "sn_chg_rest",
            "v1",
            "table",
            "change",
            "attachment",
            "file",
            "upload",
            "batch",
            "cmdb",
            "instance",
            "identifyreconcile",
            "enhanced",
            "incident",
            "change_request",
            "sys_user",
            "normal",
            "standard",
            "task",
            "nextstates",
            "approvals",
            "schedule",
            "ci",
            "b0c4030ac0a800090152e7a4564ca36d",
            "cmdb_ci_linux_server",
        ]);
        prop::collection::vec(segment, 0..6).prop_map(|segments| format!("/api/{}", segments.join("/")))
    }

    fn query() -> impl Strategy<Value = String> {
        let value = pieces(&[
            "true",
            "all",
            "-1",
            "99999999999999999999",
            "sys_id,caller_id.name",
            "impact=1^ORimpact=2",
            "sys_created_on>javascript:gs.daysAgo(9223372036854775807)",
            "sys_created_onRELATIVEGT@month@ago@9223372036854775807",
            "sys_created_onBETWEEN@@",
            "affected",
        ]);
        let name = pieces(&[
            "sysparm_query",
            "sysparm_limit",
            "sysparm_offset",
            "sysparm_fields",
            "sysparm_display_value",
            "association_type",
            "duration_in_seconds",
            "planned_start_time",
            "options",
            "sysparm_data_source",
        ]);
        prop::collection::vec((name, value), 0..4)
            .prop_map(|pairs| url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
    }

    fn body() -> impl Strategy<Value = String> {
        pieces(&[
            "",
            "{}",
            "[]",
            "null",
            "{\"items\": [{}], \"relations\": [{\"parent\": 9}]}",
            "{\"state\": -4, \"on_hold\": [], \"start_date\": \"9999-99-99 99:99:99\", \"impact\": 1e400}",
            "{\"state\": 1e300, \"impact\": {\"value\": {}}}",
            "{\"attributes\": {\"name\": 1}, \"source\": 1}",
            "{\"rest_requests\": [{\"url\": \"/api/now/table/incident\", \"method\": \"GET\"}, 1]}",
            "{\"association_type\": \"affected\", \"cmdb_ci_sys_ids\": \",\", \"duration_in_seconds\": -1}",
        ])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn no_request_is_too_strange_to_be_answered(
            requests in prop::collection::vec((
                prop::sample::select(&["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"][..]),
                path(), query(), body(),
            ), 1..4),
        ) {
            thread_local! {
                static ENGINE: std::cell::RefCell<Engine> = Blueprint::for_tests().engine(Clock::default()).into();
            }
            for (method, path, query, body) in requests {
                let Ok(uri) = format!("{path}?{query}").parse::<http::Uri>() else { continue };
                let mut headers = HeaderMap::new();
                headers.insert("content-type", HeaderValue::from_static("application/json"));
                headers.insert("authorization", HeaderValue::from_static("Basic YWRtaW46YWRtaW4="));
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let request = Request::new(method, &uri, headers, Bytes::from(body), "http");
                let reply = ENGINE.with_borrow_mut(|engine| answer(engine, &request));
                prop_assert_ne!(reply.status, StatusCode::UNAUTHORIZED);
            }
        }
    }
}
