//! What each deed would do to a change request, by what is read of it.

use super::note::is_noted;
use super::{Held, State, implement};
use crate::plugin::Plugin;
use itsm_contract::types::{Failure, ItemOutcome};

/// As [`implement`].
pub fn implemented(plugin: &Plugin, held: Held, key: &str) -> ItemOutcome {
    match held.change.state {
        State::Scheduled => ItemOutcome::Updated,
        // From any other state it asks nothing and writes nothing.
        _ => match implement(plugin, held, key) {
            Ok(_) => ItemOutcome::Unchanged,
            Err(failure) => ItemOutcome::Failed(failure),
        },
    }
}

/// As [`finish`](super::finish) with an ending of this mark.
pub fn finished(plugin: &Plugin, held: Held, mark: &str, key: &str) -> Result<ItemOutcome, Failure> {
    Ok(match held.change.state {
        State::Closed if !held.change.close_notes.contains(mark) => noted(plugin, &held, key)?,
        State::Implement | State::Review => ItemOutcome::Updated,
        _ => implemented(plugin, held, key),
    })
}

/// As [`give_up`](super::give_up).
pub fn given_up(plugin: &Plugin, held: &Held, key: &str) -> Result<ItemOutcome, Failure> {
    match held.change.state {
        State::Canceled | State::Closed => Ok(ItemOutcome::Unchanged),
        _ => noted(plugin, held, key),
    }
}

/// As [`note`](super::note()).
pub fn noted(plugin: &Plugin, held: &Held, key: &str) -> Result<ItemOutcome, Failure> {
    Ok(if is_noted(plugin, held, key)? { ItemOutcome::Unchanged } else { ItemOutcome::Updated })
}
