//! What a finished build does to its change request.

use super::{Ending, Held, finish, give_up, note};
use crate::plugin::Plugin;
use crate::settings::Close;
use itsm_contract::events::{BuildOutcome, BuildResult};
use itsm_contract::types::{Failure, Ticket};

/// After a build: its change request is closed, noted or given up, as the settings say. Empty where all of it is done.
/// A redelivery does only the rest.
pub fn after_build(plugin: &Plugin, event: &BuildResult) -> Vec<Failure> {
    let change = event.gate.as_ref().and_then(|gate| gate.change.as_ref());
    match change.map(|ticket| record(plugin, event, ticket)) {
        None | Some(Ok(())) => Vec::new(),
        Some(Err(failure)) => vec![failure],
    }
}

fn record(plugin: &Plugin, event: &BuildResult, ticket: &Ticket) -> Result<(), Failure> {
    let held = Held::read(plugin, ticket)?.of_build(plugin, &event.build)?;
    let key = &event.delivery.key;
    match Deed::of(event, plugin.settings().change.close) {
        Deed::Finish(ending) => drop(finish(plugin, held, &ending, key)?),
        Deed::Note(text) => drop(note(plugin, &held, &text, key)?),
        Deed::GiveUp(why) => drop(give_up(plugin, held, &why, key)?),
    }
    Ok(())
}

/// What is done with the change request.
pub(super) enum Deed {
    /// It is closed.
    Finish(Ending),
    /// It is noted.
    Note(String),
    /// It is given up.
    GiveUp(String),
}

impl Deed {
    /// For this result, where the settings have changes closed then.
    pub(super) fn of(event: &BuildResult, close: Close) -> Self {
        let image = &event.build.image;
        let what = format!("Build {} of {} {}", event.build.id, image.name, image.version);
        let ending = |is_success, notes| Self::Finish(Ending { is_success, notes, mark: what.clone() });
        match &event.outcome {
            BuildOutcome::Passed => {
                let digest = image.digest.as_deref().map(|digest| format!(" Artifact: {digest}")).unwrap_or_default();
                let notes = format!("{what} passed.{digest}");
                if close == Close::AfterBuild { ending(true, notes) } else { Self::Note(notes) }
            }
            BuildOutcome::Failed(why) => {
                let notes = format!("{what} failed: {why}");
                match close {
                    Close::AfterBuild => ending(false, notes),
                    // Nothing will be deployed, so nothing else would ever end it.
                    Close::AfterDeployment => Self::GiveUp(notes),
                    Close::Never => Self::Note(notes),
                }
            }
            BuildOutcome::Cancelled(why) => Self::GiveUp(format!("{what} was cancelled: {why}")),
        }
    }
}
