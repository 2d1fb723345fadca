//! What the CMDB holds of a deployment: the image, each system, and the relation between them.
//!
//! Items and new relations go through identification and reconciliation, never by blind inserts. What it says is not
//! believed: the relations are read back. A relation to an image that the system had before is deleted.

mod ire;
mod item;
mod key;
mod order;
mod plan;
mod refusal;
mod relation;

#[cfg(test)]
mod tests;

pub use key::system as system_key;

use crate::incident::image_name;
use crate::mapping::compare;
use crate::plugin::{Plugin, is_sys_id};
use crate::servicenow::{Kind, Query};
use ire::Mode;
use itsm_contract::answers::{Item, Planned};
use itsm_contract::events::{DeployEvent, DeployPhase};
use itsm_contract::types::{Build, Environment, Failure, ItemOutcome, System};

/// What became of a deployment's configuration items and relations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// The image first, then the systems, then the relations.
    pub items: Vec<Item>,
    /// What is not done. If any of it is `retry`, the event is delivered again.
    pub unfinished: Vec<Failure>,
    /// What was sent of the image and the systems.
    sent: Vec<item::Item>,
}

/// Records the image and the systems that have it now: all of them after a success, those that received it after a
/// failure, none in any other phase. A system that has had a newer deployment is left alone.
pub fn record(plugin: &Plugin, event: &DeployEvent) -> Recorded {
    let (mut recorded, outcome) = run(plugin, event, Mode::Commit);
    recorded.unfinished.extend(outcome.err());
    recorded
}

/// What [`record`] would do. Reads, and asks identification and reconciliation what it would do.
///
/// # Errors
/// Where it cannot be told of every item.
pub fn plan(plugin: &Plugin, event: &DeployEvent) -> Result<Vec<Planned>, Failure> {
    let (recorded, outcome) = run(plugin, event, Mode::Query);
    outcome?;
    let planned = |(index, item): (usize, Item)| {
        // The image and the systems come first; relations have the same names as none of them.
        let sent = recorded.sent.iter().find(|sent| sent.name == item.name && index <= event.systems.len());
        let kind = match (sent, item.ticket) {
            (Some(sent), _) => sent.class.clone(),
            (None, Some(ticket)) => ticket.kind,
            (None, None) if index <= event.systems.len() => "cmdb_ci".into(),
            (None, None) => "cmdb_rel_ci".into(),
        };
        let fields = sent.map(|sent| compare(&sent.defaults, &sent.values)).unwrap_or_default();
        Planned { kind, name: item.name, outcome: item.outcome, fields }
    };
    Ok(recorded.items.into_iter().enumerate().map(planned).collect())
}

/// What became of each, and why the rest was not reached.
fn run(plugin: &Plugin, event: &DeployEvent, mode: Mode) -> (Recorded, Result<(), Failure>) {
    let mut recorded = Recorded::default();
    let outcome = match receivers(event).filter(|_| plugin.settings().workflows.cmdb) {
        Some(systems) => plan::run(plugin, event, &systems, mode, &mut recorded),
        None => Ok(()),
    };
    if let (Err(failure), true) = (&outcome, recorded.items.is_empty()) {
        let image = image_name(&event.build);
        let systems = receivers(event).into_iter().flatten().map(|system| system.name.clone());
        let failed = |name| Item { name, outcome: ItemOutcome::Failed(failure.clone()), ticket: None };
        recorded.items = std::iter::once(image).chain(systems).map(failed).collect();
    }
    (recorded, outcome)
}

/// The systems that have the image now; none where the phase says nothing about that.
fn receivers(event: &DeployEvent) -> Option<Vec<&System>> {
    match &event.phase {
        DeployPhase::Succeeded => Some(event.systems.iter().collect()),
        DeployPhase::Failed(shortfall) => {
            let has_it = |system: &&System| shortfall.received.contains(&system.name);
            Some(event.systems.iter().filter(has_it).collect()).filter(|systems: &Vec<_>| !systems.is_empty())
        }
        DeployPhase::Requested | DeployPhase::Started | DeployPhase::Cancelled(_) => None,
    }
}

/// The `sys_id` of the configuration item that a failure concerns: the system's where it is one, else the image's; none
/// where the CMDB has neither, or may not be read.
///
/// # Errors
/// Where ServiceNow cannot be asked for the moment.
pub fn concerned(
    plugin: &Plugin,
    build: &Build,
    environment: Option<&Environment>,
    systems: &[System],
) -> Result<Option<String>, Failure> {
    if !plugin.settings().workflows.cmdb {
        return Ok(None);
    }
    let mut keys = vec![key::image(plugin, &build.image)];
    if let (Some(environment), [system]) = (environment, systems) {
        keys.insert(0, key::system(plugin, environment, system));
    }
    let query =
        Query::new().equals("name", &plugin.settings().cmdb.data_source).one_of("id", keys.iter().map(String::as_str));
    match plugin.client().list("sys_object_source", &query, "id,target_sys_id", keys.len()) {
        Ok(found) => Ok(keys.iter().find_map(|key| {
            let source = found.iter().find(|source| source.text("id") == key.as_str())?;
            Some(source.text("target_sys_id").into_owned()).filter(|sys_id| is_sys_id(sys_id))
        })),
        Err(error) if error.kind.is_passing() || error.kind == Kind::CredentialRefused => Err(error.into()),
        // An incident without its item is better than none.
        Err(_) => Ok(None),
    }
}
