//! Inbound rate limits: so many requests an hour, by the rows of `sys_rate_limit_rules`. None on a new instance.

use super::request::Request;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use std::collections::HashMap;

/// Seconds of the window in which requests are counted.
const WINDOW: i64 = 3600;

/// How many requests each user has made under each rule, in which window.
#[derive(Debug, Default)]
pub struct Counts(HashMap<(String, String), (i64, u32)>);

/// What a rule says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The rule's `sys_id`.
    pub rule: String,
    /// Requests an hour.
    pub limit: u32,
    /// When the window ends, in seconds since 1970.
    pub reset: i64,
    /// Seconds until then, where the limit is spent.
    pub retry_after: Option<i64>,
    /// The API's name.
    pub api: String,
}

/// The name of the API that a request is for, as rules and refusals call it.
fn api(request: &Request) -> &'static str {
    match request.route().as_slice() {
        [_, "now", "table", ..] => "Table API",
        [_, "now", "attachment", ..] => "Attachment API",
        [_, "now", "batch", ..] => "Batch API",
        [_, "now", "cmdb", ..] => "CMDB Instance API",
        [_, "now", "identifyreconcile", ..] => "Identification and Reconciliation API",
        [_, "sn_chg_rest", ..] => "Change Management API",
        _ => "",
    }
}

/// Counts a request under the rule that holds for it; none where no rule does.
pub fn judge(engine: &mut Engine, caller: &Caller, request: &Request) -> Option<Judged> {
    let api = api(request);
    let (rule, limit) = {
        let rule = rule_for(engine, caller, api, request.method.as_str())?;
        (rule.sys_id().to_owned(), rule.get("request_limit").parse::<u32>().unwrap_or_default())
    };
    let now = engine.clock.now().as_second();
    let window = now.div_euclid(WINDOW);
    let count = engine.rates.0.entry((rule.clone(), caller.user_name.clone())).or_insert((window, 0));
    if count.0 != window {
        *count = (window, 0);
    }
    count.1 = count.1.saturating_add(1);
    let reset = window.saturating_add(1).saturating_mul(WINDOW);
    let retry_after = (count.1 > limit).then(|| reset.saturating_sub(now));
    Some(Judged { rule, limit, reset, retry_after, api: api.to_owned() })
}

/// A rule for the user goes before one for a role, and that before one for all; of several the lowest limit holds.
fn rule_for<'a>(engine: &'a Engine, caller: &Caller, api: &str, method: &str) -> Option<&'a Record> {
    let rank = |rule: &Record| match (rule.get("user"), rule.get("role")) {
        (user, _) if !user.is_empty() => (user == caller.sys_id).then_some(0),
        (_, role) if !role.is_empty() => caller.roles.contains(role).then_some(1),
        _ => Some(2),
    };
    engine
        .store
        .scan(&engine.dictionary, "sys_rate_limit_rules")
        .into_iter()
        .filter(|rule| rule.is("active") && rule.get("resource") == api)
        .filter(|rule| rule.lacks("method") || rule.get("method").eq_ignore_ascii_case(method))
        .filter_map(|rule| Some(((rank(rule)?, rule.get("request_limit").parse::<u32>().ok()?), rule)))
        .min_by_key(|(order, _)| *order)
        .map(|(_, rule)| rule)
}
