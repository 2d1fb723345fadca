//! The outbox: an event is stored before it is tried, and its outcome before it is forgotten.
//!
//! ```text
//!  accept ─▶ journal ─▶ queue ─▶ courier ─▶ hook ─▶ judge ─▶ done
//!             (group     (order    (marks      │       │─────▶ again: backoff, retry-after
//!              commit)    by build) the start) │       │─────▶ waits: the gates, one look for all;
//!                                              │       │              by itself where several wait for one change
//!                                              │       └─────▶ given up, and an event that says so
//!                                            pacing: circuit, retry-after, budget
//! ```
//!
//! An event that is in the store is delivered at least once; that it leads to one record is the plugin's promise, which
//! rests on `delivery.key` being the same and `delivery.attempt` being counted before the plugin is called.

mod backoff;
mod bells;
mod budget;
mod builder;
mod callback;
mod circuit;
mod clock;
mod core;
mod courier;
mod dispatcher;
mod event;
mod gates;
mod hooks;
mod journal;
mod judge;
pub mod limits;
mod metrics;
mod outbox;
mod pacing;
mod queue;
mod reports;
mod review;
mod sandboxed;
mod status;
pub mod store;
#[cfg(test)]
pub(crate) mod tests;
mod watch;

pub use backoff::Backoff;
pub use budget::Left;
pub use builder::Builder;
pub use circuit::Admission;
pub use clock::{Clock, ManualClock, Sleep, SystemClock};
pub use event::{EventError, KEY_BYTES};
pub use hooks::{Answer, Call, Called, Hooks, Trouble};
pub use limits::Limits;
pub use metrics::Depth;
pub use outbox::{AcceptError, Accepted, Outbox, RetryError};
pub use pacing::{Pace, Pacing};
pub use sandboxed::{Sandboxed, Witness};
pub use status::Status;
pub use store::{SqliteStore, State, StoreError};
