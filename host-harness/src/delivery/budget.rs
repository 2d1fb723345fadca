//! The request budget that ServiceNow announces: so many requests of one user in one hour, by rule. Its replies name
//! the limit and when the hour ends, never what is left, so the host counts for itself (inbound REST API rate limiting).

use http::HeaderMap;
use itsm_contract::types::Timestamp;
use std::collections::BTreeMap;

/// Rules that are followed at once. An instance has a handful, one for each API.
const RULES: usize = 64;

/// Requests that a call is expected to make, until calls have shown it: the whole of a change's life.
const FIRST_GUESS: u64 = 12;

/// A tenth of the budget is left alone: the instance counts on each of its nodes and adds up every half minute.
const SPARED: u64 = 10;

/// The longest that a limit is believed to last: its hour, and as much again for clocks that differ.
const LONGEST_MS: u64 = 2 * 3_600_000;

/// What has been announced, and what has been used of it.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    rules: BTreeMap<String, Rule>,
    call: u64,
}

#[derive(Clone, Copy, Debug)]
struct Rule {
    limit: u64,
    resets_at: Timestamp,
    used: u64,
}

/// What is left until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Requests in all.
    pub limit: u64,
    /// Requests that may still be made.
    pub left: u64,
    /// When it starts anew.
    pub resets_at: Timestamp,
}

impl Budget {
    /// A reply came.
    pub fn replied(&mut self, headers: &HeaderMap, now: Timestamp) {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let number = |name| text(name).and_then(|text| text.trim().parse::<u64>().ok());
        let (Some(limit), Some(reset)) = (number("x-ratelimit-limit"), number("x-ratelimit-reset")) else { return };
        let resets_at = reset.saturating_mul(1000).min(now.saturating_add(LONGEST_MS));
        self.rules.retain(|_, rule| rule.resets_at > now);
        let name = text("x-ratelimit-rule").unwrap_or_default();
        if self.rules.len() >= RULES && !self.rules.contains_key(name) {
            return;
        }
        let rule = self.rules.entry(name.to_owned()).or_insert(Rule { limit, resets_at, used: 0 });
        if rule.resets_at != resets_at {
            *rule = Rule { limit, resets_at, used: 0 };
        }
        rule.limit = limit;
        rule.used = rule.used.saturating_add(1);
    }

    /// A call ended after so many requests.
    pub fn called(&mut self, requests: u64) {
        // Slowly down, at once up: a budget that is overrun costs more than one that is not used up.
        self.call = requests.max(self.call.saturating_sub(self.call / 16));
    }

    /// When one more call may start beside so many that are under way; none if at once.
    pub fn not_before(&self, under_way: usize, now: Timestamp) -> Option<Timestamp> {
        let expected = if self.call == 0 { FIRST_GUESS } else { self.call };
        let calls = u64::try_from(under_way).unwrap_or(u64::MAX).saturating_add(1);
        let needed = expected.saturating_mul(calls);
        let open = self.rules.values().filter(|rule| rule.resets_at > now);
        // A limit smaller than one call needs is used as far as it goes.
        open.filter(|rule| rule.left() < needed.min(rule.usable())).map(|rule| rule.resets_at).max()
    }

    /// The tightest rule that is in force.
    pub fn left(&self, now: Timestamp) -> Option<Left> {
        let open = self.rules.values().filter(|rule| rule.resets_at > now);
        let tightest = open.min_by_key(|rule| rule.left())?;
        Some(Left { limit: tightest.limit, left: tightest.left(), resets_at: tightest.resets_at })
    }
}

impl Rule {
    fn usable(&self) -> u64 {
        self.limit - self.limit / SPARED
    }

    fn left(&self) -> u64 {
        self.usable().saturating_sub(self.used)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn reply(limit: u64, reset: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-limit", limit.into());
        headers.insert("x-ratelimit-reset", reset.into());
        headers.insert("x-ratelimit-rule", "rule-1".parse().unwrap());
        headers
    }

    proptest! {
        #[test]
        fn calls_that_are_admitted_stay_within_the_limit(
            limit in 20u64..2_000, each in 1u64..20, at_once in 1usize..5,
        ) {
            let mut budget = Budget::default();
            budget.called(each);
            let (mut sent, mut calls) = (0u64, 0);
            // One call at once to learn the limit, then as many as are admitted.
            while calls == 0 || budget.not_before(at_once - 1, 1_000).is_none() {
                for _ in 0..each * at_once as u64 {
                    budget.replied(&reply(limit, 3_600), 1_000);
                    sent += 1;
                }
                calls += 1;
            }
            prop_assert!(sent <= limit.max(each * at_once as u64), "{} of {}", sent, limit);
            prop_assert_eq!(budget.not_before(at_once - 1, 1_000), Some(3_600_000));
            prop_assert_eq!(budget.not_before(at_once - 1, 3_600_000), None);
        }
    }

    #[test]
    fn a_reply_that_announces_nothing_limits_nothing() {
        let mut budget = Budget::default();
        budget.replied(&HeaderMap::new(), 0);
        assert_eq!((budget.not_before(3, 0), budget.left(0)), (None, None));
    }

    #[test]
    fn a_budget_that_is_said_to_start_anew_in_a_year_is_believed_for_two_hours() {
        let mut budget = Budget::default();
        budget.replied(&reply(1, 365 * 24 * 3_600), 1_000);
        assert_eq!(budget.left(1_000).map(|left| left.resets_at), Some(1_000 + LONGEST_MS));
    }

    #[test]
    fn more_rules_than_an_instance_has_are_not_kept() {
        let mut budget = Budget::default();
        for rule in 0..RULES + 10 {
            let mut headers = reply(10, 3_600);
            headers.insert("x-ratelimit-rule", rule.into());
            budget.replied(&headers, 0);
        }
        assert_eq!(budget.rules.len(), RULES);
    }
}
