//! What the outbox counts, for Prometheus.

use super::pacing::Pace;
use itsm_contract::types::{Failure, Timestamp};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use super::hooks::{Answer, Called, Trouble};

type Labels<const N: usize> = [(&'static str, &'static str); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;
type Level = Gauge<f64, AtomicU64>;

/// Counters, and gauges that are set when they are read.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    accepted: Counters<1>,
    repeated: Counter,
    turned_away: Counters<1>,
    attempts: Counters<2>,
    attempt_time: Histogram,
    settled: Counters<2>,
    looks: Counters<1>,
    moved: Counters<1>,
    gate_wait: Histogram,
    callbacks: Counters<1>,
    pub(super) gauges: Gauges,
}

/// What is now.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    queued: Gauge,
    queued_bytes: Gauge,
    oldest: Level,
    in_flight: Gauge,
    gates: Gauge,
    oldest_gate: Level,
    away: Gauge,
    hold: Level,
    requests: Gauge,
    budget: Gauge,
    budget_left: Gauge,
}

/// What the outbox holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Events that wait for their delivery or are under way.
    pub queued: usize,
    /// Their bytes.
    pub bytes: u64,
    /// When the oldest of them came.
    pub oldest: Option<Timestamp>,
    /// Events with the plugin.
    pub in_flight: usize,
    /// Gates that wait.
    pub gates: usize,
    /// Since when the oldest of them waits.
    pub oldest_gate: Option<Timestamp>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("itsm");
        let seconds = || exponential_buckets(0.005, 2.0, 16);
        // From a second to some twelve days.
        let waits = || exponential_buckets(1.0, 4.0, 11);
        let metrics = Self {
            accepted: Family::default(),
            repeated: Counter::default(),
            turned_away: Family::default(),
            attempts: Family::default(),
            attempt_time: Histogram::new(seconds()),
            settled: Family::default(),
            looks: Family::default(),
            moved: Family::default(),
            gate_wait: Histogram::new(waits()),
            callbacks: Family::default(),
            gauges: Gauges::default(),
            registry: Registry::default(),
        };
        let r = &mut registry;
        r.register("events_accepted", "Events stored, by hook", metrics.accepted.clone());
        r.register("events_repeated", "Events whose key was known", metrics.repeated.clone());
        r.register("events_turned_away", "Events not accepted, by reason", metrics.turned_away.clone());
        r.register("attempts", "Calls of a hook, by hook and outcome", metrics.attempts.clone());
        r.register_with_unit("attempt", "Time of a call", Unit::Seconds, metrics.attempt_time.clone());
        r.register("events_settled", "Events delivered or given up, by hook and state", metrics.settled.clone());
        r.register("gate_looks", "Looks at the waiting gates, by outcome", metrics.looks.clone());
        r.register("gates_moved", "Gates that ended their wait, by verdict", metrics.moved.clone());
        r.register_with_unit("gate_wait", "Time at a gate, since the event", Unit::Seconds, metrics.gate_wait.clone());
        r.register("callbacks", "Callbacks tried, by outcome", metrics.callbacks.clone());
        metrics.gauges.register(r);
        Self { registry, ..metrics }
    }
}

impl Gauges {
    fn register(&self, r: &mut Registry) {
        r.register("queue_depth", "Events that wait for their delivery or are under way", self.queued.clone());
        r.register_with_unit("queue", "Size of these events", Unit::Bytes, self.queued_bytes.clone());
        r.register_with_unit("queue_age", "Age of the oldest of these", Unit::Seconds, self.oldest.clone());
        r.register("in_flight", "Events with the plugin", self.in_flight.clone());
        r.register("gates_waiting", "Gates that wait", self.gates.clone());
        r.register_with_unit("gates_age", "Age of the oldest waiting gate", Unit::Seconds, self.oldest_gate.clone());
        r.register("instance_away", "1 while the circuit is open", self.away.clone());
        r.register_with_unit("hold", "How long no request is sent, as asked", Unit::Seconds, self.hold.clone());
        r.register("requests_sent", "Requests to the instance since the start", self.requests.clone());
        r.register("request_budget", "Requests an hour that the instance allows; -1 for none", self.budget.clone());
        r.register("request_budget_left", "Requests left of these; -1 for no limit", self.budget_left.clone());
    }
}

impl Metrics {
    pub(super) fn accepted(&self, hook: &'static str) {
        self.accepted.get_or_create(&[("hook", hook)]).inc();
    }

    pub(super) fn repeated(&self) {
        self.repeated.inc();
    }

    pub(super) fn turned_away(&self, reason: &'static str) {
        self.turned_away.get_or_create(&[("reason", reason)]).inc();
    }

    pub(super) fn attempted(&self, hook: &'static str, called: &Called<Answer>, took: u64) {
        self.attempts.get_or_create(&[("hook", hook), ("outcome", outcome(called))]).inc();
        self.attempt_time.observe(Duration::from_millis(took).as_secs_f64());
    }

    pub(super) fn settled(&self, hook: &'static str, state: &'static str) {
        self.settled.get_or_create(&[("hook", hook), ("state", state)]).inc();
    }

    pub(super) fn looked<T>(&self, called: &Called<T>) {
        self.looks.get_or_create(&[("outcome", outcome(called))]).inc();
    }

    pub(super) fn moved(&self, verdict: &'static str, waited: u64) {
        self.moved.get_or_create(&[("verdict", verdict)]).inc();
        self.gate_wait.observe(Duration::from_millis(waited).as_secs_f64());
    }

    pub(super) fn called_back(&self, outcome: &'static str) {
        self.callbacks.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// In Prometheus' text form.
    pub(super) fn text(&self, depth: Depth, pace: Pace, now: Timestamp) -> String {
        let age = |since: Option<Timestamp>| {
            since.map_or(0.0, |since| Duration::from_millis(now.saturating_sub(since)).as_secs_f64())
        };
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let gauges = &self.gauges;
        gauges.queued.set(count(depth.queued));
        gauges.queued_bytes.set(whole(depth.bytes));
        gauges.oldest.set(age(depth.oldest));
        gauges.in_flight.set(count(depth.in_flight));
        gauges.gates.set(count(depth.gates));
        gauges.oldest_gate.set(age(depth.oldest_gate));
        gauges.away.set(pace.is_away.into());
        gauges.hold.set(Duration::from_millis(pace.hold_until.saturating_sub(now)).as_secs_f64());
        gauges.requests.set(whole(pace.requests));
        gauges.budget.set(pace.budget.map_or(-1, |budget| whole(budget.limit)));
        gauges.budget_left.set(pace.budget.map_or(-1, |budget| whole(budget.left)));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn outcome<T>(called: &Called<T>) -> &'static str {
    match &called.outcome {
        Ok(_) => "answered",
        Err(Trouble::Failed(Failure::Retry(_))) => "retry",
        Err(Trouble::Failed(Failure::Misconfigured(_))) => "misconfigured",
        Err(Trouble::Failed(Failure::Refused(_))) => "refused",
        Err(Trouble::Failed(Failure::InvalidEvent(_))) => "invalid-event",
        Err(Trouble::Broken(_)) => "broken",
    }
}
