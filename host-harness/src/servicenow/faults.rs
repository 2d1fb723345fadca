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

mod action;
mod armed;
mod chain;
mod glob;
mod pages;

pub use action::Action;
pub use armed::FaultId;
pub(crate) use armed::Faults;
pub use chain::Pending;
pub(crate) use pages::{HIBERNATING, LOGIN};

use http::StatusCode;
use serde::{Deserialize, Serialize};

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
    /// Everybody but this user, by name; none excepts nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_user: Option<String>,
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
    /// Milliseconds between what happens and its reply.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reply_delay_ms: u64,
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

impl Fault {
    fn matches(&self, method: &str, path: &str, target: &str, user: Option<&str>) -> bool {
        let against = if self.path.contains('?') { target } else { path };
        glob::glob(&self.path, against)
            && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.user.as_deref().is_none_or(|wanted| Some(wanted) == user)
            && self.not_user.as_deref().is_none_or(|other| Some(other) != user)
    }
}

/// A status code, or 500 where the number is none.
pub(crate) fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
