//! What a hook would do, without doing it: the records that it would touch, and what it would send.

use crate::change::{self, Work};
use crate::plugin::Plugin;
use crate::{cmdb, evidence, incident};
use itsm_contract::answers::{Event, Planned};
use itsm_contract::events::{BuildOutcome, BuildResult, DeployEvent, DeployPhase};
use itsm_contract::types::{Failure, ItemOutcome};

/// What the hook of this event would do. Reads, and asks identification and reconciliation what it would do.
///
/// # Errors
/// Where ServiceNow cannot be asked, and where the hook would fail before it did anything.
pub fn preview(plugin: &Plugin, event: &Event) -> Result<Vec<Planned>, Failure> {
    match event {
        Event::BuildRequested(request) => {
            crate::event::check(&request.delivery, &request.build)?;
            crate::event::check_schedule(request.schedule.as_ref())?;
            Ok(change::plan(plugin, Work::Build(request))?.into_iter().collect())
        }
        Event::BuildFinished(result) => finished(plugin, result),
        Event::Failed(failed) => {
            crate::event::check_failure(failed)?;
            match incident::is_wanted(plugin, failed) {
                true => Ok(vec![incident::plan(plugin, failed)?]),
                false => Ok(Vec::new()),
            }
        }
        Event::Deploy(event) => deployed(plugin, event),
    }
}

fn finished(plugin: &Plugin, result: &BuildResult) -> Result<Vec<Planned>, Failure> {
    crate::event::check(&result.delivery, &result.build)?;
    let mut planned = evidence::plan(plugin, result)?;
    if let Some(change) = change::plan_result(plugin, result)? {
        // A link to the evidence is a note on it, and makes it no other record.
        let linked = planned.iter().position(|other| other.kind == change.kind && other.name == change.name);
        match linked.and_then(|at| planned.get_mut(at)) {
            Some(_) if change.outcome == ItemOutcome::Unchanged => {}
            Some(linked) => *linked = change,
            None => planned.push(change),
        }
    }
    if result.outcome == BuildOutcome::Passed {
        for thing in incident::things(result) {
            planned.extend(incident::plan_resolve(plugin, &thing, &result.delivery)?);
        }
    }
    Ok(planned)
}

fn deployed(plugin: &Plugin, event: &DeployEvent) -> Result<Vec<Planned>, Failure> {
    crate::event::check_deployment(event)?;
    change::handed_back(plugin, Work::Deployment(event))?;
    let mut planned: Vec<Planned> = change::plan(plugin, Work::Deployment(event))?.into_iter().collect();
    planned.extend(cmdb::plan(plugin, event)?);
    if event.phase == DeployPhase::Succeeded {
        let thing = incident::deployed(event);
        planned.extend(incident::plan_resolve(plugin, &thing, &event.delivery)?);
    }
    Ok(planned)
}
