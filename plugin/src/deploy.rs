//! A deployment moved: its gate before it starts, its change request and the CMDB afterwards.

use crate::change::{self, Answer, Ending, Held, Work};
use crate::plugin::Plugin;
use crate::settings::Close;
use crate::{cmdb, evidence, gate, incident};
use itsm_contract::answers::{Deployment, Item};
use itsm_contract::events::{DeployEvent, DeployPhase};
use itsm_contract::types::{Failure, Gate, Problem, Verdict};

/// Gates a deployment that is about to start, and records one that has moved. What could not be done is told, and a
/// redelivery does only that.
///
/// # Errors
/// `InvalidEvent` where the event makes no sense. For `requested`, as for a build; every other phase tells what is
/// unfinished instead.
pub fn on_deploy(plugin: &Plugin, event: &DeployEvent) -> Result<Deployment, Failure> {
    crate::event::check_deployment(event)?;
    // Nothing is done, or linked, by a gate of other work.
    change::handed_back(plugin, Work::Deployment(event))?;
    let mut answer = Deployment { gate: None, items: Vec::new(), resolved: Vec::new(), unfinished: Vec::new() };
    match &event.phase {
        DeployPhase::Requested => {
            answer.gate = Some(gate::open(plugin, Work::Deployment(event))?);
            incident::delivered_gate(plugin, &event.delivery);
            return Ok(answer);
        }
        DeployPhase::Started | DeployPhase::Cancelled(_) => {}
        DeployPhase::Succeeded => {
            record(plugin, event, &mut answer);
            resolve(plugin, event, &mut answer);
        }
        DeployPhase::Failed(_) => record(plugin, event, &mut answer),
    }
    // What the statement says of the CMDB must not change: it waits until nothing more is done there, and what somebody
    // must put right first is done after that.
    let is_to_come = |failure: &Failure| matches!(failure, Failure::Retry(_) | Failure::Misconfigured(_));
    let is_settled = !answer.unfinished.iter().any(is_to_come);
    if let Err(failure) = follow(plugin, event, is_settled.then_some(answer.items.as_slice())) {
        answer.unfinished.push(failure);
    }
    match incident::delivered(plugin, &event.delivery) {
        Ok(resolved) => answer.resolved.extend(resolved),
        Err(failure) => answer.unfinished.push(failure),
    }
    Ok(answer)
}

fn record(plugin: &Plugin, event: &DeployEvent, answer: &mut Deployment) {
    if plugin.settings().workflows.cmdb {
        let recorded = cmdb::record(plugin, event);
        answer.items = recorded.items;
        answer.unfinished.extend(recorded.unfinished);
    }
}

/// A deployment that works ends the incident of one that did not.
fn resolve(plugin: &Plugin, event: &DeployEvent, answer: &mut Deployment) {
    if !plugin.settings().workflows.incidents || !plugin.settings().incident.resolve {
        return;
    }
    let thing = incident::deployed(event);
    let change = event.gate.as_ref().and_then(|gate| gate.change.as_ref());
    let what = format!("Deployment {}", event.deployment_id);
    match incident::resolve(plugin, &thing, &event.delivery, &what, change) {
        Ok(resolved) => answer.resolved.extend(resolved),
        Err(failure) => answer.unfinished.push(failure),
    }
}

/// Moves the change request as the deployment moved. `items` are what the CMDB holds of it, once that is settled.
fn follow(plugin: &Plugin, event: &DeployEvent, items: Option<&[Item]>) -> Result<(), Failure> {
    let work = Work::Deployment(event);
    if change::is_controlled(plugin.settings(), work).is_err() {
        return Ok(());
    }
    let Some(held) = Held::locate(plugin, work)? else {
        plugin.audit("change.missing", &event.delivery.key, None, &[("deployment", &event.deployment_id)]);
        return Ok(());
    };
    // While it can be kept, it comes before the change closes; where it never can, the change closes all the same.
    let kept = items.map_or(Ok(()), |items| evidence::deployed(plugin, event, items, &held.ticket));
    if matches!(kept, Err(Failure::Retry(_))) {
        return kept;
    }
    let key = &event.delivery.key;
    match &event.phase {
        DeployPhase::Requested => {}
        DeployPhase::Started => drop(start(plugin, event, held)?),
        DeployPhase::Succeeded => end(plugin, event, held, &ending(event, true, None))?,
        DeployPhase::Failed(shortfall) => end(plugin, event, held, &ending(event, false, Some(&shortfall.why)))?,
        DeployPhase::Cancelled(why) => {
            let why = format!("{} was cancelled: {why}", work.title());
            change::give_up(plugin, held, &why, key)?;
        }
    }
    kept
}

fn start(plugin: &Plugin, event: &DeployEvent, held: Held) -> Result<Held, Failure> {
    uncleared(plugin, event, &held, "started")?;
    if is_unapproved_by_policy(plugin, event, &held) {
        let said = if held.change.approval == Answer::Rejected { "it was rejected" } else { "nobody had approved it" };
        let text = format!("{} started by policy: {said}.", Work::Deployment(event).title());
        change::note(plugin, &held, &text, &event.delivery.key)?;
        return Ok(held);
    }
    if change::is_used_up(plugin, Work::Deployment(event), &held) {
        let text = format!("{} started, after this change had ended.", Work::Deployment(event).title());
        change::note(plugin, &held, &text, &event.delivery.key)?;
        return Ok(held);
    }
    let started = change::implement(plugin, held.clone(), &event.delivery.key);
    noted(plugin, event, &held, &format!("{} started.", Work::Deployment(event).title()), started)
}

/// What happened is noted also where ServiceNow's change allows no work.
fn noted<T>(
    plugin: &Plugin,
    event: &DeployEvent,
    held: &Held,
    what: &str,
    done: Result<T, Failure>,
) -> Result<T, Failure> {
    if matches!(&done, Err(Failure::Refused(problem)) if problem.code == change::NOT_APPROVED) {
        change::note(plugin, held, what, &event.delivery.key)?;
    }
    done
}

/// What was done without an approval is noted: ServiceNow lets no change that nobody approved move through its states.
fn end(plugin: &Plugin, event: &DeployEvent, held: Held, ending: &Ending) -> Result<(), Failure> {
    uncleared(plugin, event, &held, &ending.notes)?;
    let key = &event.delivery.key;
    // Never: a change that several deployments share is a person's to close.
    let is_closed_here = plugin.settings().change.close != Close::Never;
    if is_closed_here && !is_unapproved_by_policy(plugin, event, &held) {
        let finished = change::finish(plugin, held.clone(), ending, key);
        noted(plugin, event, &held, &ending.notes, finished)?;
    } else {
        change::note(plugin, &held, &ending.notes, key)?;
    }
    Ok(())
}

/// Work that went on though its gate said otherwise moves no change: it is noted, and told.
///
/// # Errors
/// `Refused` where the gate that is handed back does not say proceed.
fn uncleared(plugin: &Plugin, event: &DeployEvent, held: &Held, what: &str) -> Result<(), Failure> {
    let Some(gate) = shut(event) else { return Ok(()) };
    let said = if matches!(gate.verdict, Verdict::Pause(_)) { "wait" } else { "give up" };
    let title = Work::Deployment(event).title();
    let number = &held.change.number;
    change::note(plugin, held, &format!("{title} went on though its gate said {said}: {what}"), &event.delivery.key)?;
    Err(Failure::Refused(Problem {
        code: "change.not-cleared".into(),
        summary: format!("{title} went on though the gate of {number} said {said}"),
        remedy:
            "hand back the last gate, and start no work before it says proceed; a person has to look at this change"
                .into(),
        detail: None,
    }))
}

/// The gate that is handed back with what went on against it.
pub(crate) fn shut(event: &DeployEvent) -> Option<&Gate> {
    event.gate.as_ref().filter(|gate| !matches!(gate.verdict, Verdict::Proceed(_)))
}

/// Whether work was let through though its change request allows none: gates are switched off, or the policy decided.
pub(crate) fn is_unapproved_by_policy(plugin: &Plugin, event: &DeployEvent, held: &Held) -> bool {
    let verdict = event.gate.as_ref().map(|gate| &gate.verdict);
    let is_by_policy = matches!(verdict, Some(Verdict::Proceed(clearance)) if clearance.by_policy);
    let state = &held.change.state;
    (is_by_policy || !plugin.settings().workflows.approval_gates) && !state.allows_work() && !state.is_over()
}

/// What the change request says of the end.
fn ending(event: &DeployEvent, is_success: bool, why: Option<&str>) -> Ending {
    let received: Vec<&str> = match &event.phase {
        DeployPhase::Failed(shortfall) => shortfall.received.iter().map(String::as_str).collect(),
        _ => event.systems.iter().map(|system| system.name.as_str()).collect(),
    };
    let title = Work::Deployment(event).title();
    let outcome = match why {
        Some(why) => format!("{title} failed: {why}"),
        None => format!("{title} succeeded."),
    };
    let systems = match received.is_empty() {
        true => "No system has the image.".into(),
        false => format!("Systems that have the image: {}.", received.join(", ")),
    };
    let digest = event.build.image.digest.as_deref().map(|digest| format!("\nArtifact: {digest}")).unwrap_or_default();
    let deployment = change::deployment_line(&event.deployment_id);
    Ending { is_success, notes: format!("{outcome}\n{deployment}{systems}{digest}"), mark: deployment }
}
