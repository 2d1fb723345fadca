//! The hook: a look at the waiting gates, and what is told when ServiceNow is away.

use super::cursor::Cursor;
use super::look::Look;
use crate::gate::policy::Policy;
use crate::gate::{self, Asked};
use crate::plugin::Plugin;
use crate::servicenow::Kind;
use itsm_contract::answers::{Review, Reviewed, Waiting};
use itsm_contract::types::{Failure, Gate, Ticket, Verdict};

/// Reads what changed since the cursor, and by id those whose window opened or closed or whose time to answer ended since
/// then; every so often all of them. A gate that differs from the last one told is told.
///
/// # Errors
/// Where ServiceNow cannot be asked, and no gate's time to answer is over.
pub fn check(plugin: &Plugin, waiting: &[Waiting], cursor: Option<&str>) -> Result<Review, Failure> {
    let before = cursor.and_then(Cursor::parse);
    let look = || Look::new(plugin, waiting, before.clone().unwrap_or_default(), before.is_none()).run();
    let mut looked = look();
    // One request that is lost is no instance that is away: before the policy decides, it is asked once more. There is no
    // time for that after one that let the whole time of a reply pass.
    let is_late = || waiting.iter().any(|work| Policy::of(plugin, work.since).is_expired(plugin.now()));
    if looked.as_ref().is_err_and(|error| error.kind.is_passing() && error.kind != Kind::TimedOut) && is_late() {
        looked = look();
    }
    match looked {
        Ok(review) => Ok(review),
        Err(error) => {
            let failure = Failure::from(error);
            let moved = match &failure {
                Failure::Retry(_) => expired(plugin, waiting, &failure),
                _ => Vec::new(),
            };
            match moved.is_empty() {
                true => Err(failure),
                // Nothing was read: the next look begins where this one did.
                false => Ok(Review { moved, cursor: before.unwrap_or_default().text() }),
            }
        }
    }
}

/// The gates whose time to answer is over while ServiceNow is away.
fn expired(plugin: &Plugin, waiting: &[Waiting], failure: &Failure) -> Vec<Reviewed> {
    let answers = waiting.iter().filter_map(|work| {
        let ticket = work.last.change.as_ref()?;
        let gate = gate::unreachable(plugin, Some(ticket), &asked(work, ticket), failure)?;
        differs(&work.last, &gate).then(|| Reviewed { change: ticket.id.clone(), answer: Ok(gate) })
    });
    answers.collect()
}

/// Who asks, and since when.
pub(super) fn asked<'a>(work: &'a Waiting, ticket: &'a Ticket) -> Asked<'a> {
    Asked {
        key: ticket.key.as_deref().unwrap_or(&ticket.number),
        since: work.since,
        last: Some(&work.last),
        build: None,
        artifact: None,
    }
}

/// Whether a gate says something else than the last one. When it is worth asking again does not count.
pub(super) fn differs(last: &Gate, now: &Gate) -> bool {
    let mut now = now.clone();
    if let (Verdict::Pause(now), Verdict::Pause(last)) = (&mut now.verdict, &last.verdict) {
        now.check_after = last.check_after;
    }
    now != *last
}
