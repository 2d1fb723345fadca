//! The line at the end of every work note of ours. A work note has no identity that we could give it, and cannot be
//! changed: the marker tells which event it is about, so that a redelivery adds no second note.

use crate::identity::hex;
use crate::journal;
use itsm_contract::json::time;
use itsm_contract::types::{Delivery, Timestamp};
use sha2::{Digest, Sha256};

const START: &str = "[openfactory ";

/// Bytes of the key's hash that are kept: no two keys of one record meet by chance.
const HASH_LENGTH: usize = 8;

/// What the event said about the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It failed.
    Failed,
    /// It succeeded.
    Succeeded,
}

impl Word {
    fn text(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
        }
    }
}

/// Which event a note is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// What it said.
    pub word: Word,
    /// When it occurred.
    pub at: Timestamp,
    hash: String,
}

impl Marker {
    /// The marker of an event.
    pub fn new(word: Word, delivery: &Delivery) -> Self {
        let hash = Sha256::digest(&delivery.key);
        Self { word, at: delivery.occurred_at, hash: hex(hash.get(..HASH_LENGTH).unwrap_or_default()) }
    }

    /// As it stands in a note.
    pub fn text(&self) -> String {
        let at = time::text(self.at).unwrap_or_default();
        format!("{START}{} {at} {}]", self.word.text(), self.hash)
    }

    /// A note that ends in it.
    pub fn note(&self, text: &str) -> String {
        format!("{}\n\n{}", journal::plain(text), self.text())
    }

    /// The markers in a record's journal, as the instance renders it.
    pub fn all(journal: &str) -> impl Iterator<Item = Self> {
        journal.split(START).skip(1).filter_map(|rest| {
            let mut words = rest.split_once(']')?.0.split(' ');
            let word = match words.next()? {
                "failed" => Word::Failed,
                "succeeded" => Word::Succeeded,
                _ => return None,
            };
            Some(Self { word, at: time::parse(words.next()?)?, hash: words.next()?.to_owned() })
        })
    }

    /// Whether a note about this event is in the journal.
    pub fn is_in(&self, journal: &str) -> bool {
        Self::all(journal).any(|other| other.word == self.word && other.hash == self.hash)
    }

    /// When the thing last failed, or last succeeded, by what the journal says.
    pub fn last(word: Word, journal: &str) -> Option<Timestamp> {
        Self::all(journal).filter(|marker| marker.word == word).map(|marker| marker.at).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn delivery(key: &str, occurred_at: u64) -> Delivery {
        Delivery { key: key.into(), attempt: 1, occurred_at, given_up_at: None }
    }

    #[test]
    fn a_marker_is_found_in_the_rendered_journal() {
        let marker = Marker::new(Word::Failed, &delivery("evt-1", 1_795_537_200_000));
        let journal = format!("2026-11-24 16:20:01 - openfactory (Work notes)\nIt failed.\n{}\n\n", marker.text());
        assert!(marker.is_in(&journal));
        assert!(!Marker::new(Word::Failed, &delivery("evt-2", 1_795_537_200_000)).is_in(&journal));
        assert!(!Marker::new(Word::Succeeded, &delivery("evt-1", 1_795_537_200_000)).is_in(&journal));
        assert_eq!(Marker::last(Word::Failed, &journal), Some(1_795_537_200_000));
        assert_eq!(Marker::last(Word::Succeeded, &journal), None);
    }

    proptest! {
        #[test]
        fn no_journal_panics(journal in "(\\[openfactory |failed |[0-9TZ:-]{0,20}|\\]|.){0,30}") {
            let _ = Marker::last(Word::Failed, &journal);
        }
    }
}
