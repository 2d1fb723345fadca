//! Faults on purpose: rules that say which requests go wrong, and how.
//!
//! A rule names a path, perhaps a method, and which of the requests that match it (the second, each with a
//! probability). In Rust it is a chain, in a file or through `/__sim/faults` it is JSON:
//!
//! ```
//! use host_harness::servicenow::Fault;
//!
//! // The second change that is created is kept, and its reply lost.
//! let fault = Fault::on("/api/now/table/change_request").method("POST").nth(2).reset_after();
//! let same: Fault = serde_json::from_str(
//!     r#"{"path": "/api/now/table/change_request", "method": "POST", "nth": 2, "action": "reset-after"}"#,
//! )?;
//! assert_eq!(fault, same);
//! # Ok::<(), serde_json::Error>(())
//! ```

use http::StatusCode;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happens to a request that a rule picks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Another reply instead of the instance's.
    Status {
        /// The status.
        status: u16,
        /// Headers of it.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Its body. Text that begins with `{` is sent as JSON, any other as HTML.
        #[serde(default)]
        body: String,
        /// Whether the request is applied all the same, as with a write that is kept and then runs into its quota.
        #[serde(default)]
        applied: bool,
    },
    /// 429 as a rate-limit rule answers, or bare as a full semaphore queue does.
    TooManyRequests {
        /// `Retry-After`, in seconds; without it there are no headers and no JSON.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The reply is cut off after so many bytes, status line and headers included; the request was applied.
    Cut {
        /// How many bytes still arrive.
        bytes: u64,
    },
    /// The connection is reset before the request is applied.
    ResetBefore,
    /// The request is applied, and the connection reset before a byte of the reply.
    ResetAfter,
    /// Nothing is ever answered. The request is not applied.
    Stall,
    /// A login page with 200.
    Html,
    /// The page of a sleeping developer instance, with 200.
    Hibernating,
    /// 302 to a login page.
    Redirect {
        /// `Location`.
        location: String,
    },
    /// JSON that ends too early, in a reply that is whole; the request was applied.
    TruncatedJson,
    /// An error in the middle of a 200 body, as a quota that strikes while rows are written; the request was applied.
    ErrorInBody,
    /// Every token that was given out is worthless from now on.
    ExpiredToken,
    /// The request is handled by a node whose clock is off.
    ClockSkew {
        /// By so many seconds.
        seconds: i64,
    },
    /// ACLs hide rows from everybody but `admin`.
    HideRows {
        /// The table.
        table: String,
        /// An encoded query; empty means all rows.
        #[serde(default)]
        query: String,
    },
    /// Nothing but the rule's delay.
    Nothing,
}

/// A rule: which requests, and what happens to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Fault {
    /// The path, in which `*` stands for anything. With a `?` in it, path and query are compared.
    #[serde(default = "everything")]
    pub path: String,
    /// The method; none means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The user, by name; none means any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The first of the matching requests that is picked, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// How many are picked from there; with `nth` one, otherwise all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Each is picked only with this probability, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// What the probability's dice begin with, so that a run can be repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Milliseconds before anything happens. A request that is held so goes on when the rule is taken out of force.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay_ms: u64,
    /// What happens.
    pub action: Action,
}

fn everything() -> String {
    "*".into()
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Reads rules from a file: a JSON array of them, or one.
///
/// # Errors
/// Where it cannot be read, or holds something else; the message names what.
pub fn read_file(path: impl AsRef<std::path::Path>) -> std::io::Result<Vec<Fault>> {
    let text = std::fs::read(path)?;
    parse(&text).map_err(std::io::Error::other)
}

/// A rule, or an array of rules.
pub(crate) fn parse(text: &[u8]) -> Result<Vec<Fault>, serde_json::Error> {
    match text.trim_ascii_start().first() {
        Some(b'[') => serde_json::from_slice(text),
        _ => serde_json::from_slice(text).map(|rule| vec![rule]),
    }
}

/// A rule that has been told its path and not yet what happens.
#[derive(Debug, Clone)]
pub struct Pending(Fault);

impl Fault {
    /// A rule for a path, in which `*` stands for anything.
    pub fn on(path: &str) -> Pending {
        Pending(Fault {
            path: path.into(),
            method: None,
            user: None,
            nth: None,
            times: None,
            probability: None,
            seed: None,
            delay_ms: 0,
            action: Action::Nothing,
        })
    }

    fn matches(&self, method: &str, path: &str, target: &str, user: Option<&str>) -> bool {
        let against = if self.path.contains('?') { target } else { path };
        glob(&self.path, against)
            && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.user.as_deref().is_none_or(|wanted| Some(wanted) == user)
    }
}

impl Pending {
    /// Only requests with this method.
    pub fn method(mut self, method: &str) -> Self {
        self.0.method = Some(method.into());
        self
    }

    /// Only requests of this user.
    pub fn user(mut self, user: &str) -> Self {
        self.0.user = Some(user.into());
        self
    }

    /// The nth matching request, counted from 1.
    pub fn nth(mut self, nth: u64) -> Self {
        self.0.nth = Some(nth);
        self
    }

    /// So many matching requests.
    pub fn times(mut self, times: u64) -> Self {
        self.0.times = Some(times);
        self
    }

    /// Each matching request with this probability; the same seed picks the same ones.
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        self.0.probability = Some(probability);
        self.0.seed = Some(seed);
        self
    }

    /// So many milliseconds later, or when the rule is taken out of force.
    pub fn delayed(mut self, millis: u64) -> Self {
        self.0.delay_ms = millis;
        self
    }

    /// This happens.
    pub fn action(mut self, action: Action) -> Fault {
        self.0.action = action;
        self.0
    }

    /// Only the delay.
    pub fn only_delayed(self, millis: u64) -> Fault {
        self.delayed(millis).action(Action::Nothing)
    }

    /// This status, with nothing applied.
    pub fn status(self, status: u16) -> Fault {
        self.action(Action::Status { status, headers: BTreeMap::new(), body: String::new(), applied: false })
    }

    /// 429 with `Retry-After`.
    pub fn rate_limited(self, retry_after: u64) -> Fault {
        self.action(Action::TooManyRequests { retry_after: Some(retry_after) })
    }

    /// The write is kept, and the reply is the quota's 500.
    pub fn cancelled_after(self) -> Fault {
        use super::engine::refusal::Refusal;
        let refusal = Refusal::Cancelled;
        self.action(Action::Status {
            status: refusal.status().as_u16(),
            headers: BTreeMap::new(),
            body: refusal.envelope().to_string(),
            applied: true,
        })
    }

    /// The connection is reset before the request is applied.
    pub fn reset_before(self) -> Fault {
        self.action(Action::ResetBefore)
    }

    /// The request is applied and its reply lost.
    pub fn reset_after(self) -> Fault {
        self.action(Action::ResetAfter)
    }

    /// The reply is cut off after so many bytes, status line and headers included.
    pub fn cut(self, bytes: u64) -> Fault {
        self.action(Action::Cut { bytes })
    }

    /// The page of a sleeping developer instance.
    pub fn hibernating(self) -> Fault {
        self.action(Action::Hibernating)
    }

    /// ACLs hide rows.
    pub fn hide_rows(self, table: &str, query: &str) -> Fault {
        self.action(Action::HideRows { table: table.into(), query: query.into() })
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(first) = pieces.next() else { return text.is_empty() };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.split_once(piece) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

/// Names a rule that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct FaultId(pub u64);

#[derive(Debug)]
struct Armed {
    id: FaultId,
    fault: Fault,
    matched: u64,
    picked: u64,
    dice: StdRng,
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    armed: Vec<Armed>,
    next: u64,
}

impl Faults {
    /// Puts a rule in force.
    pub fn add(&mut self, fault: Fault) -> FaultId {
        self.next += 1;
        let id = FaultId(self.next);
        let dice = StdRng::seed_from_u64(fault.seed.unwrap_or_default());
        self.armed.push(Armed { id, fault, matched: 0, picked: 0, dice });
        id
    }

    /// Takes a rule out of force; tells whether there was one.
    pub fn remove(&mut self, id: FaultId) -> bool {
        let before = self.armed.len();
        self.armed.retain(|armed| armed.id != id);
        self.armed.len() < before
    }

    /// Whether a rule is in force.
    pub fn holds(&self, id: FaultId) -> bool {
        self.armed.iter().any(|armed| armed.id == id)
    }

    /// Takes every rule out of force.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// How many requests a rule has picked.
    pub fn picked(&self, id: FaultId) -> u64 {
        self.armed.iter().find(|armed| armed.id == id).map_or(0, |armed| armed.picked)
    }

    /// The rules in force, with how many requests each has matched and picked.
    pub fn list(&self) -> impl Iterator<Item = (FaultId, &Fault, u64, u64)> {
        self.armed.iter().map(|armed| (armed.id, &armed.fault, armed.matched, armed.picked))
    }

    /// The rule that picks a request; every rule that matches counts it.
    pub fn pick(&mut self, method: &str, path: &str, target: &str, user: Option<&str>) -> Option<(FaultId, Fault)> {
        let mut picked = None;
        for armed in &mut self.armed {
            if !armed.fault.matches(method, path, target, user) {
                continue;
            }
            armed.matched += 1;
            let first = armed.fault.nth.unwrap_or(1);
            let times = armed.fault.times.or(armed.fault.nth.map(|_| 1)).unwrap_or(u64::MAX);
            let in_turn = armed.matched >= first && armed.matched - first < times;
            let lucky = armed.fault.probability.is_none_or(|probability| armed.dice.random::<f64>() < probability);
            if in_turn && lucky && picked.is_none() {
                armed.picked += 1;
                picked = Some((armed.id, armed.fault.clone()));
            }
        }
        picked
    }
}

/// The page of a sleeping developer instance.
pub(crate) const HIBERNATING: &str = "<html><head><title>Instance Hibernating page</title></head>\n<body><h1>Your \
instance is hibernating.</h1><p>Sign in to the developer site to wake it.</p></body></html>\n";

/// A login page, as a proxy or single sign-on answers.
pub(crate) const LOGIN: &str = "<!DOCTYPE html>\n<html><head><title>Log in</title></head><body><form \
action=\"/login.do\" method=\"post\"><input name=\"user_name\"></form></body></html>\n";

/// A status code, or 500 where the number is none.
pub(crate) fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picks(faults: &mut Faults, count: usize) -> Vec<bool> {
        (0..count).map(|_| faults.pick("GET", "/a", "/a?b", None).is_some()).collect()
    }

    #[test]
    fn a_pattern_stands_for_what_it_says() {
        for (pattern, text, fits) in [
            ("*", "/anything", true),
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a/*", "/a/b/c", true),
            ("*/file", "/a/file", true),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/b/d", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn the_nth_request_is_picked_and_no_other() {
        let mut faults = Faults::default();
        faults.add(Fault::on("/a").nth(2).status(503));
        assert_eq!(picks(&mut faults, 4), [false, true, false, false]);
    }

    #[test]
    fn a_seed_repeats_a_run() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.add(Fault::on("*").probability(0.5, seed).status(503));
            picks(&mut faults, 40)
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        assert!(run(7).contains(&true) && run(7).contains(&false));
    }

    #[test]
    fn the_first_rule_wins_and_all_count() {
        let mut faults = Faults::default();
        let first = faults.add(Fault::on("*").nth(1).status(500));
        let second = faults.add(Fault::on("*").nth(2).status(503));
        assert_eq!(picks(&mut faults, 3), [true, true, false]);
        assert_eq!((faults.picked(first), faults.picked(second)), (1, 1));
    }
}
