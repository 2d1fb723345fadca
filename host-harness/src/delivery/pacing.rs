//! How fast one instance is asked: what the circuit, `Retry-After` and the announced budget let through, for all events
//! alike.

use super::budget::{Budget, Left};
use super::circuit::{Admission, Circuit};
use super::clock::Clock;
use super::hooks::{Called, Trouble};
use super::limits::Limits;
use itsm_contract::types::{Failure, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest wait that is honoured: a rate limit's window is one hour, and clocks differ.
const LONGEST_HOLD_MS: u64 = 2 * 3_600_000;

/// The pace of one instance. Sees every reply, so it is also the grant's observer.
pub struct Pacing {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    circuit: Circuit,
    budget: Budget,
    hold_until: Timestamp,
    under_way: usize,
    requests: u64,
    random: StdRng,
}

/// What it looks like now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// ServiceNow is taken to be away.
    pub is_away: bool,
    /// ServiceNow asked for no request before this.
    pub hold_until: Timestamp,
    /// The tightest budget that ServiceNow announced.
    pub budget: Option<Left>,
    /// Requests so far.
    pub requests: u64,
}

impl std::fmt::Debug for Pacing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pacing").field(&self.pace()).finish()
    }
}

impl Pacing {
    /// A pace that knows of no limit yet.
    pub fn new(limits: &Limits, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = State {
            circuit: Circuit::new(limits.circuit_failures, limits.circuit_pause),
            budget: Budget::default(),
            hold_until: 0,
            under_way: 0,
            requests: 0,
            random: rand::make_rng(),
        };
        Arc::new(Self { clock, state: Mutex::new(state) })
    }

    /// The same jitter at every run.
    pub fn seed(&self, seed: u64) {
        self.state().random = StdRng::seed_from_u64(seed);
    }

    /// Whether one more call may start.
    pub fn admits(&self, now: Timestamp) -> Admission {
        self.state().admits(now)
    }

    /// Starts a call, unless something has changed since it was admitted.
    pub(super) fn enter(&self, is_probe: bool, now: Timestamp) -> bool {
        let mut state = self.state();
        match state.admits(now) {
            Admission::Open => {}
            Admission::Probe | Admission::AfterProbe if is_probe => {}
            _ => return false,
        }
        state.under_way += 1;
        true
    }

    /// A probe was chosen.
    pub(super) fn probe(&self) {
        self.state().circuit.probe();
    }

    /// A probe came to nothing before it began.
    pub(super) fn probe_again(&self) {
        let now = self.clock.now();
        self.state().circuit.probe_again(now);
    }

    /// A call that was started ended.
    pub(super) fn ended<T>(&self, called: &Called<T>, was_probe: bool, now: Timestamp) {
        let mut guard = self.state();
        let state = &mut *guard;
        state.under_way = state.under_way.saturating_sub(1);
        state.budget.called(called.requests);
        match &called.outcome {
            Ok(_) if called.requests > 0 => state.circuit.succeeded(),
            Err(Trouble::Failed(Failure::Retry(later))) => match later.retry_after_ms {
                // It is there, and says when.
                Some(wait) => {
                    let until = now.saturating_add(wait.min(LONGEST_HOLD_MS));
                    state.hold_until = state.hold_until.max(until);
                    if was_probe {
                        state.circuit.probe_again(until);
                    }
                }
                None => state.circuit.failed(was_probe, now, &mut state.random),
            },
            Err(Trouble::Failed(Failure::Misconfigured(_))) => {
                state.circuit.failed(was_probe, now, &mut state.random);
            }
            // ServiceNow read the record and refused it.
            Err(Trouble::Failed(Failure::Refused(_))) if called.requests > 0 => state.circuit.succeeded(),
            _ if was_probe => state.circuit.probe_again(now),
            _ => {}
        }
    }

    /// A call that was started was given back: nothing is known of it.
    pub(super) fn left(&self, was_probe: bool) {
        let now = self.clock.now();
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        if was_probe {
            state.circuit.probe_again(now);
        }
    }

    /// A reply came from ServiceNow, with these header fields.
    pub fn replied(&self, headers: &http::HeaderMap) {
        let now = self.clock.now();
        let mut state = self.state();
        state.requests += 1;
        state.budget.replied(headers, now);
    }

    /// A request went out and no reply came.
    pub fn unanswered(&self) {
        self.state().requests += 1;
    }

    /// What it looks like now.
    pub fn pace(&self) -> Pace {
        let now = self.clock.now();
        let state = self.state();
        Pace {
            is_away: state.circuit.is_open(),
            hold_until: state.hold_until,
            budget: state.budget.left(now),
            requests: state.requests,
        }
    }

    /// A wait by this backoff.
    pub(super) fn wait(&self, backoff: super::Backoff, failures: u32) -> std::time::Duration {
        backoff.wait(failures, &mut self.state().random)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn admits(&self, now: Timestamp) -> Admission {
        let budgeted = self.budget.not_before(self.under_way, now).unwrap_or_default();
        let until = self.hold_until.max(budgeted);
        match self.circuit.admits(now) {
            Admission::NotBefore(other) => Admission::NotBefore(until.max(other)),
            admission if until <= now => admission,
            Admission::AfterProbe => Admission::AfterProbe,
            _ => Admission::NotBefore(until),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::tests::support::{START, retry};
    use crate::delivery::{ManualClock, hooks::Answer};

    #[test]
    fn a_wait_of_a_day_is_honoured_for_two_hours() {
        let pacing = Pacing::new(&Limits::default(), Arc::new(ManualClock::at(START)));
        assert!(pacing.enter(false, START));
        pacing.ended::<Answer>(&retry(Some(24 * 3_600_000)), false, START);
        assert_eq!(pacing.admits(START), Admission::NotBefore(START + LONGEST_HOLD_MS));
        assert_eq!(pacing.admits(START + LONGEST_HOLD_MS), Admission::Open);
    }
}
