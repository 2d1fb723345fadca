//! What was approved, in a line: window, configuration items, type, and artifact, each as a short digest, with the time of
//! the newest approval. An edit since then shows, and so does an approval that was given after the edit.

use crate::change::Change;
use crate::identity::digest;
use itsm_contract::types::Timestamp;
use std::collections::BTreeSet;

/// Hexadecimal digits of each part: a chance of one in four thousand million that an edit does not show.
const PART_LENGTH: usize = 8;

/// The form of seals that this version writes. Others are passed over, as if there were none.
const VERSION: &str = "1";

/// A part that was not known when the seal was made: it cannot have been edited.
const UNKNOWN: &str = "--------";

/// What a seal is about, in its order.
const PARTS: [&str; 4] = ["the planned window", "the affected configuration items", "the type", "the artifact"];

/// What was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// When the newest approval was given; 0 where nobody had to.
    approved_at: Timestamp,
    parts: [String; PARTS.len()],
}

impl Seal {
    /// What this change says now. `items` are the affected configuration items, `artifact` is the digest of what it is for,
    /// where that is known.
    pub fn of(change: &Change, items: &[String], artifact: Option<&str>, approved_at: Timestamp) -> Self {
        let mut sorted = BTreeSet::new();
        sorted.extend(items.iter().map(String::as_str).chain([change.item.as_str()]));
        let items = sorted.into_iter().collect::<Vec<_>>().join(" ");
        let window = format!("{:?} {:?}", change.start, change.end);
        let artifact = artifact.map_or_else(|| UNKNOWN.to_owned(), short);
        let parts = [short(&window), short(&items), short(change.kind.value()), artifact];
        Self { approved_at, parts }
    }

    /// As text: `1.<time>.<window>.<items>.<type>.<artifact>`.
    pub fn text(&self) -> String {
        format!("{VERSION}.{}.{}", self.approved_at, self.parts.join("."))
    }

    /// Reads [`text`](Self::text).
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('.');
        if fields.next()? != VERSION {
            return None;
        }
        let approved_at = fields.next()?.parse().ok()?;
        let mut part = || fields.next().filter(|part| part.len() == PART_LENGTH).map(str::to_owned);
        let parts = [part()?, part()?, part()?, part()?];
        fields.next().is_none().then_some(Self { approved_at, parts })
    }

    /// What was edited since `self` was approved, in words; empty where nothing was, or where it was approved again.
    pub fn edits(&self, now: &Seal) -> Vec<&'static str> {
        if now.approved_at > self.approved_at {
            return Vec::new();
        }
        let pairs = PARTS.iter().zip(self.parts.iter().zip(&now.parts));
        let is_edit = |before: &str, after: &str| before != after && before != UNKNOWN && after != UNKNOWN;
        pairs.filter(|(_, (before, after))| is_edit(before, after)).map(|(name, _)| *name).collect()
    }

    /// The seal out of the words of a pause: a pause has no place of its own for it.
    pub fn from_words(words: &[String]) -> Option<Self> {
        words.iter().find_map(|line| Self::parse(line.rsplit_once("(seal ")?.1.strip_suffix(')')?))
    }

    /// For the words of a pause.
    pub fn words(&self) -> String {
        format!("the change to stay as it was approved (seal {})", self.text())
    }
}

fn short(text: &str) -> String {
    digest(text.as_bytes()).trim_start_matches("sha256:").chars().take(PART_LENGTH).collect()
}
