//! A failure: opens an incident for its thing, or adds to the one that is open.

use super::chain::{CANCELED, Chain, Found, IN_PROGRESS, Incident, RESOLVED, State};
use super::marker::{Marker, Word};
use super::{change_of, text, thing};
use crate::cmdb;
use crate::journal;
use crate::mapping::{Filled, RecordKind, compare, fill};
use crate::plugin::Plugin;
use crate::servicenow::{Error, Inserted, Kind};
use crate::transport::{Field, Value};
use itsm_contract::answers::{self, Planned};
use itsm_contract::events::{FailedStep, FailureEvent};
use itsm_contract::types::{Failure, ItemOutcome, Later, Problem, Ticket};
use serde_json::{Map, Value as Json};

/// Looks before it is given up: each but the last found that another host had been quicker.
const ROUNDS: usize = 4;

/// Opens an incident, or adds to the one that is open for the same thing. Delivered again, it does nothing.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses.
pub fn open(plugin: &Plugin, event: &FailureEvent) -> Result<answers::Incident, Failure> {
    let thing = thing(event.thing.as_deref(), &event.build, &event.step, event.environment.as_ref());
    let chain = Chain::new(&plugin.settings().instance.tenant, &thing);
    let marker = Marker::new(Word::Failed, &event.delivery);
    let mut inserted = None;
    for _ in 0..ROUNDS {
        let found = chain.read(plugin.client())?;
        let current = withdraw_doubles(plugin, &found, &event.delivery.key)?;
        if let Some(known) = found.incidents.iter().find(|incident| incident.knows(&marker)) {
            let is_ours = inserted.as_ref() == Some(&known.sys_id);
            return Ok(answer(plugin, known, if is_ours { ItemOutcome::Created } else { ItemOutcome::Unchanged }));
        }
        match current {
            Some(incident) if is_overtaken(&incident, event) => {
                return Ok(answer(plugin, &incident, ItemOutcome::Skipped));
            }
            Some(incident) if takes_notes(plugin, &incident) => return add(plugin, &incident, event, &marker),
            earlier => {
                let filled = values(plugin, event, earlier.as_ref(), &marker)?;
                let identity = chain.after(earlier.as_ref());
                let read = filled.read_back("number");
                match plugin.client().insert("incident", &identity, filled.values.clone(), &read)? {
                    Inserted::Created(record) => {
                        filled.tell_lost(plugin, &event.delivery.key, &record);
                        let ticket = plugin.ticket(
                            "incident",
                            &record.text("sys_id"),
                            &record.text("number"),
                            Some(&identity.correlation_id),
                        );
                        plugin.audit("incident.created", &event.delivery.key, Some(&ticket), &[("thing", &thing)]);
                        return Ok(answers::Incident { ticket, outcome: ItemOutcome::Created });
                    }
                    Inserted::Renamed(record) => inserted = Some(record.text("sys_id").into_owned()),
                    Inserted::Existing(_) => {}
                }
            }
        }
    }
    Err(Failure::Retry(Later {
        problem: Problem {
            code: "incident.contended".into(),
            summary: "several hosts open incidents for the same thing".into(),
            remedy: "nothing to do: the event is delivered again".into(),
            detail: None,
        },
        retry_after_ms: None,
    }))
}

/// What [`open`] would do.
///
/// # Errors
/// Where ServiceNow cannot be asked.
pub fn plan(plugin: &Plugin, event: &FailureEvent) -> Result<Planned, Failure> {
    let thing = thing(event.thing.as_deref(), &event.build, &event.step, event.environment.as_ref());
    let chain = Chain::new(&plugin.settings().instance.tenant, &thing);
    let marker = Marker::new(Word::Failed, &event.delivery);
    let found = chain.read(plugin.client())?;
    let planned = |name: &str, outcome, fields| Planned { kind: "incident".into(), name: name.into(), outcome, fields };
    if let Some(known) = found.incidents.iter().find(|incident| incident.knows(&marker)) {
        return Ok(planned(&known.number, ItemOutcome::Unchanged, Vec::new()));
    }
    match found.current {
        Some(incident) if is_overtaken(&incident, event) => {
            Ok(planned(&incident.number, ItemOutcome::Skipped, Vec::new()))
        }
        Some(incident) if takes_notes(plugin, &incident) => {
            let values = addition(plugin, &incident, event, &marker)?;
            Ok(planned(&incident.number, ItemOutcome::Updated, compare(&[], &values)))
        }
        earlier => {
            let defaults = fields(plugin, event, earlier.as_ref())?;
            let values = values(plugin, event, earlier.as_ref(), &marker)?.values;
            Ok(planned(&thing, ItemOutcome::Created, compare(&defaults, &values)))
        }
    }
}

/// Whether a failure adds to this incident.
fn takes_notes(plugin: &Plugin, incident: &Incident) -> bool {
    match incident.state {
        State::Open => true,
        State::Resolved => plugin.settings().incident.reopen,
        State::Closed => false,
    }
}

/// The thing succeeded after this failure and before it was told: there is nothing to put right.
fn is_overtaken(incident: &Incident, event: &FailureEvent) -> bool {
    incident.state != State::Open
        && incident.last(Word::Succeeded).is_some_and(|succeeded| succeeded > event.delivery.occurred_at)
}

/// Where the instance gives ids of its own, two first failures at once make two incidents: all but the first are
/// cancelled. Returns the end of the chain.
pub(super) fn withdraw_doubles(plugin: &Plugin, found: &Found, key: &str) -> Result<Option<Incident>, Error> {
    for double in &found.doubles {
        let mut values = Map::new();
        values.insert("state".into(), CANCELED.into());
        values.insert("work_notes".into(), "Opened twice at the same moment: the other incident stands.".into());
        plugin.client().update("incident", &double.sys_id, values, "state")?;
        plugin.audit("incident.double-cancelled", key, Some(&ticket(plugin, double)), &[]);
    }
    Ok(found.current.clone())
}

/// What a further failure sends.
fn addition(
    plugin: &Plugin,
    incident: &Incident,
    event: &FailureEvent,
    marker: &Marker,
) -> Result<Map<String, Json>, Error> {
    let note = marker.note(&text::repeat(event, &plugin.settings().incident));
    let mut values = Map::new();
    values.insert("work_notes".into(), note.into());
    if incident.state == State::Resolved {
        values.insert("state".into(), IN_PROGRESS.into());
    }
    if let Some(change) = event.change.as_ref().filter(|change| incident.is_new_change(&change.id))
        && let Some(change) = change_of(plugin, change, &event.delivery.key)?
    {
        values.insert("rfc".into(), change.into());
    }
    Ok(values)
}

fn add(
    plugin: &Plugin,
    incident: &Incident,
    event: &FailureEvent,
    marker: &Marker,
) -> Result<answers::Incident, Failure> {
    let reopens = incident.state == State::Resolved;
    let values = addition(plugin, incident, event, marker)?;
    let key = &event.delivery.key;
    let ticket = ticket(plugin, incident);
    let record = journal::write(plugin, &ticket, values, &marker.text(), "state", key)?;
    let journal = record.display("work_notes");
    if reopens && record.text("state") != IN_PROGRESS {
        return Err(Error::new(Kind::ReplyUnexpected, "PATCH incident")
            .with_detail(format!("{} was not reopened: it is in state {}", incident.number, record.text("state")))
            .into());
    }
    if !reopens && record.text("state") == RESOLVED && has_failed_last(&journal) {
        reopen(plugin, &ticket, key)?;
    }
    let action = if reopens { "incident.reopened" } else { "incident.updated" };
    plugin.audit(action, key, Some(&ticket), &[]);
    Ok(answers::Incident { ticket, outcome: ItemOutcome::Updated })
}

/// Whether a failure is the last that the notes tell of the thing.
pub(super) fn has_failed_last(journal: &str) -> bool {
    Marker::last(Word::Failed, journal) > Marker::last(Word::Succeeded, journal)
}

/// Another host told of a success at the moment of a later failure, and each saw the incident without the other's note.
pub(super) fn reopen(plugin: &Plugin, incident: &Ticket, key: &str) -> Result<(), Error> {
    let mut values = Map::new();
    values.insert("state".into(), IN_PROGRESS.into());
    plugin.client().update("incident", &incident.id, values, "state")?;
    plugin.audit("incident.reopened", key, Some(incident), &[("why", "it failed again at the same moment")]);
    Ok(())
}

/// What a new incident says.
fn values(
    plugin: &Plugin,
    event: &FailureEvent,
    earlier: Option<&Incident>,
    marker: &Marker,
) -> Result<Filled, Failure> {
    let mut filled = fill(plugin, RecordKind::Incident, event, fields(plugin, event, earlier)?)?;
    let values = &mut filled.values;
    let note = match values.remove("work_notes") {
        Some(Json::String(note)) if !note.is_empty() => marker.note(&note),
        _ => marker.note("Opened by OpenFactory."),
    };
    values.insert("work_notes".into(), note.into());
    values.insert("correlation_display".into(), "OpenFactory".into());
    if let Some(change) = &event.change
        && let Some(change) = change_of(plugin, change, &event.delivery.key)?
    {
        // A deployment changed systems, so its change caused what happened. Before that nothing has changed: the change
        // is the one that the correction will go by.
        let link = if event.step == FailedStep::Deployment { "caused_by" } else { "rfc" };
        values.insert(link.into(), change.into());
    }
    if let Some(earlier) = earlier {
        values.insert("parent".into(), earlier.sys_id.clone().into());
    }
    Ok(filled)
}

/// The plugin's own fields, which the mapping may change.
pub(super) fn fields(plugin: &Plugin, event: &FailureEvent, earlier: Option<&Incident>) -> Result<Vec<Field>, Failure> {
    let settings = &plugin.settings().incident;
    let severity = settings.severity(event.environment.as_ref().map(|environment| text::tier_name(&environment.tier)));
    let mut fields = vec![
        Field::text("short_description", text::headline(event)),
        Field::text("description", text::description(event, settings, earlier.map(|earlier| earlier.number.as_str()))),
        Field::text("impact", severity.impact.to_string()),
        Field::text("urgency", severity.urgency.to_string()),
    ];
    let mut named = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            fields.push(Field { name: name.into(), value: Value::Named(value.clone()) });
        }
    };
    named("assignment_group", &settings.assignment_group);
    named("caller_id", &settings.caller);
    named("cmdb_ci", &cmdb::concerned(plugin, &event.build, event.environment.as_ref(), &event.systems)?);
    Ok(fields)
}

pub(super) fn ticket(plugin: &Plugin, incident: &Incident) -> Ticket {
    plugin.ticket("incident", &incident.sys_id, &incident.number, Some(&incident.correlation_id))
}

fn answer(plugin: &Plugin, incident: &Incident, outcome: ItemOutcome) -> answers::Incident {
    answers::Incident { ticket: ticket(plugin, incident), outcome }
}
