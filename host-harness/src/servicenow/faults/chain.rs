//! A rule as a chain of words.

use super::{Action, Fault};
use std::collections::BTreeMap;

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
            not_user: None,
            nth: None,
            times: None,
            probability: None,
            seed: None,
            delay_ms: 0,
            reply_delay_ms: 0,
            action: Action::Nothing,
        })
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

    /// Requests of everybody but this user; those of nobody too, such as for a token.
    pub fn not_user(mut self, user: &str) -> Self {
        self.0.not_user = Some(user.into());
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

    /// What happens is answered so many milliseconds later.
    pub fn reply_delayed(mut self, millis: u64) -> Self {
        self.0.reply_delay_ms = millis;
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
        use crate::servicenow::engine::refusal::Refusal;
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
