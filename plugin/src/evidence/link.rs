//! Evidence that is linked from the change request: one work note that names every digest.

use super::statement::{File, Kept, Statement};
use crate::journal;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Query};
use itsm_contract::events::BuildResult;
use itsm_contract::types::Ticket;
use serde_json::Map;
use std::fmt::Write;

/// Adds the note, which names the statement's digest, unless one that holds `known` is there. Returns whether a note names it
/// afterwards.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses.
pub fn note(plugin: &Plugin, change: &Ticket, digest: &str, known: &str, text: &str, key: &str) -> Result<bool, Error> {
    let query = Query::new().equals("sys_id", &change.id);
    let found = plugin.client().list_displayed(&change.kind, &query, "sys_id,work_notes", 2)?;
    let record = found.iter().find(|record| record.text("sys_id") == change.id.as_str());
    let notes = record.map(|record| record.display("work_notes")).unwrap_or_default();
    if notes.contains(known) {
        return Ok(notes.contains(digest));
    }
    let mut values = Map::new();
    values.insert("work_notes".into(), journal::plain(text).into());
    journal::write(plugin, change, values, digest, "number", key)?;
    Ok(true)
}

/// What the note says of a build.
pub fn text(event: &BuildResult, statement: &Statement, files: &[File]) -> String {
    let mut text = format!("Evidence of {}: {}\n", event.build.id, statement.digest);
    if let Some(url) = &event.build.url {
        let _ = writeln!(text, "Build: {url}");
    }
    if let Some(url) = event.tests.as_ref().and_then(|tests| tests.report_url.as_ref()) {
        let _ = writeln!(text, "Test report: {url}");
    }
    for file in files {
        let place = match &file.kept {
            Kept::Attached => "attached",
            Kept::Linked(url) => url,
            Kept::LeftOut(why) => why,
        };
        let _ = writeln!(text, "File {}: {place} {}", file.name, file.digest.as_deref().unwrap_or_default());
    }
    text.trim_end().to_owned()
}
