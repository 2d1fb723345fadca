//! What would become of a change request, without doing it.

use super::create::{defaults, values};
use super::result::Deed;
use super::{Held, TABLE, Work, deployment_line, foretold, handed_back, is_controlled, is_used_up, items, link};
use crate::mapping::compare;
use crate::plugin::Plugin;
use crate::settings::Close;
use crate::{deploy, gate};
use itsm_contract::answers::Planned;
use itsm_contract::events::{BuildResult, DeployEvent, DeployPhase};
use itsm_contract::types::{Failure, ItemOutcome};

/// What this work's hook would do to its change request; none where it needs none. Reads only.
///
/// # Errors
/// Where ServiceNow cannot be asked, and where the hook would fail before it did anything.
pub fn plan(plugin: &Plugin, work: Work) -> Result<Option<Planned>, Failure> {
    if is_controlled(plugin.settings(), work).is_err() {
        return Ok(None);
    }
    match work {
        Work::Deployment(event) if event.phase != DeployPhase::Requested => {
            let Some(held) = Held::locate_by(plugin, work, Held::peek)? else { return Ok(None) };
            let name = held.change.number.clone();
            Ok(Some(planned(name, moved(plugin, event, held)?)))
        }
        _ => asked(plugin, work).map(Some),
    }
}

/// What a finished build would do to the change request of its gate; none where it has none. Reads only.
///
/// # Errors
/// Where ServiceNow cannot be asked, or the record is not this build's.
pub fn plan_result(plugin: &Plugin, event: &BuildResult) -> Result<Option<Planned>, Failure> {
    let Some(ticket) = event.gate.as_ref().and_then(|gate| gate.change.as_ref()) else { return Ok(None) };
    let held = Held::read_by(plugin, ticket, Held::peek)?.of_build(plugin, &event.build)?;
    let (key, name) = (&event.delivery.key, held.change.number.clone());
    let outcome = match Deed::of(event, plugin.settings().change.close) {
        Deed::Finish(ending) => foretold::finished(plugin, held, &ending.mark, key)?,
        Deed::Note(_) => foretold::noted(plugin, &held, key)?,
        Deed::GiveUp(_) => foretold::given_up(plugin, &held, key)?,
    };
    Ok(Some(planned(name, outcome)))
}

/// Of work that is about to start.
fn asked(plugin: &Plugin, work: Work) -> Result<Planned, Failure> {
    if let Some(held) = existing(plugin, work)? {
        let is_submitted = gate::is_fresh(&held.change) && plugin.settings().change.submit;
        let outcome = if is_submitted { ItemOutcome::Updated } else { ItemOutcome::Unchanged };
        return Ok(planned(held.change.number, outcome));
    }
    // A batch is a POST: what may only be read is read one by one.
    let items = items::find(plugin, plugin.client().one_by_one(), work)?;
    let fields = compare(&defaults(plugin, work, &items), &values(plugin, work, &items)?.values);
    Ok(Planned { fields, ..planned(work.title(), ItemOutcome::Created) })
}

/// The change request that there is already.
fn existing(plugin: &Plugin, work: Work) -> Result<Option<Held>, Failure> {
    if let Some(number) = work.number() {
        return link::linkable(plugin, work, number).map(Some);
    }
    if let Some(ticket) = handed_back(plugin, work)? {
        let held = Held::read_by(plugin, ticket, Held::peek)?.of(plugin, work)?;
        if !is_used_up(plugin, work, &held) {
            return Ok(Some(held));
        }
    }
    Held::own(plugin, work, Held::peek)
}

/// Of a deployment that has moved.
fn moved(plugin: &Plugin, event: &DeployEvent, held: Held) -> Result<ItemOutcome, Failure> {
    let key = &event.delivery.key;
    if let DeployPhase::Cancelled(_) = event.phase {
        return foretold::given_up(plugin, &held, key);
    }
    let is_unapproved = deploy::is_unapproved_by_policy(plugin, event, &held);
    let has_ended = event.phase != DeployPhase::Started;
    let is_left_open = has_ended && plugin.settings().change.close == Close::Never;
    // What ended with another deployment is begun no more.
    let is_over = !has_ended && is_used_up(plugin, Work::Deployment(event), &held);
    if deploy::shut(event).is_some() || is_unapproved || is_left_open || is_over {
        return foretold::noted(plugin, &held, key);
    }
    match has_ended {
        true => foretold::finished(plugin, held, &deployment_line(&event.deployment_id), key),
        false => Ok(foretold::implemented(plugin, held, key)),
    }
}

fn planned(name: String, outcome: ItemOutcome) -> Planned {
    Planned { kind: TABLE.into(), name, outcome, fields: Vec::new() }
}
