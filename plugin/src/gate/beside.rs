//! What a gate rests on beside the change request itself: its approvers and its affected configuration items. For many
//! changes at once, in one request.

use super::approvers::{self, Row};
use super::seal::Affected;
use crate::change::prepare::items_of;
use crate::change::{Answer, Change, Kind};
use crate::plugin::Plugin;
use crate::servicenow::{Error, List, Record};
use std::collections::{BTreeMap, BTreeSet};

/// Changes whose rows are read by one list: longer ones make addresses that front ends refuse.
const CHUNK: usize = 50;

/// Approvers and configuration items of some changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    approvers: BTreeMap<String, Vec<Row>>,
    items: BTreeMap<String, Vec<Affected>>,
    /// A list of items was full: some may be missing.
    is_cut: bool,
    /// The user may not read items.
    is_hidden: bool,
    /// Changes with more items than a list brings.
    unknown: BTreeSet<String>,
}

impl Beside {
    /// Reads what these changes need: approvers where somebody can have been asked, items where work may go on.
    ///
    /// # Errors
    /// Where ServiceNow cannot be asked.
    pub fn read<'c>(plugin: &Plugin, changes: impl Iterator<Item = &'c Change> + Clone) -> Result<Self, Error> {
        let asked: Vec<&str> =
            changes.clone().filter(|change| is_asked(change)).map(|change| &*change.sys_id).collect();
        let ready: Vec<&str> = changes.filter(|change| may_proceed(change)).map(|change| &*change.sys_id).collect();
        let lists: Vec<List> = Self::lists(&asked, &ready);
        Self::of(&lists, plugin.client().lists(&lists)?)?.whole(plugin, &ready)
    }

    /// As this one, with the items of `ready` read one change at a time where a list of them was full.
    ///
    /// # Errors
    /// Where ServiceNow cannot be asked.
    pub fn whole(mut self, plugin: &Plugin, ready: &[&str]) -> Result<Self, Error> {
        if !std::mem::take(&mut self.is_cut) {
            return Ok(self);
        }
        self.items.clear();
        let lists: Vec<List> = ready.iter().map(|change| items_of(&[change])).collect();
        let answers = plugin.client().lists(&lists)?;
        for ((change, list), answer) in ready.iter().zip(&lists).zip(answers) {
            let one = Self::of(std::slice::from_ref(list), vec![answer])?;
            self.items.extend(one.items);
            if one.is_cut || one.is_hidden {
                self.unknown.insert((*change).to_owned());
            }
        }
        Ok(self)
    }

    /// The lists that answer for these changes.
    pub fn lists(asked: &[&str], ready: &[&str]) -> Vec<List<'static>> {
        asked.chunks(CHUNK).map(approvers::of).chain(ready.chunks(CHUNK).map(items_of)).collect()
    }

    /// Out of the answers to such lists.
    ///
    /// # Errors
    /// The first of theirs. Items that the user may not read are unknown: an edit of them does not show.
    pub fn of(lists: &[List], answers: Vec<Result<Vec<Record>, Error>>) -> Result<Self, Error> {
        let mut beside = Self::default();
        for (list, answer) in lists.iter().zip(answers) {
            match (list.table, answer) {
                ("task_ci", Ok(rows)) => {
                    beside.is_cut |= rows.len() >= list.limit;
                    for row in rows {
                        let items = beside.items.entry(row.text("task").into_owned()).or_default();
                        items.push(Affected {
                            item: row.text("ci_item").into_owned(),
                            added_at: row.time("sys_created_on"),
                        });
                    }
                }
                ("task_ci", Err(error)) if !error.kind.is_passing() => beside.is_hidden = true,
                (_, Ok(rows)) => {
                    for row in rows {
                        let row = approvers::row(&row);
                        beside.approvers.entry(row.change.clone()).or_default().push(row);
                    }
                }
                (_, Err(error)) => return Err(error),
            }
        }
        Ok(beside)
    }

    /// The approvers of one change.
    pub fn approvers(&self, change: &str) -> &[Row] {
        self.approvers.get(change).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many approvers were read.
    pub fn approvers_read(&self) -> usize {
        self.approvers.values().map(Vec::len).sum()
    }

    /// The affected configuration items of one change; none where the user may not read them, or they are too many: an edit
    /// of them does not show.
    pub fn items(&self, change: &str) -> Option<&[Affected]> {
        let is_known = !self.is_hidden && !self.unknown.contains(change);
        is_known.then(|| self.items.get(change).map(Vec::as_slice).unwrap_or_default())
    }
}

/// Whether anybody can have been asked. Before that there is nothing to read.
fn is_asked(change: &Change) -> bool {
    change.kind != Kind::Standard && change.approval != Answer::NotRequested
}

/// Whether work may go on as far as approval and state say.
pub fn may_proceed(change: &Change) -> bool {
    let is_approved = change.approval == Answer::Approved || change.kind == Kind::Standard;
    is_approved && change.approval != Answer::Rejected && change.state.allows_work()
}
