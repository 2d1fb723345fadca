//! Work notes that stay one where several hosts write them at the same moment.
//!
//! A note takes no identity of ours. Whoever writes one looks for its marker first, and twice written at once is seen in
//! the reply to the second. The entries themselves (`sys_journal_field`) are closed to all but administrators and whom they
//! let in: where the integration user may delete one of two equal entries, one stays; where it may not, both stay, the
//! audit log says so, and no delivery adds a third.

use crate::plugin::Plugin;
use crate::servicenow::{Error, Query, Record};
use itsm_contract::types::Ticket;
use serde_json::{Map, Value};

/// Entries with one marker that are looked at: two hosts at once make two.
const LIMIT: usize = 20;

/// What is no mere words after a `[`: `[code]` lets a journal field show HTML, and `[openfactory` begins a marker of ours.
const SIGNS: &[&str] = &["code]", "/code]", "openfactory"];

/// Text from an event as a note may hold it: a build's own words cannot say that it succeeded, nor show a person HTML.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let begins = |sign: &&str| after.get(..sign.len()).is_some_and(|word| word.eq_ignore_ascii_case(sign));
        plain.push_str(before);
        plain.push(if SIGNS.iter().any(begins) { '(' } else { '[' });
        rest = after;
    }
    plain + rest
}

/// Changes a record with a work note among `values`, which ends in `marker`, and reads `fields` back.
///
/// # Errors
/// Where ServiceNow cannot be asked for the moment, or refuses the change.
pub fn write(
    plugin: &Plugin,
    record: &Ticket,
    values: Map<String, Value>,
    marker: &str,
    fields: &str,
    key: &str,
) -> Result<Record, Error> {
    let fields = format!("{fields},work_notes");
    let reply = plugin.client().update_displayed(&record.kind, &record.id, values, &fields)?;
    if reply.display("work_notes").matches(marker).count() > 1 {
        settle(plugin, record, marker, key)?;
    }
    Ok(reply)
}

/// Deletes all but the first of equal entries.
fn settle(plugin: &Plugin, record: &Ticket, marker: &str, key: &str) -> Result<(), Error> {
    let query = Query::new()
        .equals("element_id", &record.id)
        .equals("element", "work_notes")
        .ordered_down_by("sys_created_on")
        .ordered_by("sys_id");
    let fields = "sys_id,element_id,value,sys_created_on,sys_created_by";
    let found = match plugin.client().list("sys_journal_field", &query, fields, LIMIT) {
        Err(error) if error.kind.is_passing() => return Err(error),
        found => found.unwrap_or_default(),
    };
    let is_ours = |entry: &&Record| entry.text("element_id") == record.id && entry.text("value").contains(marker);
    let entries: Vec<&Record> = found.iter().filter(is_ours).collect();
    let is_closed = entries.is_empty();
    // Somebody who quotes a note writes another text.
    let (alike, api) = (["value", "sys_created_by"], "/api/now/table/sys_journal_field");
    if plugin.client().keep_first(entries, &alike, api, "DELETE sys_journal_field")? || is_closed {
        plugin.audit("note.doubled", key, Some(record), &[("marker", marker)]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_words_of_a_build_are_neither_a_marker_nor_html() {
        assert_eq!(plain("a[0] [Code]<b>[/code] é"), "a[0] (Code]<b>(/code] é");
        assert_eq!(plain("[OpenFactory:12] [openfactory failed"), "(OpenFactory:12] (openfactory failed");
    }

    proptest! {
        #[test]
        fn no_text_holds_a_sign_afterwards(text in "(\\[|code\\]|/code\\]|openfactory|.){0,20}") {
            let plain = plain(&text).to_lowercase();
            prop_assert!(SIGNS.iter().all(|sign| !plain.contains(&format!("[{sign}"))), "{}", plain);
        }
    }
}
