//! What would become of a change request, without doing it.

use super::create::{defaults, values};
use super::{Change, FIELDS, Held, State, TABLE, Work, handed_back, is_controlled, is_used_up, items, link};
use crate::mapping::compare;
use crate::plugin::Plugin;
use itsm_contract::answers::Planned;
use itsm_contract::events::DeployPhase;
use itsm_contract::types::{Failure, ItemOutcome};

/// What this work's hook would do to its change request; none where it needs none. Reads only.
///
/// # Errors
/// Where ServiceNow cannot be asked, and where the hook would fail before it did anything.
pub fn plan(plugin: &Plugin, work: Work) -> Result<Option<Planned>, Failure> {
    if is_controlled(plugin.settings(), work).is_err() {
        return Ok(None);
    }
    let planned = |name: String, outcome, fields| Some(Planned { kind: TABLE.into(), name, outcome, fields });
    let is_asked = match work {
        Work::Build(_) => true,
        Work::Deployment(event) => event.phase == DeployPhase::Requested,
    };
    match (existing(plugin, work)?, is_asked) {
        (Some(change), true) => {
            let is_submitted = change.state == State::New && plugin.settings().change.submit;
            let outcome = if is_submitted { ItemOutcome::Updated } else { ItemOutcome::Unchanged };
            Ok(planned(change.number, outcome, Vec::new()))
        }
        (Some(change), false) => {
            let outcome = if change.state.is_over() { ItemOutcome::Unchanged } else { ItemOutcome::Updated };
            Ok(planned(change.number, outcome, Vec::new()))
        }
        (None, true) => {
            // A batch is a POST: what may only be read is read one by one.
            let items = items::find(plugin, plugin.client().one_by_one(), work)?;
            let fields = compare(&defaults(plugin, work, &items), &values(plugin, work, &items)?.values);
            Ok(planned(work.title(), ItemOutcome::Created, fields))
        }
        (None, false) => Ok(None),
    }
}

/// The change request that there is already.
fn existing(plugin: &Plugin, work: Work) -> Result<Option<Change>, Failure> {
    if let Some(number) = work.number() {
        return Ok(Some(link(plugin, work, number)?.change));
    }
    if let Some(ticket) = handed_back(plugin, work)? {
        let held = Held::believe(plugin, Change::get(plugin, &ticket.id)?, ticket)?.of(plugin, work)?;
        if !is_used_up(plugin, work, &held) {
            return Ok(Some(held.change));
        }
    }
    let identity = work.identity(plugin);
    let found = plugin.client().find(TABLE, "correlation_id", &identity.correlation_id, FIELDS)?;
    Ok(found.map(|record| Change::read(&record)).transpose()?)
}
