//! The circuit: after some failures in a row ServiceNow is taken to be away, and one event at a time tries whether it is
//! back.

use super::backoff::Backoff;
use super::clock::millis;
use itsm_contract::types::Timestamp;
use rand::Rng;

/// Opens after failures in a row, and closes at the first success.
#[derive(Clone, Debug)]
pub struct Circuit {
    threshold: u32,
    pause: Backoff,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Timestamp, probes: u32 },
    Probing { probes: u32 },
}

/// Whether an event may be tried now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Open,
    /// Yes, one, to see whether ServiceNow is back.
    Probe,
    /// Not before then.
    NotBefore(Timestamp),
    /// Not before the probe has ended.
    AfterProbe,
}

impl Circuit {
    /// A closed one.
    pub fn new(threshold: u32, pause: Backoff) -> Self {
        Self { threshold: threshold.max(1), pause, state: State::Closed { failures: 0 } }
    }

    /// Whether an event may be tried now.
    pub fn admits(&self, now: Timestamp) -> Admission {
        match self.state {
            State::Closed { .. } => Admission::Open,
            State::Open { until, .. } if until <= now => Admission::Probe,
            State::Open { until, .. } => Admission::NotBefore(until),
            State::Probing { .. } => Admission::AfterProbe,
        }
    }

    /// An admitted probe starts.
    pub fn probe(&mut self) {
        if let State::Open { probes, .. } = self.state {
            self.state = State::Probing { probes };
        }
    }

    /// A probe ended and told nothing: the next may start at once.
    pub fn probe_again(&mut self, now: Timestamp) {
        if let State::Probing { probes } = self.state {
            self.state = State::Open { until: now, probes };
        }
    }

    /// ServiceNow did what it was asked, whoever asked.
    pub fn succeeded(&mut self) {
        self.state = State::Closed { failures: 0 };
    }

    /// ServiceNow did not. `was_probe` tells the probe from what was under way when the circuit opened.
    pub fn failed(&mut self, was_probe: bool, now: Timestamp, random: &mut impl Rng) {
        let (failures, probes) = match self.state {
            State::Closed { failures } => (failures.saturating_add(1), 0),
            State::Probing { probes } if was_probe => (self.threshold, probes.saturating_add(1)),
            State::Open { .. } | State::Probing { .. } => return,
        };
        self.state = if failures < self.threshold {
            State::Closed { failures }
        } else {
            // Half the wait is sure: an instance that is starting is not to be asked at once.
            let half = self.pause.ceiling(probes.saturating_add(1)) / 2;
            let jitter = Backoff { first: half, longest: half }.wait(1, random);
            State::Open { until: now.saturating_add(millis(half)).saturating_add(millis(jitter)), probes }
        };
    }

    /// Whether ServiceNow is taken to be away.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::SmallRng};
    use std::time::Duration;

    const PAUSE: Backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_secs(60) };

    #[derive(Clone, Debug)]
    enum Step {
        Start,
        Succeed(usize),
        Fail(usize),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Start),
            1 => any::<usize>().prop_map(Step::Succeed),
            4 => any::<usize>().prop_map(Step::Fail),
            2 => (0u64..40_000).prop_map(Step::Wait),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn an_open_circuit_lets_one_event_through_at_a_time_and_none_before_its_pause_is_over(steps in steps()) {
            let mut circuit = Circuit::new(5, PAUSE);
            let mut random = SmallRng::seed_from_u64(7);
            let mut now = 0;
            // Whether each call under way is a probe.
            let mut calls: Vec<bool> = Vec::new();
            let mut failures_in_a_row = 0u32;
            for step in steps {
                match step {
                    Step::Start => match circuit.admits(now) {
                        Admission::Open => calls.push(false),
                        Admission::Probe => {
                            prop_assert!(!calls.contains(&true), "a second probe");
                            circuit.probe();
                            prop_assert_eq!(circuit.admits(now), Admission::AfterProbe);
                            calls.push(true);
                        }
                        Admission::NotBefore(until) => {
                            prop_assert!(until > now && until - now <= 60_000);
                            prop_assert!(failures_in_a_row >= 5);
                        }
                        Admission::AfterProbe => prop_assert!(calls.contains(&true)),
                    },
                    Step::Succeed(index) if !calls.is_empty() => {
                        calls.remove(index % calls.len());
                        circuit.succeeded();
                        // What is still under way no longer counts as the probe.
                        calls.iter_mut().for_each(|probe| *probe = false);
                        failures_in_a_row = 0;
                        prop_assert_eq!(circuit.admits(now), Admission::Open);
                    }
                    Step::Fail(index) if !calls.is_empty() => {
                        let probe = calls.remove(index % calls.len());
                        circuit.failed(probe, now, &mut random);
                        failures_in_a_row += 1;
                        prop_assert_eq!(circuit.is_open(), failures_in_a_row >= 5);
                    }
                    Step::Wait(time) => now += time,
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn each_probe_that_fails_doubles_the_pause() {
        let mut circuit = Circuit::new(1, PAUSE);
        let mut random = SmallRng::seed_from_u64(7);
        let mut now = 0;
        for ceiling in [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            circuit.failed(true, now, &mut random);
            let Admission::NotBefore(until) = circuit.admits(now) else { panic!("not open") };
            assert!((ceiling / 2..=ceiling).contains(&(until - now)), "{} of {ceiling}", until - now);
            now = until;
            assert_eq!(circuit.admits(now), Admission::Probe);
            circuit.probe();
        }
    }
}
