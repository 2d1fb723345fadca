//! What is kept with a change request for audit: a statement about the build, and the files that it lists.

mod attach;
mod canonical;
mod deployment;
mod link;
mod statement;

#[cfg(test)]
mod tests;

pub use deployment::deployed;
pub use statement::{Statement, check_artifact};

use crate::change;
use crate::event::invalid;
use crate::identity::digest;
use crate::plugin::{Plugin, is_sys_id};
use crate::servicenow::{Error, Kind};
use crate::settings::Placement;
use attach::Attachments;
use itsm_contract::answers::Planned;
use itsm_contract::events::{BuildOutcome, BuildResult, Content, EvidenceFile};
use itsm_contract::types::{Approval, Failure, ItemOutcome, Ticket};
use statement::{Context, File, Kept};

/// Bytes of a file that is attached: what the host lets a plugin send at once.
pub const FILE_BYTES: usize = 16 * 1024 * 1024;

/// What became of a build's evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// `sha256:…` of the statement.
    pub digest: String,
    /// The change request that carries it.
    pub attached: Vec<Ticket>,
    /// What is not done.
    pub unfinished: Vec<Failure>,
}

/// Keeps a build's evidence with its change request, once however often it is delivered. `approvers` proves that the record
/// is that change request, and reads every approver's answer.
///
/// # Errors
/// `InvalidEvent` where a file or a digest makes no sense, `Retry` where ServiceNow cannot be asked for the moment or the
/// record is another one.
pub fn record(
    plugin: &Plugin,
    event: &BuildResult,
    approvers: impl FnOnce(&Ticket) -> Result<Result<Vec<Approval>, Error>, Failure>,
) -> Result<Recorded, Failure> {
    let files = files(event)?;
    let change = change_of(plugin, event)?;
    let mut recorded = Recorded { digest: String::new(), attached: Vec::new(), unfinished: Vec::new() };
    let change_to_use = change.filter(|_| plugin.settings().workflows.evidence);
    let approvals = match change_to_use {
        Some(change) => read_approvals(change, approvers, &mut recorded)?,
        None if change.is_some() => Err("the settings switch evidence off".into()),
        None => Err("there is no change request to read them from".into()),
    };
    let mut context = Context { change, approvals, files: Vec::new() };
    let statement = match change_to_use {
        Some(change) => {
            context.files = files;
            keep(plugin, event, change, &mut context, &mut recorded)?
        }
        None => {
            context.files = unattached(files, "there is no change request that it could be attached to");
            Statement::of_build(event, &context)?
        }
    };
    let name = Statement::file_name("evidence", &event.build.id);
    let mut details = vec![("digest", statement.digest.as_str()), ("about", &event.build.id), ("name", &name)];
    if recorded.attached.is_empty() || plugin.settings().evidence.placement == Placement::Link {
        details.push(("statement", &statement.content)); // It is nowhere else.
    }
    plugin.audit("evidence.recorded", &event.delivery.key, change, &details);
    recorded.digest = statement.digest;
    Ok(recorded)
}

/// What [`record`] would do.
///
/// # Errors
/// As [`record`].
pub fn plan(plugin: &Plugin, event: &BuildResult) -> Result<Vec<Planned>, Failure> {
    let files = files(event)?;
    let settings = plugin.settings();
    let change = change_of(plugin, event)?;
    let Some(change) = change.filter(|_| settings.workflows.evidence) else { return Ok(Vec::new()) };
    let mut planned = Vec::new();
    let mut plan = |kind: &str, name: &str, outcome| {
        planned.push(Planned { kind: kind.into(), name: name.into(), outcome, fields: Vec::new() });
    };
    if settings.evidence.placement != Placement::Link {
        let attachments = Attachments::read(plugin, change)?;
        for file in &files {
            let outcome = match (&file.kept, &file.digest) {
                (Kept::Attached, Some(digest)) if attachments.hold(&file.name, digest)? => ItemOutcome::Unchanged,
                (Kept::Attached, _) => ItemOutcome::Created,
                _ => ItemOutcome::Skipped,
            };
            plan("sys_attachment", &file.name, outcome);
        }
        // Its content depends on who approved by then: that one of its name is there tells enough.
        let name = Statement::file_name("evidence", &event.build.id);
        let outcome = if attachments.has(&name) { ItemOutcome::Unchanged } else { ItemOutcome::Created };
        plan("sys_attachment", &name, outcome);
    }
    if settings.evidence.placement != Placement::Attach {
        plan(&change.kind, &change.number, ItemOutcome::Updated);
    }
    Ok(planned)
}

/// The change request of the gate that is handed back. Nothing is attached to any other kind of record.
fn change_of<'a>(plugin: &Plugin, event: &'a BuildResult) -> Result<Option<&'a Ticket>, Failure> {
    let Some(gate) = &event.gate else { return Ok(None) };
    let is_given_up = matches!(event.outcome, BuildOutcome::Cancelled(_));
    let Some(change) = change::of_build(plugin, gate, &event.build, is_given_up)? else { return Ok(None) };
    if change.kind != "change_request" {
        return Err(invalid("gate.change.kind", "is no change_request: hand the gate back unchanged"));
    }
    if !is_sys_id(&change.id) {
        return Err(invalid("gate.change.id", "is no sys_id: hand the gate back unchanged"));
    }
    Ok(Some(change))
}

fn read_approvals(
    change: &Ticket,
    approvers: impl FnOnce(&Ticket) -> Result<Result<Vec<Approval>, Error>, Failure>,
    recorded: &mut Recorded,
) -> Result<Result<Vec<Approval>, String>, Failure> {
    match approvers(change)? {
        Ok(approvals) => Ok(Ok(approvals)),
        Err(error) if error.kind.is_passing() => Err(error.into()),
        Err(error) => {
            let why = error.to_string();
            recorded.unfinished.push(error.into());
            Ok(Err(why))
        }
    }
}

/// Keeps the files, then the statement that lists what became of them.
fn keep(
    plugin: &Plugin,
    event: &BuildResult,
    change: &Ticket,
    context: &mut Context,
    recorded: &mut Recorded,
) -> Result<Statement, Failure> {
    let placement = plugin.settings().evidence.placement;
    let is_attached = placement != Placement::Link;
    let mut attachments = if is_attached { Some(Attachments::read(plugin, change)?) } else { None };
    if !is_attached {
        context.files = unattached(std::mem::take(&mut context.files), "nothing is attached: see the settings");
    }
    if let Some(attachments) = &mut attachments {
        for (file, listed) in event.files.iter().zip(&mut context.files) {
            let (Content::Bytes(content), Kept::Attached, Some(digest)) = (&file.content, &listed.kept, &listed.digest)
            else {
                continue;
            };
            match attachments.add(&file.name, &file.media_type, content, digest) {
                Ok(()) => {}
                Err(error) if is_about_the_file(&error) => {
                    let words = error.detail.clone().unwrap_or_else(|| error.to_string());
                    listed.kept = Kept::LeftOut(format!("ServiceNow refused it: {words}"));
                    recorded.unfinished.push(error.with_detail(format!("{}: {words}", file.name)).into());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    let statement = Statement::of_build(event, context)?;
    if let Some(mut attachments) = attachments {
        let name = Statement::file_name("evidence", &event.build.id);
        attachments.add(&name, statement::MEDIA_TYPE, statement.content.as_bytes(), &statement.digest)?;
        attachments.settle()?;
    }
    if placement != Placement::Attach {
        let text = link::text(event, &statement, &context.files);
        link::note(plugin, change, &statement.digest, &statement.digest, &text, &event.delivery.key)?;
    }
    recorded.attached.push(change.clone());
    Ok(statement)
}

/// Whether another file may be taken all the same: its size, its kind.
fn is_about_the_file(error: &Error) -> bool {
    matches!(error.kind, Kind::BadRequest | Kind::BodyTooLarge | Kind::BusinessRule | Kind::DataPolicy)
}

/// The files as they will be listed, before anything is refused.
///
/// # Errors
/// `InvalidEvent` where a file makes no sense, or the artifact's digest.
fn files(event: &BuildResult) -> Result<Vec<File>, Failure> {
    check_artifact(&event.build)?;
    event.files.iter().enumerate().map(|(index, file)| listed(index, file)).collect()
}

/// The same where nothing is attached.
fn unattached(mut files: Vec<File>, why: &str) -> Vec<File> {
    for file in files.iter_mut().filter(|file| file.kept == Kept::Attached) {
        file.kept = Kept::LeftOut(why.into());
    }
    files
}

fn listed(index: usize, file: &EvidenceFile) -> Result<File, Failure> {
    let (size, kept) = match &file.content {
        Content::Bytes(content) if content.is_empty() => (Some(0), Kept::LeftOut("it is empty".into())),
        Content::Bytes(content) if content.len() > FILE_BYTES => {
            (Some(content.len()), Kept::LeftOut(format!("it is larger than {FILE_BYTES} bytes")))
        }
        Content::Bytes(content) => (Some(content.len()), Kept::Attached),
        Content::Link(url) => (None, Kept::Linked(url.clone())),
        Content::LeftOut(why) => (None, Kept::LeftOut(why.clone())),
    };
    let own = match &file.content {
        Content::Bytes(content) => Some(digest(content)),
        _ => file.digest.as_deref().map(str::to_ascii_lowercase),
    };
    check(index, file, own.as_deref())?;
    Ok(File { name: file.name.clone(), media_type: file.media_type.clone(), digest: own, size, kept })
}

fn check(index: usize, file: &EvidenceFile, own: Option<&str>) -> Result<(), Failure> {
    let field = |name: &str| format!("files[{index}].{name}");
    if file.name.trim().is_empty() || file.name.contains(['/', '\\']) || file.name.chars().any(char::is_control) {
        return Err(invalid(&field("name"), "is no file name: give it without a path"));
    }
    if file.name.chars().count() > statement::FILE_NAME {
        let what = format!("is longer than the {} characters that ServiceNow keeps", statement::FILE_NAME);
        return Err(invalid(&field("name"), &what));
    }
    let is_type =
        |kind: &str| kind.contains('/') && kind.bytes().all(|byte| (0x21..0x7f).contains(&byte) || byte == b' ');
    if !is_type(&file.media_type) {
        return Err(invalid(&field("media-type"), "is no media type, such as text/plain"));
    }
    match (&file.digest, own) {
        (Some(given), Some(own)) if own != given.to_ascii_lowercase() => {
            Err(invalid(&field("digest"), "is not the digest of its content"))
        }
        _ => Ok(()),
    }
}
