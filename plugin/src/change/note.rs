//! Work notes that are written once, however often their event is delivered.
//!
//! A note can neither be edited nor searched by its text, and takes no identity of ours. So each carries a marker, and
//! the rendered stream of notes is read for it first: `sys_journal_field` itself is closed to all but administrators.

use super::{Change, FIELDS, Held, TABLE};
use crate::identity::digest;
use crate::journal;
use crate::plugin::Plugin;
use itsm_contract::types::Failure;
use serde_json::Map;

/// Characters of a marker's digest: enough that no two notes of one change share it.
const MARKER_LENGTH: usize = 16;

/// A note that belongs to this event.
pub fn marked(text: &str, key: &str) -> String {
    format!("{}\n{}", journal::plain(text), marker(key))
}

/// What ends the note of this event.
pub(super) fn marker(key: &str) -> String {
    let digest = digest(key.as_bytes());
    let short: String = digest.trim_start_matches("sha256:").chars().take(MARKER_LENGTH).collect();
    format!("[{}:{short}]", super::create::ORIGIN)
}

/// Adds a work note, unless the event's note is there already. Returns whether it was added.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses.
pub fn note(plugin: &Plugin, held: &Held, text: &str, key: &str) -> Result<bool, Failure> {
    if is_noted(plugin, held, key)? {
        return Ok(false);
    }
    let mut values = Map::new();
    values.insert("work_notes".into(), marked(text, key).into());
    journal::write(plugin, &held.ticket, values, &marker(key), "number", key)?;
    plugin.audit("change.noted", key, Some(&held.ticket), &[("note", text)]);
    Ok(true)
}

/// Whether the event's note is there.
///
/// # Errors
/// Where ServiceNow cannot be asked.
pub(super) fn is_noted(plugin: &Plugin, held: &Held, key: &str) -> Result<bool, Failure> {
    let fields = format!("{FIELDS},work_notes");
    let record = plugin.client().get_displayed(TABLE, &held.change.sys_id, &fields)?;
    Held::believe(plugin, Change::read(&record)?, &held.ticket)?;
    Ok(record.display("work_notes").contains(&marker(key)))
}
