//! A record: its table and its values, every one a string as in ServiceNow's database. What is empty is not kept.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A record as it stands in the instance's database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    table: String,
    values: BTreeMap<String, String>,
}

impl Record {
    /// An empty record of a table.
    pub fn new(table: &str) -> Self {
        Record { table: table.to_owned(), values: BTreeMap::new() }
    }

    /// The table that it was inserted into (its class).
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Moves it to another class of the same hierarchy.
    pub(crate) fn reclassify(&mut self, table: &str) {
        self.table = table.to_owned();
        self.set("sys_class_name", table);
    }

    /// A value as the database holds it; empty where there is none.
    pub fn get(&self, element: &str) -> &str {
        self.values.get(element).map_or("", String::as_str)
    }

    /// The record's `sys_id`.
    pub fn sys_id(&self) -> &str {
        self.get("sys_id")
    }

    /// Whether a boolean column is `true`.
    pub fn is(&self, element: &str) -> bool {
        self.get(element) == "true"
    }

    /// Whether a column is empty.
    pub fn lacks(&self, element: &str) -> bool {
        self.get(element).is_empty()
    }

    /// Sets a value.
    pub fn set(&mut self, element: &str, value: impl Into<String>) {
        let value = value.into();
        if value.is_empty() {
            self.values.remove(element);
        } else {
            self.values.insert(element.to_owned(), value);
        }
    }

    /// Sets a value, as part of a chain.
    pub fn with(mut self, element: &str, value: impl Into<String>) -> Self {
        self.set(element, value);
        self
    }

    /// The values that are not empty, by column.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(element, value)| (element.as_str(), value.as_str()))
    }
}
