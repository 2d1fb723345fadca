//! Linking a change request that somebody else made. Its `correlation_id` is never written.

use super::{Change, FIELDS, Held, Kind, TABLE, Work};
use crate::plugin::Plugin;
use itsm_contract::types::{Failure, Problem};

/// Links the change request that this work names: it must exist, be open, and be of the type that the settings ask for. One
/// that a person made may stand for several works; one that this plugin made stands for its own.
/// What became of it since it was linked is for its gate to say.
///
/// # Errors
/// `Refused` where it is none of that.
pub fn link(plugin: &Plugin, work: Work, number: &str) -> Result<Held, Failure> {
    let held = linkable(plugin, work, number)?;
    let facts = [("type", held.change.kind.value()), ("state", held.change.state.label())];
    plugin.audit("change.linked", &work.delivery().key, Some(&held.ticket), &facts);
    Ok(held)
}

/// The same, without saying that it is linked.
///
/// # Errors
/// As [`link`].
pub fn linkable(plugin: &Plugin, work: Work, number: &str) -> Result<Held, Failure> {
    let held = find(plugin, number)?.of(plugin, work)?;
    let change = &held.change;
    let is_linked = work.gate().and_then(|gate| gate.change.as_ref()).is_some_and(|ticket| ticket.id == change.sys_id);
    if change.state.is_over() && !is_linked && work.delivery().attempt <= 1 {
        return Err(refused(
            "change.not-open",
            format!("{number} is not open: it is in {}", change.state.label()),
            "name an open change request, or none to have one made",
        ));
    }
    let wanted = Kind::from(plugin.settings().change.kind);
    if change.kind != wanted && !is_linked {
        return Err(refused(
            "change.wrong-type",
            format!("{number} is of the type {}, and {} is asked for", change.kind.value(), wanted.value()),
            "name a change request of that type, or change `change.type` in the settings",
        ));
    }
    Ok(held)
}

/// The change request with this number.
///
/// # Errors
/// `Refused` where there is none that the user may read.
pub fn find(plugin: &Plugin, number: &str) -> Result<Held, Failure> {
    match plugin.client().find(TABLE, "number", number, FIELDS)? {
        Some(record) => Ok(Held::linked(plugin, Change::read(&record)?)),
        None => Err(refused(
            "change.not-found",
            format!("there is no change request {number}, or the integration user may not read it"),
            "check the number, and the integration user's roles",
        )),
    }
}

fn refused(code: &str, summary: String, remedy: &str) -> Failure {
    Failure::Refused(Problem { code: code.into(), summary, remedy: remedy.into(), detail: None })
}
