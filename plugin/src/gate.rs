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

use itsm_contract::types::{Gate, Verdict};
use seal::{HELD, Seal};

pub use away::unreachable;
pub(crate) use open::is_fresh;
pub use open::{Asked, decide, go_on, open};

/// Whether this gate waits since somebody or something said wait.
pub fn is_held(last: &Gate) -> bool {
    // Asked of every gate that waits: most are told apart without reading their seals.
    let may_be = matches!(&last.verdict, Verdict::Pause(pause) if pause.waiting_for.last().is_some_and(|words| words.contains(HELD)));
    may_be && Seal::carried_by(last).is_some_and(|seal| seal.is_held())
}
