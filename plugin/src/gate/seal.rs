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

/// After the time: somebody or something said wait, so that no policy lets the work go on.
pub const HELD: &str = "-held";

/// A part that was not known when the seal was made: it cannot have been edited.
const UNKNOWN: &str = "--------";

/// How the words of a pause begin that carry a seal. They are its last line, behind all that other people wrote.
const WORDS: [&str; 2] =
    ["the change to stay as it was asked for (seal ", "the change to stay as it was approved (seal "];

/// What a seal is about, in its order.
const PARTS: [&str; 5] =
    ["the planned window", "the configuration item", "the affected configuration items", "the type", "the artifact"];

/// Since when an approved change must stay as it is.
const GIVEN: &str = "it was given";

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
    is_held: bool,
    /// The build, by its [mark](crate::plugin::Plugin::build_mark).
    build: String,
    parts: [String; PARTS.len()],
}

impl Seal {
    /// What this change says now, for the build with this mark. `items` are those affected and `artifact` is the digest of what it
    /// is for, where they are known.
    pub fn of(change: &Change, build: String, items: Option<&[Affected]>, artifact: Option<&str>) -> Self {
        let stage = match change.approval {
            Answer::Approved => Stage::Approved(change.approved_at.unwrap_or(0)),
            _ => Stage::Asked,
        };
        let items = match (stage, items) {
            (Stage::Approved(_), Some(items)) => set(items.iter()),
            // They are read once work may go on.
            _ => UNKNOWN.to_owned(),
        };
        let window = format!("{:?} {:?}", change.start, change.end);
        let artifact = artifact.map_or_else(|| UNKNOWN.to_owned(), short);
        let parts = [short(&window), short(&change.item), items, short(change.kind.value()), artifact];
        Self { stage, is_held: false, build, parts }
    }

    /// For the build with this mark, and a change that could not be read.
    pub fn unseen(build: String) -> Self {
        Self { stage: Stage::Asked, is_held: false, build, parts: [UNKNOWN; PARTS.len()].map(str::to_owned) }
    }

    /// As this one, where somebody or something said wait, or nobody does.
    pub fn held(self, is_held: bool) -> Self {
        Self { is_held, ..self }
    }

    /// Whether somebody or something said wait.
    pub fn is_held(&self) -> bool {
        self.is_held
    }

    /// Whether approval was given when it was made.
    pub fn is_approved(&self) -> bool {
        matches!(self.stage, Stage::Approved(_))
    }

    /// The mark of the build that it is for.
    pub fn build(&self) -> &str {
        &self.build
    }

    /// As text: `2.<time>.<build>.<window>.<item>.<items>.<type>.<artifact>`.
    pub fn text(&self) -> String {
        let stage = match self.stage {
            Stage::Asked => ASKED.to_owned(),
            Stage::Approved(at) => at.to_string(),
        };
        let held = if self.is_held { HELD } else { "" };
        format!("{VERSION}.{stage}{held}.{}.{}", self.build, self.parts.join("."))
    }

    /// Reads [`text`](Self::text).
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('.');
        if fields.next()? != VERSION {
            return None;
        }
        let stage = fields.next()?;
        let (stage, is_held) = stage.strip_suffix(HELD).map_or((stage, false), |stage| (stage, true));
        let stage = match stage {
            ASKED => Stage::Asked,
            at => Stage::Approved(at.parse().ok()?),
        };
        let build = fields.next().filter(|build| !build.is_empty())?.to_owned();
        let mut part = || fields.next().filter(|part| part.len() == PART_LENGTH).map(str::to_owned);
        let parts = [part()?, part()?, part()?, part()?, part()?];
        fields.next().is_none().then_some(Self { stage, is_held, build, parts })
    }

    /// The seal that a gate carries. One that gives up work that nobody had approved carries none.
    pub fn carried_by(gate: &Gate) -> Option<Self> {
        match &gate.verdict {
            Verdict::Proceed(clearance) => Self::parse(clearance.seal.as_deref()?),
            // A pause has no place of its own for it.
            Verdict::Pause(pause) => Self::in_words(pause.waiting_for.last()?),
            Verdict::Cancel(why) => Self::in_words(why.rsplit_once('\n')?.1),
        }
    }

    fn in_words(last: &str) -> Option<Self> {
        let text = WORDS.iter().find_map(|words| last.strip_prefix(words))?;
        Self::parse(text.strip_suffix(')')?)
    }

    /// For the words of a pause, or of giving up: their last line.
    pub fn words(&self) -> String {
        let [asked, approved] = WORDS;
        format!("{}{})", if self.is_approved() { approved } else { asked }, self.text())
    }

    /// What was edited, where the change is approved `now`. `items` are those affected now, where they are known.
    pub fn compare(&self, now: &Self, change: &Change, items: Option<&[Affected]>) -> Option<Comparison> {
        let Stage::Approved(at) = now.stage else { return None };
        let is_settled = at > 0 && change.updated <= at.saturating_add(SETTLED_MS);
        let (approved, since) = match self.stage {
            Stage::Approved(then) if at <= then => (self.clone(), GIVEN),
            _ if is_settled => (now.clone().given(at, items), GIVEN),
            Stage::Approved(_) => (self.clone().given(at, items), "the approval before"),
            Stage::Asked => (self.clone().given(at, items), "it was asked for"),
        };
        let edits = approved.differences(now);
        let edited = (!edits.is_empty()).then(|| {
            // When an item was added is known, of the others only that nobody looked between.
            let is_sure = since == GIVEN || edits == PARTS.get(ITEMS..=ITEMS).unwrap_or_default();
            let perhaps = if is_sure { "" } else { ", perhaps before it was given" };
            format!("approval again, or the edit undone: since {since}, somebody edited {}{perhaps}", edits.join(", "))
        });
        Some(Comparison { unseen: self.differences(&approved), edited })
    }

    /// What the parts are called that are known to differ.
    fn differences(&self, other: &Self) -> Vec<&'static str> {
        let pairs = PARTS.iter().zip(self.parts.iter().zip(&other.parts));
        let differs = |a: &str, b: &str| a != b && a != UNKNOWN && b != UNKNOWN;
        pairs.filter(|(_, (a, b))| differs(a, b)).map(|(name, _)| *name).collect()
    }

    /// What was approved `at` that time, where this is what it was asked for: with the items that had been added by then.
    /// Adding one does not touch the change, so that no look need have seen it.
    fn given(mut self, at: Timestamp, items: Option<&[Affected]>) -> Self {
        if let (Some(part), Some(items), true) = (self.parts.get_mut(ITEMS), items, at > 0) {
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

/// What the change says now, beside what was approved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What was edited since, in words for a pause; none where nothing was.
    pub edited: Option<String>,
    /// What was edited before it was approved, without a look that saw it.
    pub unseen: Vec<&'static str>,
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
        (stage, any::<bool>(), "[0-9a-f]{16}", prop::array::uniform5("[0-9a-f-]{8}"))
            .prop_map(|(stage, is_held, build, parts)| Seal { stage, is_held, build, parts })
    }

    #[test]
    fn a_seal_that_somebody_wrote_into_their_words_is_none() {
        let seal = Seal::unseen("38a308acbfcde0fc".into());
        let own = seal.words();
        for words in [vec![own.clone(), "on hold".into()], vec![format!("on hold: {own}")], vec![format!("{own} ")]] {
            let pause = itsm_contract::types::Pause { waiting_for: words, check_after: 0, expires_at: None };
            let gate = Gate { change: None, verdict: Verdict::Pause(pause), approvals: Vec::new(), window: None };
            assert_eq!(Seal::carried_by(&gate), None);
        }
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
