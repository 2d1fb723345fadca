//! A success: resolves the incident that is open for its thing.

use super::chain::{Chain, Incident, RESOLVED, State};
use super::change_of;
use super::marker::{Marker, Word};
use super::open::{has_failed_last, reopen, ticket, withdraw_doubles};
use crate::journal;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind, Query};
use itsm_contract::answers::Planned;
use itsm_contract::types::{Delivery, Failure, ItemOutcome, Problem, Ticket};
use serde_json::Map;

/// Resolution codes that say what happened, the fittest first: those of current releases, then of older ones. None is
/// sent that the instance does not list.
const CLOSE_CODES: &[&str] = &[
    "Solution provided",
    "Resolved by change",
    "Solved (Permanently)",
    "Solved Remotely (Permanently)",
    "Workaround provided",
    "Solved (Work Around)",
    "Closed/Resolved by Caller",
    "Resolved by caller",
];

/// Choices read: stock instances have about ten.
const CHOICE_LIMIT: usize = 200;

/// Resolves the open incident of this thing, if there is one. `what` is what succeeded, in words; `change` the change
/// request under which it did. Delivered again, it names the same incident and does nothing.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses.
pub fn resolve(
    plugin: &Plugin,
    thing: &str,
    delivery: &Delivery,
    what: &str,
    change: Option<&Ticket>,
) -> Result<Vec<Ticket>, Failure> {
    if !plugin.settings().workflows.incidents || !plugin.settings().incident.resolve {
        return Ok(Vec::new());
    }
    let chain = Chain::new(&plugin.settings().instance.tenant, thing);
    let marker = Marker::new(Word::Succeeded, delivery);
    let found = chain.read(plugin.client())?;
    if let Some(known) = found.incidents.iter().find(|incident| incident.knows(&marker)) {
        return Ok(vec![ticket(plugin, known)]);
    }
    match withdraw_doubles(plugin, &found, &delivery.key)? {
        Some(incident) if incident.state == State::Open && !has_failed_since(&incident, delivery) => {
            let ticket = ticket(plugin, &incident);
            let journal = close(plugin, &incident, &ticket, &marker, what, change, &delivery.key)?;
            if has_failed_last(&journal) {
                reopen(plugin, &ticket, &delivery.key)?;
                return Ok(Vec::new());
            }
            plugin.audit("incident.resolved", &delivery.key, Some(&ticket), &[("thing", thing)]);
            Ok(vec![ticket])
        }
        _ => Ok(Vec::new()),
    }
}

/// What [`resolve`] would do; none where there is nothing to resolve.
///
/// # Errors
/// Where ServiceNow cannot be asked.
pub fn plan_resolve(plugin: &Plugin, thing: &str, delivery: &Delivery) -> Result<Option<Planned>, Failure> {
    if !plugin.settings().workflows.incidents || !plugin.settings().incident.resolve {
        return Ok(None);
    }
    let found = Chain::new(&plugin.settings().instance.tenant, thing).read(plugin.client())?;
    let marker = Marker::new(Word::Succeeded, delivery);
    let planned = |incident: &Incident, outcome| {
        Some(Planned { kind: "incident".into(), name: incident.number.clone(), outcome, fields: Vec::new() })
    };
    if let Some(known) = found.incidents.iter().find(|incident| incident.knows(&marker)) {
        return Ok(planned(known, ItemOutcome::Unchanged));
    }
    Ok(match found.current {
        Some(incident) if incident.state == State::Open && !has_failed_since(&incident, delivery) => {
            planned(&incident, ItemOutcome::Updated)
        }
        _ => None,
    })
}

/// The thing failed after this success and before it was told: the incident stands.
fn has_failed_since(incident: &Incident, delivery: &Delivery) -> bool {
    incident.last(Word::Failed).is_some_and(|failed| failed > delivery.occurred_at)
}

/// Returns the notes as they are afterwards.
fn close(
    plugin: &Plugin,
    incident: &Incident,
    ticket: &Ticket,
    marker: &Marker,
    what: &str,
    change: Option<&Ticket>,
    key: &str,
) -> Result<String, Failure> {
    let under = change.map(|change| format!(" under {}", change.number)).unwrap_or_default();
    let notes = format!("{what} succeeded{under}.");
    let mut values = Map::new();
    values.insert("state".into(), RESOLVED.into());
    values.insert("close_code".into(), close_code(plugin)?.into());
    values.insert("close_notes".into(), notes.clone().into());
    values.insert("work_notes".into(), marker.note(&notes).into());
    if let Some(change) = change.filter(|change| incident.is_new_change(&change.id))
        && let Some(change) = change_of(plugin, change, key)?
    {
        values.insert("rfc".into(), change.into());
    }
    let record = journal::write(plugin, ticket, values, &marker.text(), "state", key)?;
    match &*record.text("state") {
        RESOLVED => Ok(record.display("work_notes").into_owned()),
        state => Err(Error::new(Kind::ReplyUnexpected, "PATCH incident")
            .with_detail(format!("{} was not resolved: it is in state {state}", incident.number))
            .into()),
    }
}

/// The resolution code to send: one that this instance knows. One that it does not know would be stored as empty.
///
/// # Errors
/// `Misconfigured` where it does not know the one that the settings ask for, or tells none.
pub fn close_code(plugin: &Plugin) -> Result<String, Failure> {
    let query = Query::new().equals("name", "incident").equals("element", "close_code").equals("inactive", "false");
    let choices = plugin.client().list("sys_choice", &query, "name,element,value,inactive", CHOICE_LIMIT)?;
    let known: Vec<String> = choices
        .iter()
        .filter(|choice| choice.text("name") == "incident" && choice.text("element") == "close_code")
        .filter(|choice| !choice.flag("inactive"))
        .map(|choice| choice.text("value").into_owned())
        .filter(|value| !value.is_empty())
        .collect();
    let wanted = plugin.settings().incident.close_code.as_deref();
    let knows = |code: &&str| known.iter().any(|value| value == code);
    let code = match wanted {
        Some(code) if knows(&code) => Some(code),
        Some(code) => {
            return Err(Failure::Misconfigured(Problem {
                code: "incident.close-code-unknown".into(),
                summary: format!("this instance has no resolution code `{code}` for incidents"),
                remedy: format!("set `incident.close-code` to one of: {}", known.join(", ")),
                detail: None,
            }));
        }
        None => CLOSE_CODES.iter().copied().find(knows).or(known.first().map(String::as_str)),
    };
    code.map(str::to_owned).ok_or_else(|| {
        Failure::Misconfigured(Problem {
            code: "incident.close-code-unknown".into(),
            summary: "this instance lists no resolution codes for incidents".into(),
            remedy: "let the integration user read sys_choice, or switch `incident.resolve` off".into(),
            detail: None,
        })
    })
}
