//! How far the waiting gates have been read. Opaque to the host, which gives it back.
//!
//! `sys_updated_on` has whole seconds, and a row shows only when its transaction ends. So each look reads again a little
//! of what was read before, and the cursor names what it has seen there. Once nothing newer has come for as long as a
//! transaction may run, there is nothing left to read again.

use itsm_contract::types::Timestamp;
use std::collections::BTreeMap;

/// How far back a look begins before the newest change seen: as long as a REST transaction may run on ServiceNow, 60 s
/// by its default quota, and then some.
pub const OVERLAP_MS: u64 = 90_000;

/// The shortest time between two moments of ServiceNow's.
const SECOND_MS: u64 = 1000;

/// Rows that the cursor names. What is beyond is read and compared again, and told no second time all the same.
const SEEN_LIMIT: usize = 1000;

/// The form that this version writes; another one starts anew.
const VERSION: &str = "2";

/// Stands for a sweep that is not under way.
const NONE: &str = "-";

/// How far the waiting gates have been read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cursor {
    /// The newest `sys_updated_on` seen. ServiceNow's clock.
    pub read_until: Timestamp,
    /// For how long nothing newer has come, in milliseconds; at most the overlap.
    pub quiet_ms: u64,
    /// When the last look was. The host's clock.
    pub looked_at: Timestamp,
    /// When the last sweep began. The host's clock.
    pub swept_at: Timestamp,
    /// The `sys_id` up to which a sweep has come; none where none is under way.
    pub swept_to: Option<String>,
    /// The `sys_id` up to which those were looked at whose change ServiceNow still prepares; empty for none.
    pub prepared_to: String,
    /// The row (`sys_updated_on` and `sys_id`) after which the next look goes on: more had changed than one look reads.
    pub resume: Option<(String, String)>,
    /// Changes whose gates could not be answered for the moment: the next look reads them by id.
    pub again: Vec<String>,
    /// The rows seen within the overlap: `sys_id` and `sys_mod_count`.
    pub seen: BTreeMap<String, String>,
}

impl Cursor {
    /// Reads what [`text`](Self::text) wrote; none where it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(';');
        if fields.next()? != VERSION {
            return None;
        }
        let mut time = || fields.next()?.parse::<Timestamp>().ok();
        let (read_until, quiet_ms, looked_at, swept_at) = (time()?, time()?, time()?, time()?);
        let mut word = || fields.next().map(str::to_owned);
        let (swept_to, prepared_to) = (word()?, word()?);
        let (updated, sys_id) = (word()?, word()?);
        let again = fields.next()?.split(',').filter(|id| !id.is_empty()).map(str::to_owned).collect();
        let mut seen = BTreeMap::new();
        for entry in fields.next()?.split(',').filter(|entry| !entry.is_empty()) {
            let (id, count) = entry.split_once(':')?;
            seen.insert(id.to_owned(), count.to_owned());
        }
        let swept_to = Some(swept_to).filter(|id| id != NONE);
        let resume = (!updated.is_empty()).then_some((updated, sys_id));
        Some(Self { read_until, quiet_ms, looked_at, swept_at, swept_to, prepared_to, resume, again, seen })
    }

    /// As text.
    pub fn text(&self) -> String {
        let seen: Vec<String> = self.seen.iter().take(SEEN_LIMIT).map(|(id, count)| format!("{id}:{count}")).collect();
        let (updated, sys_id) = self.resume.as_ref().map_or(("", ""), |(updated, sys_id)| (updated, sys_id));
        let swept_to = self.swept_to.as_deref().unwrap_or(NONE);
        let Self { read_until, quiet_ms, looked_at, swept_at, prepared_to, .. } = self;
        format!(
            "{VERSION};{read_until};{quiet_ms};{looked_at};{swept_at};{swept_to};{prepared_to};{updated};{sys_id};{};{}",
            self.again.join(","),
            seen.join(",")
        )
    }

    /// Where the next look begins.
    pub fn since(&self) -> Timestamp {
        match OVERLAP_MS.saturating_sub(self.quiet_ms) {
            0 => self.read_until.saturating_add(SECOND_MS),
            overlap => self.read_until.saturating_sub(overlap),
        }
    }

    /// So much time has passed since the last look, and this is the newest change of those read now.
    pub fn advance(&mut self, elapsed_ms: u64, newest: Timestamp) {
        if newest > self.read_until {
            (self.read_until, self.quiet_ms) = (newest, 0);
        } else {
            // A host's clock that jumps must not make a whole overlap of one look.
            self.quiet_ms = self.quiet_ms.saturating_add(elapsed_ms.min(OVERLAP_MS / 2)).min(OVERLAP_MS);
        }
    }

    /// Whether this row was seen as it is.
    pub fn has_seen(&self, sys_id: &str, changes: &str) -> bool {
        self.seen.get(sys_id).is_some_and(|seen| seen == changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cursor_reads_back() {
        let cursor = Cursor {
            read_until: 5000,
            quiet_ms: 7,
            looked_at: 6000,
            swept_at: 1,
            swept_to: Some("b".into()),
            prepared_to: "a".into(),
            resume: Some(("2026-11-24 09:00:00".into(), "c".into())),
            again: vec!["d".into(), "e".into()],
            seen: [("a".to_owned(), "3".to_owned()), ("b".to_owned(), "0".to_owned())].into(),
        };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        assert_eq!(Cursor::parse(&Cursor::default().text()), Some(Cursor::default()));
        let begun = Cursor { swept_to: Some(String::new()), ..Cursor::default() };
        assert_eq!(Cursor::parse(&begun.text()), Some(begun));
    }

    #[test]
    fn a_cursor_names_no_more_rows_than_its_limit() {
        let seen = (0..SEEN_LIMIT + 5).map(|n| (format!("{n:032}"), "0".to_owned())).collect();
        let cursor = Cursor { seen, ..Cursor::default() };
        assert_eq!(Cursor::parse(&cursor.text()).unwrap().seen.len(), SEEN_LIMIT);
    }

    #[test]
    fn nothing_is_read_again_once_nothing_newer_has_come_for_as_long_as_a_transaction_runs() {
        let mut cursor = Cursor::default();
        cursor.advance(0, 1_000_000);
        assert_eq!(cursor.since(), 1_000_000 - OVERLAP_MS);
        cursor.advance(30_000, 0);
        assert_eq!(cursor.since(), 1_000_000 - 60_000);
        // A clock that jumps.
        cursor.advance(u64::MAX, 1_000_000);
        assert_eq!(cursor.since(), 1_000_000 - 15_000);
        cursor.advance(60_000, 0);
        assert_eq!(cursor.since(), 1_001_000);
        cursor.advance(1, 1_001_000);
        assert_eq!(cursor.since(), 1_001_000 - OVERLAP_MS);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = Cursor::parse(&text);
        }
    }
}
