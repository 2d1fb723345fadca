//! What a look reads of change requests: those that changed, those whose time has come, and all of them part by part.

use super::look::Look;
use crate::change::{Change, FIELDS, TABLE};
use crate::gate;
use crate::identity::OURS;
use crate::servicenow::{Error, Kind, List, Query, Record, datetime};
use itsm_contract::answers::{Reviewed, Waiting};
use itsm_contract::types::{Timestamp, Verdict};
use std::collections::BTreeSet;
use std::ops::Bound;

/// Identities in one `IN` list: longer lists make addresses that front ends refuse.
const CHUNK: usize = 100;

/// Rows in one page of changed records.
const PAGE: usize = 1000;

/// Pages in one look. What is beyond is read by the next one.
const PAGES_LIMIT: usize = 3;

/// Held gates that are looked at again in each look: each may cost a request for its conflicts.
const HELD_LIMIT: usize = 20;

/// Gates whose approvers are read at once.
const PART: usize = 250;

impl<'a> Look<'a> {
    /// What is newest in the instance before a first look begins to read its gates part by part.
    pub(super) fn anchor(&mut self) -> Result<(), Error> {
        let newest = changes(Query::new().ordered_down_by("sys_updated_on"), 1);
        let rows = self.plugin.client().list(TABLE, &newest.query, newest.fields, newest.limit)?;
        self.newest_of(&rows);
        Ok(())
    }

    /// What changed since the last look.
    pub(super) fn changed(&mut self) -> Result<(), Error> {
        for number in 0..PAGES_LIMIT {
            let list = changes(self.since(), PAGE);
            let page = self.plugin.client().list(TABLE, &list.query, list.fields, list.limit)?;
            if number == 0 {
                self.newest_of(&page);
            }
            let is_news = |row: &&Record| self.waiting.contains_key(&*row.text("sys_id")) && !self.has_seen(row);
            let news: Vec<&Record> = page.iter().filter(is_news).collect();
            let mut rest = page.as_slice();
            for part in news.chunks(PART) {
                // Up to the last row of this part, all of the page has been looked at.
                let last = part.last().and_then(|last| rest.iter().position(|row| std::ptr::eq(row, *last)));
                let (done, left) = rest.split_at_checked(last.map_or(0, |at| at + 1)).unwrap_or_default();
                self.answer(part)?;
                self.note(done);
                self.after.resume = done.last().map(place);
                rest = left;
                if self.is_spent() {
                    return Ok(());
                }
            }
            self.note(rest);
            if page.len() < PAGE {
                self.after.resume = None;
                return Ok(());
            }
            self.after.resume = page.last().map(place);
        }
        Ok(())
    }

    /// The query for rows changed since the last look, or after the row at which it goes on.
    fn since(&self) -> Query {
        let times = match &self.after.resume {
            None => vec![Query::new().at_least("sys_updated_on", &written(self.before.since()))],
            Some((updated, sys_id)) => vec![
                Query::new().equals("sys_updated_on", updated).term("sys_id", ">", sys_id),
                Query::new().term("sys_updated_on", ">", updated),
            ],
        };
        let linked = self.waiting.iter().filter(|(_, works)| works.iter().any(|work| is_linked(work)));
        let linked: Vec<&str> = linked.map(|(id, _)| *id).collect();
        let segments = times.into_iter().flat_map(|time| -> Vec<Query> {
            if self.waiting.len() <= CHUNK {
                return vec![time.one_of("sys_id", self.waiting.keys().copied())];
            }
            match linked.len() {
                0 => vec![time.term("correlation_id", "STARTSWITH", OURS)],
                1..=CHUNK => vec![
                    time.clone().term("correlation_id", "STARTSWITH", OURS),
                    time.one_of("sys_id", linked.iter().copied()),
                ],
                // Too many to name: everything that changed is looked through.
                _ => vec![time],
            }
        });
        Query::any(segments).ordered_by("sys_updated_on").ordered_by("sys_id")
    }

    /// The gates whose window opened or closed, or whose time to answer ended, since the last look, and those that it could
    /// not answer.
    pub(super) fn due(&self) -> BTreeSet<&'a str> {
        let passed = (self.before.looked_at.saturating_add(1))..=self.plugin.now();
        let is_due = move |work: &&Waiting| {
            let expires_at = match &work.last.verdict {
                Verdict::Pause(pause) => pause.expires_at,
                _ => None,
            };
            let window = work.last.window.as_ref();
            let times = [expires_at, window.map(|window| window.start), window.map(|window| window.end)];
            times.into_iter().flatten().any(|time: Timestamp| passed.contains(&time))
        };
        // Sets are extended, never collected into: that would bring a sorting routine for each of them along.
        let mut due = BTreeSet::new();
        due.extend(self.waiting.iter().filter(|(_, works)| works.iter().any(&is_due)).map(|(id, _)| *id));
        let again = self.before.again.iter().filter_map(|id| self.waiting.get_key_value(id.as_str()));
        due.extend(again.map(|(id, _)| *id));
        due
    }

    /// Some of the gates that wait since somebody or something said wait: an edit that is undone, or a conflict that goes
    /// away, need not touch the change. Others at another time.
    pub(super) fn held(&self) -> Vec<&'a str> {
        let held: Vec<&str> = self.waiting.iter().filter(|(_, works)| is_held(works)).map(|(id, _)| *id).collect();
        let from = usize::try_from(self.plugin.now() / 1000).unwrap_or(0) % held.len().max(1);
        held.iter().cycle().skip(from).take(held.len().min(HELD_LIMIT)).copied().collect()
    }

    /// Goes on with the sweep that is under way, if one is.
    pub(super) fn sweep(&mut self) -> Result<(), Error> {
        while let Some(swept_to) = self.after.swept_to.clone() {
            let beyond = (Bound::Excluded(swept_to.as_str()), Bound::Unbounded);
            let part: Vec<&str> = self.waiting.range::<str, _>(beyond).map(|(id, _)| *id).take(PART).collect();
            if !part.is_empty() && self.is_spent() {
                break;
            }
            self.by_id(&part)?;
            self.after.swept_to = part.last().map(|last| (*last).to_owned());
        }
        Ok(())
    }

    /// Reads and answers these gates.
    pub(super) fn by_id(&mut self, ids: &[&str]) -> Result<(), Error> {
        for part in ids.chunks(PART) {
            let mut rows = Vec::new();
            for chunk in part.chunks(CHUNK) {
                let list = by_id(chunk);
                let found = self.plugin.client().list(TABLE, &list.query, list.fields, list.limit)?;
                rows.extend(self.found(chunk, found));
            }
            self.note(&rows);
            self.answer(&rows.iter().collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Those of these rows that were asked for. One that does not come fails alone.
    pub(super) fn found(&mut self, ids: &[&str], found: Vec<Record>) -> Vec<Record> {
        let found: Vec<_> = found.into_iter().filter(|row| ids.contains(&&*row.text("sys_id"))).collect();
        for id in ids.iter().filter(|id| !found.iter().any(|row| row.text("sys_id") == **id)) {
            let error = Error::new(Kind::NotFound, format!("GET {TABLE}"));
            self.moved.push(Reviewed { change: (*id).into(), answer: Err(error.into()) });
        }
        found
    }

    /// How new the rows of a look's first request are. Those of later ones do not count: what came in between, and has
    /// yet to show, may be older.
    pub(super) fn newest_of(&mut self, rows: &[Record]) {
        self.newest = rows.iter().filter_map(|row| row.time("sys_updated_on")).max().unwrap_or(0);
    }

    /// Remembers what was read of waiting gates.
    pub(super) fn note(&mut self, rows: &[Record]) {
        for row in rows.iter().filter(|row| self.waiting.contains_key(&*row.text("sys_id"))) {
            let updated = row.time("sys_updated_on").unwrap_or(0);
            self.read.push((updated, row.text("sys_id").into_owned(), row.text("sys_mod_count").into_owned()));
        }
    }

    /// Answers the gates of these rows, unless this look did so already.
    fn answer(&mut self, rows: &[&Record]) -> Result<(), Error> {
        let is_new = |row: &&&Record| !self.judged.contains(&*row.text("sys_id"));
        let rows: Vec<&Record> = rows.iter().filter(is_new).copied().collect();
        let changes: Vec<Change> = self.changes(&rows);
        self.answer_all(changes, None)
    }
}

/// Change requests by id.
pub(super) fn by_id(ids: &[&str]) -> List<'static> {
    changes(Query::new().one_of("sys_id", ids.iter().copied()).ordered_by("sys_id"), CHUNK)
}

fn changes(query: Query, limit: usize) -> List<'static> {
    List { table: TABLE, query, fields: FIELDS, limit, is_displayed: false }
}

/// Where a row stands among those that changed.
fn place(row: &Record) -> (String, String) {
    (row.text("sys_updated_on").into_owned(), row.text("sys_id").into_owned())
}

fn written(time: Timestamp) -> String {
    datetime::text(time).unwrap_or_default()
}

fn is_linked(work: &Waiting) -> bool {
    work.last.change.as_ref().is_some_and(|ticket| ticket.key.is_none())
}

/// Whether any of these works waits since somebody or something said wait.
pub(super) fn is_held(works: &[&Waiting]) -> bool {
    works.iter().any(|work| gate::is_held(&work.last))
}
