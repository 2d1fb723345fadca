//! The outbox against a plugin that answers as it is told, and a clock that is moved.

mod away;
mod gates;
mod giving_up;
mod restart;
mod review;
pub(crate) mod support;
pub(crate) mod telling;
mod trying;
