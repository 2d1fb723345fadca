//! Where records are kept: by class, in the order of their insertion, with a `sys_id` unique in each hierarchy.

use super::dictionary::Dictionary;
use super::record::Record;
use crate::servicenow::state::Change;
use std::collections::{BTreeMap, HashMap};

/// All records of an instance.
#[derive(Debug, Default)]
pub struct Store {
    classes: HashMap<String, BTreeMap<u64, Record>>,
    /// For each base table, where a `sys_id` is.
    by_id: HashMap<String, HashMap<String, Place>>,
    /// For each base table and indexed column, where a value is.
    by_value: HashMap<(String, &'static str), HashMap<String, Vec<Place>>>,
    next: u64,
    /// What has changed since it was last asked, where that is recorded.
    changes: Option<Vec<Change>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    class: String,
    sequence: u64,
}

/// Columns that are looked up by value so often that a scan of ten thousand records would be felt.
const INDEXED: &[&str] = &["number", "correlation_id", "sysapproval", "element_id", "parent", "change_request", "name"];

impl Store {
    /// Records changes from now on, or no longer.
    pub fn record_changes(&mut self, record: bool) {
        self.changes = record.then(Vec::new);
    }

    /// Whether changes are recorded.
    pub fn is_recording(&self) -> bool {
        self.changes.is_some()
    }

    /// Records a change that is not a record's.
    pub(crate) fn note(&mut self, change: impl FnOnce() -> Change) {
        if let Some(changes) = &mut self.changes {
            changes.push(change());
        }
    }

    /// What has changed since this was last asked.
    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        self.changes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The record with this `sys_id`, if it is of this table or of one that extends it.
    pub fn get(&self, dictionary: &Dictionary, table: &str, sys_id: &str) -> Option<&Record> {
        let place = self.by_id.get(dictionary.root(table))?.get(sys_id)?;
        if !dictionary.is_a(&place.class, table) {
            return None;
        }
        self.classes.get(&place.class)?.get(&place.sequence)
    }

    /// Whether the hierarchy of this table holds this `sys_id`.
    pub fn holds(&self, dictionary: &Dictionary, table: &str, sys_id: &str) -> bool {
        self.by_id.get(dictionary.root(table)).is_some_and(|ids| ids.contains_key(sys_id))
    }

    /// Keeps a record, new or changed, under its `sys_id`.
    pub fn put(&mut self, dictionary: &Dictionary, record: Record) {
        self.note(|| Change::Put(record.clone()));
        let root = dictionary.root(record.table()).to_owned();
        let known = self.by_id.get(&root).and_then(|ids| ids.get(record.sys_id())).cloned();
        let sequence = match known {
            Some(place) => {
                self.unlink(&root, &place);
                place.sequence
            }
            None => {
                self.next += 1;
                self.next
            }
        };
        let place = Place { class: record.table().to_owned(), sequence };
        self.by_id.entry(root.clone()).or_default().insert(record.sys_id().to_owned(), place.clone());
        for column in INDEXED {
            let value = record.get(column);
            if !value.is_empty() {
                let index = self.by_value.entry((root.clone(), column)).or_default();
                index.entry(value.to_owned()).or_default().push(place.clone());
            }
        }
        self.classes.entry(place.class).or_default().insert(sequence, record);
    }

    /// Removes a record.
    pub fn remove(&mut self, dictionary: &Dictionary, table: &str, sys_id: &str) -> Option<Record> {
        let root = dictionary.root(table).to_owned();
        let place = self.by_id.get_mut(&root)?.remove(sys_id)?;
        self.note(|| Change::Remove { table: table.to_owned(), sys_id: sys_id.to_owned() });
        self.unlink(&root, &place)
    }

    fn unlink(&mut self, root: &str, place: &Place) -> Option<Record> {
        let record = self.classes.get_mut(&place.class)?.remove(&place.sequence)?;
        for column in INDEXED {
            let value = record.get(column);
            if let Some(index) = self.by_value.get_mut(&(root.to_owned(), *column))
                && let Some(places) = index.get_mut(value)
            {
                places.retain(|known| known != place);
                if places.is_empty() {
                    index.remove(value);
                }
            }
        }
        Some(record)
    }

    /// The records of a table and of those that extend it, in the order of their insertion.
    pub fn scan(&self, dictionary: &Dictionary, table: &str) -> Vec<&Record> {
        let mut found: Vec<(u64, &Record)> = dictionary
            .descendants(table)
            .into_iter()
            .filter_map(|class| self.classes.get(class))
            .flat_map(|rows| rows.iter().map(|(sequence, record)| (*sequence, record)))
            .collect();
        found.sort_unstable_by_key(|(sequence, _)| *sequence);
        found.into_iter().map(|(_, record)| record).collect()
    }

    /// As [`Store::scan`], but only those whose column has this value; none where the column is not indexed.
    pub fn lookup(&self, dictionary: &Dictionary, table: &str, column: &str, value: &str) -> Option<Vec<&Record>> {
        let root = dictionary.root(table);
        if column == "sys_id" {
            return Some(self.get(dictionary, table, value).into_iter().collect());
        }
        let column = *INDEXED.iter().find(|known| **known == column)?;
        let Some(places) = self.by_value.get(&(root.to_owned(), column)).and_then(|index| index.get(value)) else {
            return Some(Vec::new());
        };
        let mut places: Vec<&Place> = places.iter().filter(|place| dictionary.is_a(&place.class, table)).collect();
        places.sort_unstable_by_key(|place| place.sequence);
        Some(places.into_iter().filter_map(|place| self.classes.get(&place.class)?.get(&place.sequence)).collect())
    }

    /// Every record there is, in the order of insertion.
    pub fn all(&self) -> Vec<&Record> {
        let mut found: Vec<(u64, &Record)> =
            self.classes.values().flat_map(|rows| rows.iter().map(|(sequence, record)| (*sequence, record))).collect();
        found.sort_unstable_by_key(|(sequence, _)| *sequence);
        found.into_iter().map(|(_, record)| record).collect()
    }
}
