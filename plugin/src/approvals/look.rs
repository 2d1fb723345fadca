//! One look at the waiting gates: what is read, and which answers are news.
//!
//! A look does no more than one call may take: what is beyond that is left to the next one, and the cursor says where it
//! goes on.

use super::cursor::Cursor;
use super::read::is_held;
use crate::change::Change;
use crate::gate::beside::Beside;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Record};
use itsm_contract::answers::{Review, Reviewed, Waiting};
use itsm_contract::types::Failure;
use std::collections::{BTreeMap, BTreeSet};

/// So few gates are read by id, with what they rest on, in one request.
const FEW: usize = 10;

/// Gates judged in one look: the host allows a call some seconds of one core.
const JUDGED_LIMIT: usize = 2000;

/// Approvers read in one look, for the same reason: a board of twenty costs as much as ten gates with two.
const APPROVERS_LIMIT: usize = 8000;

/// Gates that one look reads again because the last one could not answer them.
const AGAIN_LIMIT: usize = 100;

/// What one look has to do, and what it has found.
pub(super) struct Look<'a> {
    pub(super) plugin: &'a Plugin<'a>,
    /// By `sys_id` of the change; several works may wait for one.
    pub(super) waiting: BTreeMap<&'a str, Vec<&'a Waiting>>,
    pub(super) before: Cursor,
    pub(super) after: Cursor,
    pub(super) is_first: bool,
    pub(super) moved: Vec<Reviewed>,
    /// The newest `sys_updated_on` of the first request.
    pub(super) newest: u64,
    /// The changes that were judged.
    pub(super) judged: BTreeSet<&'a str>,
    /// Approvers read.
    pub(super) approvers: usize,
    /// The rows read: when they were updated, `sys_id` and `sys_mod_count`.
    pub(super) read: Vec<(u64, String, String)>,
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
        let mut after = Cursor { looked_at: now, ..before.clone() };
        if is_first || before.swept_at.saturating_add(plugin.settings().approval.sweep.0) <= now {
            after.swept_at = now;
            after.swept_to = Some(String::new());
        }
        Self {
            plugin,
            waiting: by_change,
            before,
            after,
            is_first,
            moved: Vec::new(),
            newest: 0,
            judged: BTreeSet::new(),
            approvers: 0,
            read: Vec::new(),
        }
    }

    /// Reads, and answers.
    ///
    /// # Errors
    /// Where ServiceNow cannot be asked.
    pub(super) fn run(mut self) -> Result<Review, Error> {
        match self.waiting.len() {
            0 => {}
            1..=FEW => self.few()?,
            _ => self.many()?,
        }
        self.prepare();
        // Of a read that takes several looks the first one says how far it is: what comes meanwhile is read again.
        if self.before.resume.is_none() {
            self.after.advance(self.plugin.now().saturating_sub(self.before.looked_at), self.newest);
        }
        let since = self.after.since();
        let mut seen = BTreeMap::new();
        let is_few = self.waiting.len() <= FEW;
        let recent = self.read.into_iter().filter(|(updated, ..)| is_few || *updated >= since);
        seen.extend(recent.map(|(_, id, changes)| (id, changes)));
        self.after.again = self.moved.iter().filter_map(passing).map(str::to_owned).collect();
        // So many at once are no gates that fail but an instance that does: the next look does all of this one again.
        if self.after.again.len() > AGAIN_LIMIT {
            self.after = self.before;
        } else {
            self.after.seen = seen;
        }
        Ok(Review { cursor: self.after.text(), moved: self.moved })
    }

    /// Every gate, by id, with what they rest on beside it. An instance without the Batch API is asked for each list by
    /// itself.
    fn few(&mut self) -> Result<(), Error> {
        let ids: Vec<&str> = self.waiting.keys().copied().collect();
        let mut lists = Beside::lists(&ids, &ids);
        lists.push(super::read::by_id(&ids));
        let mut answers = self.plugin.client().lists(&lists)?;
        let rows = answers.pop().unwrap_or_else(|| Ok(Vec::new()))?;
        let beside = Beside::of(&lists, answers)?.whole(self.plugin, &ids)?;
        let rows = self.found(&ids, rows);
        self.newest_of(&rows);
        self.note(&rows);
        let is_sweep = self.after.swept_to.take().is_some();
        let due = self.due();
        // An approver's answer need not touch the change: while any is waited for, it is looked at.
        let is_asked = |row: &Record| row.text("approval") == "requested";
        let is_news = |look: &Self, row: &Record| {
            let id = &*row.text("sys_id");
            // Nor need the edit, or its undoing, for which one is held.
            let is_held = look.waiting.get(id).is_some_and(|works| is_held(works));
            is_sweep || is_asked(row) || is_held || due.contains(id) || !look.has_seen(row)
        };
        let rows: Vec<&Record> = rows.iter().filter(|row| is_news(self, row)).collect();
        let changes = self.changes(&rows);
        self.answer_all(changes, Some(beside))
    }

    /// What changed since the last look, what time has changed, and a part of a sweep.
    fn many(&mut self) -> Result<(), Error> {
        // A cursor that has read nothing yet is one of a look that came to nothing.
        match self.is_first || self.before.read_until == 0 {
            true => self.anchor()?,
            false => self.changed()?,
        }
        let mut due = self.due();
        if self.is_spent() || due.len() > JUDGED_LIMIT / 2 {
            // So many moments at once: a sweep reads them part by part.
            self.after.swept_to = Some(String::new());
        } else {
            due.extend(self.held());
            let due: Vec<&str> = due.into_iter().filter(|id| !self.judged.contains(id)).collect();
            self.by_id(&due)?;
        }
        self.sweep()
    }

    /// Whether this look has done as much as one may.
    pub(super) fn is_spent(&self) -> bool {
        self.judged.len() >= JUDGED_LIMIT || self.approvers >= APPROVERS_LIMIT
    }

    /// Whether the last look saw this row as it is.
    pub(super) fn has_seen(&self, row: &Record) -> bool {
        self.before.has_seen(&row.text("sys_id"), &row.text("sys_mod_count"))
    }

    /// The changes in these rows; one that cannot be read fails alone.
    pub(super) fn changes(&mut self, rows: &[&Record]) -> Vec<Change> {
        let mut changes = Vec::new();
        for row in rows {
            match Change::read(row) {
                Ok(change) => changes.push(change),
                Err(error) => {
                    let change = row.text("sys_id").into_owned();
                    self.moved.push(Reviewed { change, answer: Err(error.into()) });
                }
            }
        }
        changes
    }
}

/// The change of an answer that may succeed later.
fn passing(reviewed: &Reviewed) -> Option<&str> {
    matches!(reviewed.answer, Err(Failure::Retry(_))).then_some(&reviewed.change)
}
