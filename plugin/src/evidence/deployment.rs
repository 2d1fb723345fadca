//! What a deployment adds to the evidence of its change request: which systems received the image, as what
//! configuration items, and who had approved.

use super::attach::Attachments;
use super::statement::{self, Statement};
use crate::plugin::Plugin;
use crate::settings::Placement;
use itsm_contract::answers::Item;
use itsm_contract::events::{DeployEvent, DeployPhase};
use itsm_contract::json::time;
use itsm_contract::types::{Failure, ItemOutcome, Ticket};
use serde_json::json;

/// What a deployment's predicate is called.
const DEPLOYMENT: &str = "openfactory:itsm/deployment@0.1.0";

/// Keeps a statement about a deployment that has ended with its change request, once however often it is delivered.
/// `items` are its configuration items.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses.
pub fn deployed(plugin: &Plugin, event: &DeployEvent, items: &[Item], change: &Ticket) -> Result<(), Failure> {
    let has_ended = matches!(event.phase, DeployPhase::Succeeded | DeployPhase::Failed(_));
    if !has_ended || !plugin.settings().workflows.evidence {
        return Ok(());
    }
    let statement = Statement::new(DEPLOYMENT, &event.build, predicate(event, items, change))?;
    let name = Statement::file_name("deployment", &event.deployment_id);
    let is_attached = plugin.settings().evidence.placement != Placement::Link;
    // After a newer deployment nobody is told any more which items this one had: what was stated by then stands.
    let is_overtaken = items.iter().any(|item| item.outcome == ItemOutcome::Skipped);
    if is_attached {
        let mut attachments = Attachments::read(plugin, change)?;
        if is_overtaken && attachments.has(&name) {
            return Ok(());
        }
        attachments.add(&name, statement::MEDIA_TYPE, statement.content.as_bytes(), &statement.digest)?;
        attachments.settle()?;
    }
    if plugin.settings().evidence.placement != Placement::Attach {
        let title = format!("Evidence of {}: ", event.deployment_id);
        let text = format!("{title}{}", statement.digest);
        let known = if is_overtaken { &title } else { &statement.digest };
        if !super::link::note(plugin, change, &statement.digest, known, &text, &event.delivery.key)? {
            return Ok(());
        }
    }
    let mut details =
        vec![("digest", statement.digest.as_str()), ("about", &event.deployment_id), ("name", name.as_str())];
    if !is_attached {
        details.push(("statement", &statement.content)); // It is nowhere else.
    }
    plugin.audit("evidence.recorded", &event.delivery.key, Some(change), &details);
    Ok(())
}

/// The same however often it is delivered: what became of an item at one delivery is not part of it, only what it is.
fn predicate(event: &DeployEvent, items: &[Item], change: &Ticket) -> serde_json::Value {
    let is_record = |item: &&Item| item.ticket.as_ref().is_some_and(|ticket| ticket.kind != "cmdb_rel_ci");
    let held = items.iter().filter(is_record).filter_map(|item| {
        let ticket = item.ticket.as_ref()?;
        Some(json!({"name": item.name, "class": ticket.kind, "id": ticket.id}))
    });
    let is_refused = |item: &&Item| matches!(item.outcome, ItemOutcome::Failed(_));
    let is_overtaken = |item: &&Item| item.outcome == ItemOutcome::Skipped;
    // As ServiceNow held them when the plugin judged the gate that is handed back.
    let approvals = event.gate.as_ref().map(|gate| &gate.approvals);
    let mut left_out = Vec::new();
    if approvals.is_none() {
        left_out.push("approvals: the event hands back no gate".to_owned());
    }
    if items.is_empty() {
        left_out.push("configuration-items: nothing was recorded in the CMDB".into());
    }
    json!({
        "deployment-id": event.deployment_id,
        "build": event.build,
        "environment": event.environment,
        "phase": event.phase,
        "occurred-at": time::text(event.delivery.occurred_at),
        "systems": event.systems.iter().map(|system| &system.name).collect::<Vec<_>>(),
        "configuration-items": held.collect::<Vec<_>>(),
        "not-recorded": items.iter().filter(is_refused).map(|item| &item.name).collect::<Vec<_>>(),
        "overtaken": items.iter().filter(is_overtaken).map(|item| &item.name).collect::<Vec<_>>(),
        "change": statement::named(change),
        "approvals": approvals,
        "left-out": left_out,
    })
}
