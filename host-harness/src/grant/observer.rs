//! Watching what a plugin does, for a timeline, for metrics, for a budget of requests.

use http::HeaderMap;
use std::time::Duration;

/// Sees what happens. Called on the tasks that do the work, so it must not block.
pub trait Observer: Send + Sync {
    /// A request was answered, refused or failed.
    fn exchanged(&self, exchange: &Exchange) {
        let _ = exchange;
    }

    /// The mapping failed, and the hook is called again without it. Why, in words.
    fn mapping_failed(&self, hook: &str, why: &str) {
        let _ = (hook, why);
    }

    /// A call ended, one way or another.
    fn called(&self, hook: &str, usage: &Usage) {
        let _ = (hook, usage);
    }
}

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The delivery key of the event that it was made for.
    pub key: Option<String>,
    /// Its method.
    pub method: http::Method,
    /// Its path and query. Credentials travel in header fields, never here.
    pub target: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes of its body.
    pub request_bytes: usize,
    /// From the first byte sent to the last one received.
    pub took: Duration,
}

/// How a request ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// ServiceNow answered.
    Answered {
        /// Such as 200.
        status: http::StatusCode,
        /// As the guest sees them.
        headers: HeaderMap,
        /// Bytes of the body.
        bytes: usize,
    },
    /// The grant does not cover it.
    Denied(super::Denial),
    /// There was no answer; why.
    Failed(String),
}

/// What a call used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Units of fuel, some one for each WebAssembly instruction.
    pub fuel: u64,
    /// Bytes of linear memory at the end, all memories together.
    pub memory: usize,
    /// Requests, denied ones included.
    pub exchanges: usize,
    /// Until the instance stood, in a store made for it: what a fresh sandbox costs.
    pub instantiation: Duration,
    /// Time, ServiceNow's included.
    pub took: Duration,
}
