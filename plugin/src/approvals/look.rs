//! One look at the waiting gates: what is read, and which answers are news.

use super::check::{asked, differs};
use super::cursor::Cursor;
use crate::change::{Change, FIELDS, Held, State, TABLE, is_renamed, prepare};
use crate::gate;
use crate::gate::beside::Beside;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind, List, Query, Record, datetime};
use itsm_contract::answers::{Review, Reviewed, Waiting};
use itsm_contract::types::{Failure, Gate, Ticket, Timestamp, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Identities in one `IN` list: longer lists make addresses that front ends refuse.
const CHUNK: usize = 100;

/// So few gates have their approvers read along with every look: one request instead of two when one moves.
const FEW: usize = 10;

/// Rows in one page of changed records.
const PAGE: usize = 1000;

/// Pages in one look. What is beyond is read by the next one: the cursor stops where the pages did.
const PAGES_LIMIT: usize = 20;

/// What a `correlation_id` of ours begins with.
const OURS: &str = "openfactory/";

/// What one look has to do, and what it has found.
pub(super) struct Look<'a> {
    plugin: &'a Plugin<'a>,
    /// By `sys_id` of the change; several works may wait for one.
    waiting: BTreeMap<&'a str, Vec<&'a Waiting>>,
    before: Cursor,
    after: Cursor,
    is_sweep: bool,
    moved: Vec<Reviewed>,
    /// Read along, where few wait.
    beside: Option<Beside>,
}

impl<'a> Look<'a> {
    pub(super) fn new(plugin: &'a Plugin<'a>, waiting: &'a [Waiting], before: Cursor, is_first: bool) -> Self {
        let mut by_change: BTreeMap<&str, Vec<&Waiting>> = BTreeMap::new();
        for work in waiting {
            // Work without a change request waits for ServiceNow itself: its event is delivered again.
            if let Some(ticket) = &work.last.change {
                by_change.entry(&ticket.id).or_default().push(work);
            }
        }
        let now = plugin.now();
        let is_sweep = is_first || before.swept_at.saturating_add(plugin.settings().approval.sweep.0) <= now;
        let mut after = Cursor { looked_at: now, ..before.clone() };
        if is_sweep {
            after.swept_at = now;
        }
        Self { plugin, waiting: by_change, before, after, is_sweep, moved: Vec::new(), beside: None }
    }

    /// Reads, and answers.
    ///
    /// # Errors
    /// Where ServiceNow cannot be asked.
    pub(super) fn run(mut self) -> Result<Review, Error> {
        if self.waiting.is_empty() {
            return Ok(Review { moved: Vec::new(), cursor: self.after.text() });
        }
        let rows = match self.is_sweep {
            true => self.sweep()?,
            false => self.changed()?,
        };
        self.judge(&rows)?;
        self.prepare();
        let since = self.after.since();
        let mut seen = BTreeMap::new();
        for row in rows.iter().filter(|row| row.time("sys_updated_on").is_some_and(|updated| updated >= since)) {
            seen.insert(row.text("sys_id").into_owned(), row.text("sys_mod_count").into_owned());
        }
        // A gate that could not be answered for the moment is read again by the next look.
        let failed: Vec<&str> = self.moved.iter().filter_map(passing).collect();
        if failed.is_empty() {
            self.after.seen = seen;
        } else {
            self.after = Cursor { swept_at: self.after.swept_at, ..self.before };
            seen.retain(|id, _| !failed.contains(&id.as_str()));
            self.after.seen = seen;
        }
        Ok(Review { cursor: self.after.text(), moved: self.moved })
    }

    /// Every gate, by id.
    fn sweep(&mut self) -> Result<Vec<Record>, Error> {
        let ids: Vec<&str> = self.waiting.keys().copied().collect();
        let rows = match ids.len() {
            0..=FEW => {
                let found = self.along(by_id(&ids))?;
                self.found(&ids, found)
            }
            _ => self.by_id(&ids)?,
        };
        self.advance(&rows);
        Ok(rows)
    }

    /// The rows of this list, and what their gates rest on beside them: one request for all of it.
    fn along(&mut self, list: List) -> Result<Vec<Record>, Error> {
        let ids: Vec<&str> = self.waiting.keys().copied().collect();
        let mut lists = Beside::lists(&ids, &ids);
        lists.push(list);
        let mut answers = self.plugin.client().lists(&lists)?;
        let rows = answers.pop().unwrap_or_else(|| Ok(Vec::new()))?;
        self.beside = Some(Beside::of(&lists, answers)?);
        Ok(rows)
    }

    /// What changed since the last look, and what time has changed.
    fn changed(&mut self) -> Result<Vec<Record>, Error> {
        let mut rows = Vec::new();
        let mut last: Option<(String, String)> = None;
        for _ in 0..PAGES_LIMIT {
            let list = changes(self.since(last.as_ref()), PAGE);
            let page = match self.waiting.len() {
                0..=FEW => self.along(list)?,
                _ => self.plugin.client().list(TABLE, &list.query, FIELDS, PAGE)?,
            };
            let is_last = page.len() < PAGE;
            last = page.last().map(|row| (row.text("sys_updated_on").into_owned(), row.text("sys_id").into_owned()));
            self.advance(&page);
            rows.extend(page.into_iter().filter(|row| self.waiting.contains_key(&*row.text("sys_id"))));
            if is_last {
                break;
            }
        }
        // Sets are extended, never collected into: that would bring a sorting routine for each of them along.
        let mut read = BTreeSet::new();
        read.extend(rows.iter().map(|row| row.text("sys_id").into_owned()));
        let due: Vec<&str> = self.due().filter(|id| !read.contains(*id)).collect();
        rows.extend(self.by_id(&due)?);
        Ok(rows)
    }

    /// The query for rows changed since the last look; after `last`, for the next page.
    fn since(&self, last: Option<&(String, String)>) -> Query {
        let from = datetime::text(self.before.since()).unwrap_or_default();
        let times = match last {
            None => vec![Query::new().at_least("sys_updated_on", &from)],
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

    /// The gates whose window opened or closed, or whose time to answer ended, since the last look.
    fn due(&self) -> impl Iterator<Item = &'a str> {
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
        self.waiting.iter().filter(move |(_, works)| works.iter().any(&is_due)).map(|(id, _)| *id)
    }

    /// These records. One that does not come fails alone.
    fn by_id(&mut self, ids: &[&str]) -> Result<Vec<Record>, Error> {
        let mut rows = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let list = by_id(chunk);
            let found = self.plugin.client().list(TABLE, &list.query, FIELDS, CHUNK)?;
            rows.extend(self.found(chunk, found));
        }
        Ok(rows)
    }

    fn found(&mut self, ids: &[&str], found: Vec<Record>) -> Vec<Record> {
        let found: Vec<_> = found.into_iter().filter(|row| ids.contains(&&*row.text("sys_id"))).collect();
        for id in ids.iter().filter(|id| !found.iter().any(|row| row.text("sys_id") == **id)) {
            let error = Error::new(Kind::NotFound, format!("GET {TABLE}"));
            self.moved.push(Reviewed { change: (*id).into(), answer: Err(error.into()) });
        }
        found
    }

    fn advance(&mut self, rows: &[Record]) {
        let newest = rows.iter().filter_map(|row| row.time("sys_updated_on")).max();
        self.after.read_until = self.after.read_until.max(newest.unwrap_or(0));
    }

    /// Answers the gates of the rows that are news.
    fn judge(&mut self, rows: &[Record]) -> Result<(), Error> {
        let mut due = BTreeSet::new();
        due.extend(self.due());
        let mut news = Vec::new();
        for row in rows {
            let id = row.text("sys_id");
            let is_known = self.before.has_seen(&id, &row.text("sys_mod_count")) || self.is_unchanged(row);
            if is_known && !due.contains(&*id) {
                continue;
            }
            match Change::read(row) {
                Ok(change) => news.push(change),
                Err(error) => self.moved.push(Reviewed { change: id.into_owned(), answer: Err(error.into()) }),
            }
        }
        let beside = match self.beside.take() {
            Some(beside) => beside,
            None => Beside::read(self.plugin, news.iter())?,
        };
        for change in news {
            let Some((id, works)) = self.waiting.get_key_value(change.sys_id.as_str()) else { continue };
            for work in works.iter().filter(|work| preparing(work).is_none()) {
                let answer = self.answer(work, &change, &beside);
                if answer.as_ref().map_or(true, |gate| differs(&work.last, gate)) {
                    self.moved.push(Reviewed { change: (*id).into(), answer });
                }
            }
        }
        Ok(())
    }

    /// Whether a sweep need not look closer: unchanged since the last look, and nothing that would move work.
    fn is_unchanged(&self, row: &Record) -> bool {
        let is_old = row.time("sys_updated_on").is_some_and(|updated| updated < self.before.since());
        is_old
            && matches!(&*row.text("approval"), "not requested" | "requested")
            && !State::parse(&row.text("state")).is_over()
    }

    fn answer(&self, work: &Waiting, change: &Change, beside: &Beside) -> Result<Gate, Failure> {
        let Some(ticket) = &work.last.change else { return Ok(work.last.clone()) };
        let held = Held::believe(self.plugin, change.clone(), ticket)?;
        let asked = asked(work, ticket);
        if !is_renamed(ticket) {
            return gate::decide(self.plugin, &held, &asked, beside, &[]);
        }
        // The instance gave it a sys_id of its own: another host's record may be the one that counts.
        let held = Held::read(self.plugin, ticket)?;
        let beside = Beside::read(self.plugin, std::iter::once(&held.change))?;
        gate::decide(self.plugin, &held, &asked, &beside, &[])
    }

    /// Goes on with those whose change request ServiceNow was still working on.
    fn prepare(&mut self) {
        let works = self.waiting.iter().flat_map(|(id, works)| works.iter().map(|work| (*id, *work)));
        let mut moved = Vec::new();
        for (id, work) in works {
            let (Some(waits), Some(ticket)) = (preparing(work), &work.last.change) else { continue };
            let answer = self.prepared(work, ticket, waits);
            if answer.as_ref().map_or(true, |gate| differs(&work.last, gate)) {
                moved.push(Reviewed { change: id.into(), answer });
            }
        }
        self.moved.extend(moved);
    }

    fn prepared(&self, work: &Waiting, ticket: &Ticket, waits: &[String]) -> Result<Gate, Failure> {
        let (held, left) = prepare::look(self.plugin, ticket, waits)?;
        gate::go_on(self.plugin, held, &asked(work, ticket), &left)
    }
}

/// What ServiceNow was still working on at the last look.
fn preparing(work: &Waiting) -> Option<&[String]> {
    match &work.last.verdict {
        Verdict::Pause(pause) if pause.waiting_for.iter().any(|words| prepare::names_worker(words)) => {
            Some(&pause.waiting_for)
        }
        _ => None,
    }
}

fn by_id(ids: &[&str]) -> List<'static> {
    changes(Query::new().one_of("sys_id", ids.iter().copied()).ordered_by("sys_id"), CHUNK)
}

fn changes(query: Query, limit: usize) -> List<'static> {
    List { table: TABLE, query, fields: FIELDS, limit, is_displayed: false }
}

fn is_linked(work: &Waiting) -> bool {
    work.last.change.as_ref().is_some_and(|ticket| ticket.key.is_none())
}

/// The change of an answer that may succeed later.
fn passing(reviewed: &Reviewed) -> Option<&str> {
    matches!(reviewed.answer, Err(Failure::Retry(_))).then_some(&reviewed.change)
}
