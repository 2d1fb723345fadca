//! Change requests and their gates, against a small ServiceNow in memory.

// Helpers of tests are test code too, which the lints tell only by `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod away;
mod edits;
mod gates;
mod handed;
mod instance;
mod life;
mod losses;
mod polls;
mod replies;
mod support;
