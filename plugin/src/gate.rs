//! Whether work may go on: what ServiceNow says, judged without any request, and told to the host.

pub mod approvers;
mod away;
pub mod beside;
pub mod judge;
mod open;
pub mod policy;
pub mod seal;

#[cfg(test)]
mod tests;

use itsm_contract::types::Gate;

pub use away::unreachable;
pub use open::{Asked, decide, go_on, open};

/// Whether this gate waits though its change is approved, since somebody or something said wait.
pub fn is_held(last: &Gate) -> bool {
    seal::Seal::carried_by(last).is_some_and(|seal| seal.is_held() && seal.is_approved())
}
