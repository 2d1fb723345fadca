//! What is stated about a build: an in-toto Statement (v1) over the artifact's digest.

use super::canonical;
use crate::event::{as_json, invalid};
use crate::identity::{digest, hex};
use crate::incident::image_name;
use itsm_contract::events::BuildResult;
use itsm_contract::json::{attributes, time};
use itsm_contract::types::{Approval, Attribute, Build, Failure, Ticket};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The type of the statement.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// What a build's predicate is called: the contract's interface that the facts came by.
const BUILD: &str = "openfactory:itsm/evidence@0.1.0";

/// Characters of `sys_attachment.file_name`: a longer name is cut without a word, and never found again.
pub const FILE_NAME: usize = 100;

/// Hexadecimal digits of its hash by which an id that is too long for a file's name is told from others.
const HASH_LENGTH: usize = 16;

/// Media type of a statement.
pub const MEDIA_TYPE: &str = "application/vnd.in-toto+json";

/// A file as the statement lists it.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Such as `application/json`.
    pub media_type: String,
    /// `sha256:…`; none where nobody knows.
    pub digest: Option<String>,
    /// Bytes, where the content was here.
    pub size: Option<usize>,
    /// Where it is.
    pub kept: Kept,
}

/// Where a file is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// Attached to the change request.
    Attached,
    /// At this URL.
    Linked(String),
    /// Nowhere; why.
    LeftOut(String),
}

/// What is known of a build besides its event.
#[derive(Clone, Debug, PartialEq)]
pub struct Context<'a> {
    /// The change request that it ran under.
    pub change: Option<&'a Ticket>,
    /// Every approver's answer; or why they cannot be told.
    pub approvals: Result<Vec<Approval>, String>,
    /// The files.
    pub files: Vec<File>,
}

/// A statement, and the digest by which it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its bytes: canonical JSON.
    pub content: String,
    /// `sha256:…` of them.
    pub digest: String,
}

impl Statement {
    /// The name of its file: safe in a URL and in every file system, and no longer than ServiceNow keeps.
    pub fn file_name(kind: &str, id: &str) -> String {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let name: String = id.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).collect();
        let mut hash = sha256(id);
        hash.truncate(HASH_LENGTH);
        let room = FILE_NAME.saturating_sub(kind.len() + "-.json".len());
        match name.get(..room.saturating_sub(HASH_LENGTH + 1)).filter(|_| name.len() > room) {
            Some(start) => format!("{kind}-{start}-{hash}.json"),
            None => format!("{kind}-{name}.json"),
        }
    }

    /// States what is known of a build.
    ///
    /// # Errors
    /// `InvalidEvent` where the artifact's digest is none.
    pub fn of_build(event: &BuildResult, context: &Context) -> Result<Self, Failure> {
        let left_out: Vec<String> =
            context.approvals.as_ref().err().map(|why| format!("approvals: {why}")).into_iter().collect();
        let predicate = json!({
            "build": event.build,
            "environment": event.environment,
            "outcome": event.outcome,
            "finished-at": time::text(event.delivery.occurred_at),
            "tests": event.tests,
            "labels": labels(event),
            "change": context.change.map(named),
            "approvals": context.approvals.as_ref().ok(),
            "files": context.files.iter().map(file).collect::<Vec<_>>(),
            "left-out": left_out,
        });
        Self::new(BUILD, &event.build, predicate)
    }

    /// States a predicate of a build's artifact.
    pub(super) fn new(kind: &str, build: &Build, predicate: Value) -> Result<Self, Failure> {
        let statement = json!({
            "_type": STATEMENT,
            "subject": [subject(build)?],
            "predicateType": kind,
            "predicate": predicate,
        });
        let content = canonical::write(&statement);
        Ok(Self { digest: digest(content.as_bytes()), content })
    }
}

/// A change request as a statement names it.
pub(super) fn named(change: &Ticket) -> Value {
    json!({"number": change.number, "id": change.id, "url": change.url})
}

/// Checks that the artifact's digest, where there is one, is a digest.
///
/// # Errors
/// `InvalidEvent`.
pub fn check_artifact(build: &Build) -> Result<(), Failure> {
    subject(build).map(drop)
}

/// The artifact; without one the source revision, else the build's id.
fn subject(build: &Build) -> Result<Value, Failure> {
    if let Some(digest) = &build.image.digest {
        let parts = digest.split_once(':').filter(|(algorithm, value)| !algorithm.is_empty() && is_hex(value));
        let Some((algorithm, value)) = parts else {
            return Err(invalid(
                "build.image.digest",
                "is no digest: write its algorithm and hexadecimal digits, such as sha256:5891b5…",
            ));
        };
        return Ok(
            json!({"name": image_name(build), "digest": {algorithm.to_ascii_lowercase(): value.to_ascii_lowercase()}}),
        );
    }
    Ok(match build.source_revision.as_deref().filter(|revision| !revision.is_empty()) {
        Some(revision) if is_hex(revision) => {
            json!({"name": format!("source of {}", image_name(build)), "digest": {"gitCommit": revision.to_ascii_lowercase()}})
        }
        Some(revision) => {
            json!({"name": format!("source revision {revision}"), "digest": {"sha256": sha256(revision)}})
        }
        None => json!({"name": format!("build {}", build.id), "digest": {"sha256": sha256(&build.id)}}),
    })
}

fn is_hex(text: &str) -> bool {
    text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

/// As the event's JSON has them: an object, a repeated name with an array. Without the event, whose files are large.
fn labels(event: &BuildResult) -> Value {
    #[derive(Serialize)]
    struct Labels<'a>(#[serde(serialize_with = "attributes::serialize")] &'a [Attribute]);
    as_json(&Labels(&event.labels))
}

fn file(file: &File) -> Value {
    let (kept, place) = match &file.kept {
        Kept::Attached => ("attached", None),
        Kept::Linked(url) => ("linked", Some(url)),
        Kept::LeftOut(why) => ("left-out", Some(why)),
    };
    let mut value = json!({
        "name": file.name,
        "media-type": file.media_type,
        "digest": file.digest,
        "size": file.size,
        "kept": kept,
    });
    if let (Value::Object(members), Some(place)) = (&mut value, place) {
        members.insert(if kept == "linked" { "link" } else { "why" }.into(), place.clone().into());
    }
    value
}
