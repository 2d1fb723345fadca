//! Reads the audit log and what ServiceNow holds, and compares them.

use super::check::{Difference, Held, Proof, Recorded, check};
use crate::grant::audit::{self, Who};
use crate::grant::{AuditError, Grant, ReadError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use url::form_urlencoded::byte_serialize;

/// Bytes of one attachment: what a host lets a plugin send is far below.
const ATTACHMENT_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of a list.
const LIST_BYTES: usize = 16 * 1024 * 1024;
/// Attachments of one change request.
const ATTACHMENTS: usize = 1000;

/// What the plugin calls the entry of a statement.
const ACTION: &str = "evidence.recorded";

/// Why evidence is not proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The audit log is not whole.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The audit log has nothing of this change request.
    #[error("the audit log records no evidence for {change}: name the log of the host that ran its build")]
    NotRecorded {
        /// Its number.
        change: String,
    },
    /// ServiceNow has no such change request, or another.
    #[error("{0}")]
    Change(String),
    /// It is not as it was.
    #[error(transparent)]
    Differs(#[from] Difference),
    /// ServiceNow cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// ServiceNow answered something else.
    #[error("ServiceNow answered {0}")]
    Answer(String),
}

/// Proves that the evidence of a change request is what was put there, by the audit log, which is proved first.
///
/// # Errors
/// See [`VerifyError`]; `Differs` names the first thing that is not as it was.
pub async fn verify(grant: &Grant, change: &str, audit: &Path) -> Result<Vec<Proof>, VerifyError> {
    let statements = recorded(audit, change)?;
    let id = change_id(grant, change).await?;
    if let Some(other) = statements.iter().filter_map(|recorded| recorded.change.as_ref()).find(|other| **other != id) {
        return Err(VerifyError::Change(format!(
            "{change} is another record than the audit log's: its sys_id was {other}"
        )));
    }
    let held = attachments(grant, &id).await?;
    let notes = match statements.iter().any(|recorded| recorded.content.is_some()) {
        true => notes(grant, &id).await?,
        false => String::new(),
    };
    Ok(check(change, &statements, &held, &notes)?)
}

/// What the audit log says of a change request's evidence, oldest first. The log is proved to be whole first.
///
/// # Errors
/// Where it is not, or says nothing.
pub fn recorded(audit: &Path, change: &str) -> Result<Vec<Recorded>, VerifyError> {
    audit::verify(audit)?;
    let mut found: Vec<Recorded> = Vec::new();
    for entry in audit::entries(audit)? {
        let entry = entry?;
        let Some(subject) = entry.subject.filter(|subject| subject.number == change) else { continue };
        if entry.action != ACTION || entry.who != Who::Plugin {
            continue;
        }
        let detail = |name: &str| {
            entry.details.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let recorded = Recorded {
            about: detail("about"),
            name: detail("name"),
            digest: detail("digest"),
            content: Some(detail("statement")).filter(|content| !content.is_empty()),
            change: Some(subject.id),
        };
        found.push(recorded);
    }
    match found.is_empty() {
        true => Err(VerifyError::NotRecorded { change: change.into() }),
        false => Ok(found),
    }
}

#[derive(Deserialize)]
struct Row {
    sys_id: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    file_name: String,
    #[serde(default)]
    table_sys_id: String,
}

async fn change_id(grant: &Grant, number: &str) -> Result<String, VerifyError> {
    let query = encoded(&format!("number={}", number.replace('^', " ")));
    let target =
        format!("/api/now/table/change_request?sysparm_fields=sys_id,number&sysparm_limit=2&sysparm_query={query}");
    let rows: Vec<Row> = result(grant, &target).await?;
    // A term that the instance does not understand is dropped, and every record comes.
    match rows.into_iter().find(|row| row.number == number) {
        Some(row) => Ok(row.sys_id),
        None => Err(VerifyError::Change(format!("ServiceNow has no change request {number}, or does not show it"))),
    }
}

async fn attachments(grant: &Grant, change: &str) -> Result<Vec<Held>, VerifyError> {
    let query = encoded(&format!("table_name=change_request^table_sys_id={change}^ORDERBYsys_id"));
    let target = format!("/api/now/attachment?sysparm_limit={ATTACHMENTS}&sysparm_query={query}");
    let rows: Vec<Row> = result(grant, &target).await?;
    let mut held = Vec::new();
    for row in rows.into_iter().filter(|row| row.table_sys_id == change) {
        let target = format!("/api/now/attachment/{}/file", encoded(&row.sys_id));
        let (status, content) = grant.read(&target, ATTACHMENT_BYTES).await?;
        if !status.is_success() {
            return Err(VerifyError::Answer(format!("{status} when `{}` was read", row.file_name)));
        }
        held.push(Held { name: row.file_name, content: content.to_vec() });
    }
    Ok(held)
}

/// The work notes as ServiceNow renders them.
async fn notes(grant: &Grant, change: &str) -> Result<String, VerifyError> {
    #[derive(Deserialize)]
    struct Notes {
        work_notes: String,
    }
    let target = format!("/api/now/table/change_request/{change}?sysparm_fields=work_notes&sysparm_display_value=true");
    Ok(result::<Notes>(grant, &target).await?.work_notes)
}

async fn result<T: DeserializeOwned>(grant: &Grant, target: &str) -> Result<T, VerifyError> {
    #[derive(Deserialize)]
    struct Reply<T> {
        result: T,
    }
    let (status, body) = grant.read(target, LIST_BYTES).await?;
    if !status.is_success() {
        return Err(VerifyError::Answer(status.to_string()));
    }
    let reply: Reply<T> = serde_json::from_slice(&body)
        .map_err(|error| VerifyError::Answer(format!("{status} with what was not asked for: {error}")))?;
    Ok(reply.result)
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}
