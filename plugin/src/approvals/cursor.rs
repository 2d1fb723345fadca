//! How far the waiting gates have been read. Opaque to the host, which gives it back.
//!
//! `sys_updated_on` has whole seconds, and a row shows only when its transaction ends. So each look reads again a little
//! of what was read before, and the cursor names what it has seen there.

use itsm_contract::types::Timestamp;
use std::collections::BTreeMap;

/// How far back each look begins before the newest change seen: as long as a REST transaction may run on ServiceNow, 60 s
/// by its default quota, and then some.
pub const OVERLAP_MS: u64 = 90_000;

/// Rows that the cursor names. What is beyond is read and compared again, and told no second time all the same.
const SEEN_LIMIT: usize = 1000;

/// The form that this version writes; another one starts anew.
const VERSION: &str = "1";

/// How far the waiting gates have been read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cursor {
    /// The newest `sys_updated_on` seen. ServiceNow's clock.
    pub read_until: Timestamp,
    /// When the last look was. The host's clock.
    pub looked_at: Timestamp,
    /// When every gate was last read. The host's clock.
    pub swept_at: Timestamp,
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
        let (read_until, looked_at, swept_at) = (time()?, time()?, time()?);
        let mut seen = BTreeMap::new();
        for entry in fields.next()?.split(',').filter(|entry| !entry.is_empty()) {
            let (id, count) = entry.split_once(':')?;
            seen.insert(id.to_owned(), count.to_owned());
        }
        Some(Self { read_until, looked_at, swept_at, seen })
    }

    /// As text.
    pub fn text(&self) -> String {
        let seen: Vec<String> = self.seen.iter().take(SEEN_LIMIT).map(|(id, count)| format!("{id}:{count}")).collect();
        format!("{VERSION};{};{};{};{}", self.read_until, self.looked_at, self.swept_at, seen.join(","))
    }

    /// Where the next look begins.
    pub fn since(&self) -> Timestamp {
        self.read_until.saturating_sub(OVERLAP_MS)
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
        let seen = [("a".to_owned(), "3".to_owned()), ("b".to_owned(), "0".to_owned())].into();
        let cursor = Cursor { read_until: 5000, looked_at: 6000, swept_at: 1, seen };
        assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        assert_eq!(Cursor::parse(&Cursor::default().text()), Some(Cursor::default()));
    }

    #[test]
    fn a_cursor_names_no_more_rows_than_its_limit() {
        let seen = (0..SEEN_LIMIT + 5).map(|n| (format!("{n:032}"), "0".to_owned())).collect();
        let cursor = Cursor { seen, ..Cursor::default() };
        assert_eq!(Cursor::parse(&cursor.text()).unwrap().seen.len(), SEEN_LIMIT);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = Cursor::parse(&text);
        }
    }
}
