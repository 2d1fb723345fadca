//! Moving a change request on, one state at a time: read before each step, never skipped, repeated or assumed.
//!
//! A write's reply is the record after the instance's rules, so it counts as a read.

use super::{Change, FIELDS, Held, Kind, State, TABLE, note};
use crate::journal;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind as ErrorKind, Record};
use crate::transport::Method;
use itsm_contract::types::{Failure, Problem};
use serde_json::{Map, Value};

/// The state in which a change of this type asks for approval, or has it from the start.
fn submitted(kind: &Kind) -> State {
    match kind {
        Kind::Standard => State::Scheduled,
        Kind::Emergency => State::Authorize,
        Kind::Normal | Kind::Other(_) => State::Assess,
    }
}

/// Asks for approval of a change that stands in New. A standard one is scheduled: it was approved beforehand.
///
/// # Errors
/// Where ServiceNow does not let it leave New; says which conditions do not hold.
pub fn submit(plugin: &Plugin, held: Held, key: &str) -> Result<Held, Failure> {
    let to = submitted(&held.change.kind);
    step(plugin, held, to, Map::new(), key)
}

/// Writes `to`, with `more` fields in the same request, and reads the record back. A change that somebody moved
/// meanwhile is returned where it stands.
///
/// # Errors
/// Where ServiceNow does not let it leave its state; says which conditions do not hold.
pub(super) fn step(
    plugin: &Plugin,
    held: Held,
    to: State,
    more: Map<String, Value>,
    key: &str,
) -> Result<Held, Failure> {
    let Held { change, ticket } = held;
    let mut values = more;
    values.insert("state".into(), to.value().into());
    let written = match values.contains_key("work_notes") {
        true => journal::write(plugin, &ticket, values, &note::marker(key), FIELDS, key),
        false => plugin.client().update(TABLE, &change.sys_id, values, FIELDS),
    };
    let moved = match written {
        Ok(record) => Held::believe(plugin, Change::read(&record)?, &ticket)?,
        Err(error) if is_refusal(error.kind) => {
            let now = Held::believe(plugin, Change::get(plugin, &change.sys_id)?, &ticket)?;
            if now.change.state == change.state {
                return Err(explained(plugin, &now, &to, Some(error)));
            }
            return Ok(now);
        }
        Err(error) => return Err(error.into()),
    };
    // A write that the user may not make is left out without a word.
    if moved.change.state == change.state {
        return Err(explained(plugin, &moved, &to, None));
    }
    let facts = [("from", change.state.label()), ("to", moved.change.state.label())];
    plugin.audit(action(&to), key, Some(&moved.ticket), &facts);
    Ok(moved)
}

/// The audit log's word for a step.
fn action(to: &State) -> &'static str {
    match to {
        State::Assess | State::Authorize | State::Scheduled => "change.submitted",
        State::Implement => "change.implement",
        State::Review => "change.review",
        State::Closed => "change.closed",
        State::Canceled => "change.cancelled",
        State::New | State::Other(_) => "change.moved",
    }
}

fn is_refusal(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BusinessRule | ErrorKind::DataPolicy | ErrorKind::Forbidden | ErrorKind::BadRequest)
}

/// Why ServiceNow does not let a change move on: the conditions that its model asks for and that do not hold.
fn explained(plugin: &Plugin, held: &Held, to: &State, error: Option<Error>) -> Failure {
    let number = &held.change.number;
    let from = held.change.state.label();
    let failing = failing_conditions(plugin, &held.change, to).unwrap_or_default();
    let words = match failing.is_empty() {
        true => String::new(),
        false => format!(": these conditions do not hold: {}", failing.join(", ")),
    };
    let own = error.as_ref().map(Error::problem);
    Failure::Refused(Problem {
        code: own.as_ref().map_or_else(|| "change.not-moved".into(), |problem| problem.code.clone()),
        summary: format!("ServiceNow does not let {number} go from {from} to {}{words}", to.label()),
        remedy: match &own {
            Some(problem) if failing.is_empty() => problem.remedy.clone(),
            _ => "make the conditions hold in ServiceNow, or give what they ask for by the settings and the mapping"
                .into(),
        },
        detail: own.and_then(|problem| problem.detail),
    })
}

/// The conditions of the transition to `to` that do not hold, by name. None for a change without a model.
///
/// # Errors
/// Where the Change Management API cannot be asked.
pub fn failing_conditions(plugin: &Plugin, change: &Change, to: &State) -> Result<Vec<String>, Error> {
    let target = format!("/api/sn_chg_rest/change/{}/nextstates", change.sys_id);
    let reply = plugin.client().call(Method::Get, target, None, "GET change nextstates")?;
    let transitions = reply.get("state_transitions").and_then(Value::as_array).into_iter().flatten();
    let transitions = transitions.filter_map(Value::as_array).flatten().filter(|transition| {
        let target = transition.get("to_state").cloned().unwrap_or_default();
        Record::new(serde_json::json!({ "to_state": target })).is_some_and(|own| own.text("to_state") == to.value())
    });
    let mut names = Vec::new();
    for transition in transitions {
        let is_true = |value: Option<&Value>| value.and_then(Value::as_bool) == Some(true);
        if is_true(transition.get("transition_available")) {
            return Ok(Vec::new());
        }
        // A transition that ServiceNow makes by itself is not the one that was asked for.
        if is_true(transition.get("automatic_transition")) {
            continue;
        }
        let conditions = transition.get("conditions").and_then(Value::as_array).into_iter().flatten();
        let failing = conditions.filter(|condition| !is_true(condition.get("passed")));
        names.extend(failing.filter_map(|condition| condition.pointer("/condition/name")?.as_str().map(str::to_owned)));
    }
    names.dedup();
    Ok(names)
}
