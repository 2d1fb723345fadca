//! How hard, how often and how long the outbox tries, and how much it holds.

use super::backoff::Backoff;
use std::time::Duration;

/// Calls at once. ServiceNow works on inbound requests in a pool of its own (`API_INT`), typically four threads on each
/// node, and a full queue before it is answered 429; a call makes one request at a time.
pub const CONCURRENCY: usize = 4;
/// The wait after the first failure; doubled after each one more.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait: an approval that is late by five minutes is still in time.
pub const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Attempts that failed though ServiceNow was there, after which an event is given up: some two hours.
pub const ATTEMPTS: u32 = 50;
/// The age at which an event is given up, whatever the reason: an outage over a long weekend, twice.
pub const AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Failures in a row that open the circuit: more than the calls at once, which one blow may fail together.
pub const CIRCUIT_FAILURES: u32 = 5;
/// The first pause of an open circuit; doubled after each probe that fails.
pub const CIRCUIT_PAUSE: Duration = Duration::from_secs(5);
/// Its longest pause: how late a returned instance is noticed.
pub const CIRCUIT_LONGEST: Duration = Duration::from_secs(120);
/// Events that wait for their delivery: a day's outage at one build every two seconds.
pub const QUEUE_EVENTS: usize = 50_000;
/// Their bytes together, as the disk of a small machine has them to spare.
pub const QUEUE_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// Gates that wait. One look hands all of them to the plugin, within what one call may take.
pub const GATES: usize = 20_000;
/// How long a settled event is kept, so that a repeat of its key gets the first answer.
pub const KEEP: Duration = Duration::from_secs(90 * 24 * 3600);
/// Attempts to tell a callback: with the waits between them, some two days.
pub const CALLBACK_ATTEMPTS: u32 = 600;
/// Until a callback must have answered.
pub const CALLBACK_TIMEOUT: Duration = Duration::from_secs(10);

/// What is in force. `Default` gives the constants of this module.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// See [`CONCURRENCY`].
    pub concurrency: usize,
    /// See [`FIRST_WAIT`] and [`LONGEST_WAIT`].
    pub backoff: Backoff,
    /// See [`ATTEMPTS`].
    pub attempts: u32,
    /// See [`AGE`].
    pub age: Duration,
    /// See [`CIRCUIT_FAILURES`].
    pub circuit_failures: u32,
    /// See [`CIRCUIT_PAUSE`] and [`CIRCUIT_LONGEST`].
    pub circuit_pause: Backoff,
    /// See [`QUEUE_EVENTS`].
    pub queue_events: usize,
    /// See [`QUEUE_BYTES`].
    pub queue_bytes: u64,
    /// See [`GATES`].
    pub gates: usize,
    /// See [`KEEP`].
    pub keep: Duration,
    /// See [`CALLBACK_ATTEMPTS`].
    pub callback_attempts: u32,
    /// See [`CALLBACK_TIMEOUT`].
    pub callback_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: CONCURRENCY,
            backoff: Backoff { first: FIRST_WAIT, longest: LONGEST_WAIT },
            attempts: ATTEMPTS,
            age: AGE,
            circuit_failures: CIRCUIT_FAILURES,
            circuit_pause: Backoff { first: CIRCUIT_PAUSE, longest: CIRCUIT_LONGEST },
            queue_events: QUEUE_EVENTS,
            queue_bytes: QUEUE_BYTES,
            gates: GATES,
            keep: KEEP,
            callback_attempts: CALLBACK_ATTEMPTS,
            callback_timeout: CALLBACK_TIMEOUT,
        }
    }
}
