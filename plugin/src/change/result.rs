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
    let image = &event.build.image;
    let what = format!("Build {} of {} {}", event.build.id, image.name, image.version);
    let close = plugin.settings().change.close;
    match &event.outcome {
        BuildOutcome::Passed => {
            let digest = image.digest.as_deref().map(|digest| format!(" Artifact: {digest}")).unwrap_or_default();
            let notes = format!("{what} passed.{digest}");
            if close == Close::AfterBuild {
                finish(plugin, held, &Ending { is_success: true, notes, mark: what }, key)?;
            } else {
                note(plugin, &held, &notes, key)?;
            }
        }
        BuildOutcome::Failed(why) => {
            let notes = format!("{what} failed: {why}");
            match close {
                Close::AfterBuild => drop(finish(plugin, held, &Ending { is_success: false, notes, mark: what }, key)?),
                // Nothing will be deployed, so nothing else would ever end it.
                Close::AfterDeployment => drop(give_up(plugin, held, &notes, key)?),
                Close::Never => drop(note(plugin, &held, &notes, key)?),
            }
        }
        BuildOutcome::Cancelled(why) => drop(give_up(plugin, held, &format!("{what} was cancelled: {why}"), key)?),
    }
    Ok(())
}
