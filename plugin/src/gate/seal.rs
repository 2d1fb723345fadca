//! What a gate rests on, in a line that the host hands back: which build it is for, and window, configuration items, type
//! and artifact of its change request, each as a short digest. What somebody edited since shows.
//!
//! While approval is asked for, every look seals what is asked for then: those who approve see it. Once it is given, the
//! seal stays until it is given anew, or until a look finds the change unapproved: then somebody asks again.

use crate::change::{Answer, Change};
use crate::identity::digest;
use itsm_contract::types::{Gate, Timestamp, Verdict};
use std::collections::BTreeSet;

/// Hexadecimal digits of each part: a chance of one in four thousand million that an edit does not show.
const PART_LENGTH: usize = 8;

/// The form of seals that this version writes. Others are passed over, as if there were none.
const VERSION: &str = "2";

/// In place of the time of an approval that is not given yet.
const ASKED: &str = "asked";

/// A part that was not known when the seal was made: it cannot have been edited.
const UNKNOWN: &str = "--------";

/// What a seal is about, in its order.
const PARTS: [&str; 5] =
    ["the planned window", "the configuration item", "the affected configuration items", "the type", "the artifact"];

/// Where the affected configuration items stand in [`PARTS`].
const ITEMS: usize = 2;

/// So long after approval is given its flow still moves the change: with nothing written after that, what a look finds edited was
/// edited before, and those who approved saw it. Flows run some seconds after the answer that wakes them.
const SETTLED_MS: u64 = 10_000;

/// How far approval is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is asked for, or will be.
    Asked,
    /// It was given then, by `approval_set`; 0 where the instance does not tell.
    Approved(Timestamp),
}

/// A configuration item that was added to those that a change affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    /// Its `sys_id`.
    pub item: String,
    /// When it was added.
    pub added_at: Option<Timestamp>,
}

/// What a gate rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    stage: Stage,
    /// The build, by its [mark](crate::plugin::Plugin::build_mark); empty where it is not known.
    build: String,
    parts: [String; PARTS.len()],
}

impl Seal {
    /// What this change says now. `items` are those affected, `artifact` is the digest of what it is for, where that is
    /// known.
    pub fn of(change: &Change, items: &[Affected], artifact: Option<&str>) -> Self {
        let stage = match change.approval {
            Answer::Approved => Stage::Approved(change.approved_at.unwrap_or(0)),
            _ => Stage::Asked,
        };
        // They are read once work may go on.
        let items = match stage {
            Stage::Asked => UNKNOWN.to_owned(),
            Stage::Approved(_) => set(items.iter()),
        };
        let window = format!("{:?} {:?}", change.start, change.end);
        let artifact = artifact.map_or_else(|| UNKNOWN.to_owned(), short);
        let parts = [short(&window), short(&change.item), items, short(change.kind.value()), artifact];
        Self { stage, build: String::new(), parts }
    }

    /// As this one, for the build with this mark.
    pub fn for_build(self, mark: String) -> Self {
        Self { build: mark, ..self }
    }

    /// As this one, for the build of another.
    pub fn for_build_of(self, other: &Self) -> Self {
        Self { build: other.build.clone(), ..self }
    }

    /// Whether the gate is for the build with this mark.
    pub fn is_for(&self, mark: &str) -> bool {
        self.build == mark
    }

    /// As text: `2.<time>.<build>.<window>.<item>.<items>.<type>.<artifact>`.
    pub fn text(&self) -> String {
        let stage = match self.stage {
            Stage::Asked => ASKED.to_owned(),
            Stage::Approved(at) => at.to_string(),
        };
        format!("{VERSION}.{stage}.{}.{}", self.build, self.parts.join("."))
    }

    /// Reads [`text`](Self::text).
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('.');
        if fields.next()? != VERSION {
            return None;
        }
        let stage = match fields.next()? {
            ASKED => Stage::Asked,
            at => Stage::Approved(at.parse().ok()?),
        };
        let build = fields.next()?.to_owned();
        let mut part = || fields.next().filter(|part| part.len() == PART_LENGTH).map(str::to_owned);
        let parts = [part()?, part()?, part()?, part()?, part()?];
        fields.next().is_none().then_some(Self { stage, build, parts })
    }

    /// The seal that a gate carries. One that gives work up carries none.
    pub fn carried_by(gate: &Gate) -> Option<Self> {
        match &gate.verdict {
            Verdict::Proceed(clearance) => Self::parse(clearance.seal.as_deref()?),
            // A pause has no place of its own for it.
            Verdict::Pause(pause) => {
                let mut words = pause.waiting_for.iter();
                words.find_map(|line| Self::parse(line.rsplit_once("(seal ")?.1.strip_suffix(')')?))
            }
            Verdict::Cancel(_) => None,
        }
    }

    /// For the words of a pause.
    pub fn words(&self) -> String {
        let how = match self.stage {
            Stage::Asked => "is asked for",
            Stage::Approved(_) => "was approved",
        };
        format!("the change to stay as it {how} (seal {})", self.text())
    }

    /// What somebody edited since, where the change is approved `now`. None where nothing was edited, or where approval was given
    /// anew. `items` are those affected now.
    pub fn edited(&self, now: &Self, change: &Change, items: &[Affected]) -> Option<Edited> {
        let Stage::Approved(at) = now.stage else { return None };
        let (approved, since) = match self.stage {
            Stage::Approved(then) if at > then => return None,
            Stage::Approved(_) => (self.clone(), "it was given"),
            Stage::Asked if at > 0 && change.updated <= at.saturating_add(SETTLED_MS) => {
                (now.clone().given(at, items), "it was given")
            }
            Stage::Asked => (self.clone().given(at, items), "it was asked for"),
        };
        let pairs = PARTS.iter().zip(approved.parts.iter().zip(&now.parts));
        let is_edit = |before: &str, after: &str| before != after && before != UNKNOWN && after != UNKNOWN;
        let edits: Vec<&str> =
            pairs.filter(|(_, (before, after))| is_edit(before, after)).map(|(name, _)| *name).collect();
        let edits = edits.join(", ");
        let words = format!("approval again, or the edit undone: since {since}, somebody edited {edits}");
        (!edits.is_empty()).then_some(Edited { words, approved })
    }

    /// What was approved `at` that time, where this is what it was asked for: with the items that had been added by then.
    /// Adding one does not touch the change, so that no look need have seen it.
    fn given(mut self, at: Timestamp, items: &[Affected]) -> Self {
        self.stage = Stage::Approved(at);
        if let (Some(part), true) = (self.parts.get_mut(ITEMS), at > 0) {
            *part = set(items.iter().filter(|affected| affected.added_at.is_none_or(|added| added <= at)));
        }
        self
    }

    /// What the next gate carries, where the last one carried `self` and the change, which is the same, says `now`.
    pub fn next(self, now: Self, change: &Change) -> Self {
        match now.stage {
            // Those who are still to answer see what it says now.
            Stage::Asked => now,
            Stage::Approved(_) if change.state.allows_work() => now,
            Stage::Approved(_) => self,
        }
    }
}

/// What was edited after approval, or while nobody looked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// In words, for a pause.
    pub words: String,
    /// What was approved.
    pub approved: Seal,
}

fn set<'a>(items: impl Iterator<Item = &'a Affected>) -> String {
    let mut sorted = BTreeSet::new();
    sorted.extend(items.map(|affected| affected.item.as_str()));
    short(&sorted.into_iter().collect::<Vec<_>>().join(" "))
}

fn short(text: &str) -> String {
    digest(text.as_bytes()).trim_start_matches("sha256:").chars().take(PART_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seals() -> impl Strategy<Value = Seal> {
        let stage = prop_oneof![Just(Stage::Asked), any::<u64>().prop_map(Stage::Approved)];
        (stage, "[0-9a-f]{0,16}", prop::array::uniform5("[0-9a-f-]{8}")).prop_map(|(stage, build, parts)| Seal {
            stage,
            build,
            parts,
        })
    }

    proptest! {
        #[test]
        fn a_seal_is_read_as_it_was_written(seal in seals()) {
            prop_assert_eq!(Seal::parse(&seal.text()), Some(seal.clone()));
            let pause = itsm_contract::types::Pause { waiting_for: vec!["CAB".into(), seal.words()], check_after: 0, expires_at: None };
            let gate = Gate { change: None, verdict: Verdict::Pause(pause), approvals: Vec::new(), window: None };
            prop_assert_eq!(Seal::carried_by(&gate), Some(seal));
        }

        #[test]
        fn a_seal_with_a_part_more_or_less_is_none(seal in seals(), at in 0usize..80) {
            let text = seal.text();
            let shorter: String = text.chars().take(at.min(text.len() - 1)).collect();
            prop_assert_eq!(Seal::parse(&shorter), None);
            let longer = format!("{text}.00000000");
            prop_assert_eq!(Seal::parse(&longer), None);
        }
    }
}
