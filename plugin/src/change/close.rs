//! The end of a change request: implemented, reviewed and closed, or given up.

use super::step::step;
use super::{Held, State, note};
use crate::identity::Identity;
use crate::plugin::Plugin;
use crate::settings::{Cancelled, Close};
use itsm_contract::types::{Failure, Problem};
use serde_json::Map;

/// The code of the failure to do work under a change that allows none.
pub const NOT_APPROVED: &str = "change.not-approved";

/// How the close notes of a change begin that we gave up: whoever reads it again learns why.
pub const WITHDRAWN: &str = "Withdrawn by OpenFactory: ";

/// The line of the close notes that says which deployment ended a change.
pub fn deployment_line(id: &str) -> String {
    format!("Deployment: {id}\n")
}

/// How work ended, as its change request says.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// Whether it came to what was asked for.
    pub is_success: bool,
    /// What happened, for people.
    pub notes: String,
    /// What of the notes says which work it was.
    pub mark: String,
}

impl Ending {
    /// `close_code`. ServiceNow knows `successful`, `successful_issues` and `unsuccessful`.
    fn code(&self) -> &'static str {
        if self.is_success { "successful" } else { "unsuccessful" }
    }
}

/// Work has begun: Scheduled to Implement. A change that is there already stays as it is.
///
/// # Errors
/// `Refused` where the change does not allow work, or ServiceNow does not let it move.
pub fn implement(plugin: &Plugin, held: Held, key: &str) -> Result<Held, Failure> {
    match held.change.state {
        State::Scheduled => step(plugin, held, State::Implement, Map::new(), key),
        State::Implement | State::Review | State::Closed => Ok(held),
        _ => Err(not_allowed(&held)),
    }
}

/// Work has ended: from wherever the change stands to Closed, one state at a time. One that is closed already stays as it
/// is; where other work closed it, the end of this one is noted.
///
/// # Errors
/// `Refused` where the change does not allow work, or ServiceNow does not let it move.
pub fn finish(plugin: &Plugin, held: Held, ending: &Ending, key: &str) -> Result<Held, Failure> {
    if held.change.state == State::Closed && !held.change.close_notes.contains(&ending.mark) {
        note(plugin, &held, &ending.notes, key)?;
        return Ok(held);
    }
    let mut held = implement(plugin, held, key)?;
    if held.change.state == State::Implement {
        let mut fields = Map::new();
        fields.insert("work_notes".into(), note::marked(&ending.notes, key).into());
        held = step(plugin, held, State::Review, fields, key)?;
    }
    if held.change.state == State::Review {
        let mut fields = Map::new();
        fields.insert("close_code".into(), ending.code().into());
        fields.insert("close_notes".into(), ending.notes.clone().into());
        held = step(plugin, held, State::Closed, fields, key)?;
    }
    Ok(held)
}

/// Work is given up: a change of ours is cancelled with the reason, if the settings say so and its state allows it;
/// else, and always for a linked one, the reason is noted.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses.
pub fn give_up(plugin: &Plugin, held: Held, why: &str, key: &str) -> Result<Held, Failure> {
    // A change that several deployments share outlives each of them.
    let settings = &plugin.settings().change;
    let is_withdrawn = settings.on_cancel == Cancelled::Withdraw && settings.close != Close::Never && held.is_ours();
    // Under a build's change another deployment may be running.
    let is_running = held.change.state == State::Implement && Identity::build(&held.change.correlation_id).is_some();
    match &held.change.state {
        State::Canceled | State::Closed => Ok(held),
        state if is_withdrawn && !is_running && *state != State::Review => {
            let mut fields = Map::new();
            fields.insert("work_notes".into(), note::marked(why, key).into());
            fields.insert("close_notes".into(), format!("{WITHDRAWN}{why}").into());
            step(plugin, held, State::Canceled, fields, key)
        }
        _ => {
            note(plugin, &held, why, key)?;
            Ok(held)
        }
    }
}

fn not_allowed(held: &Held) -> Failure {
    let change = &held.change;
    Failure::Refused(Problem {
        code: NOT_APPROVED.into(),
        summary: format!("{} is in {}, where no work may be done", change.number, change.state.label()),
        remedy: "have the change approved in ServiceNow; what was done without it is for a person to record".into(),
        detail: None,
    })
}
