//! How values are shown: the six shapes of a reference, labels of choices, times in the caller's zone, journals as
//! the stream that a person reads.

use super::Engine;
use super::caller::Caller;
use super::dictionary::{Column, Kind};
use super::record::Record;
use crate::servicenow::clock::parse_database_time;
use serde_json::{Map, Value, json};

/// `sysparm_display_value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Display {
    /// The database's values.
    #[default]
    Values,
    /// What people see.
    Shown,
    /// Both.
    Both,
}

/// How a reply shows records.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Values, what people see, or both.
    pub display: Display,
    /// `sysparm_exclude_reference_link`.
    pub exclude_link: bool,
    /// What links begin with: scheme and host of the request, and `/api/now` with the version it was asked for.
    pub base: String,
    /// `sysparm_fields`; empty means all.
    pub fields: Vec<String>,
}

impl Engine {
    /// The value that stands for a record of a table; empty where there is no such record.
    pub fn display_of(&self, table: &str, sys_id: &str) -> String {
        let Some(record) = self.store.get(&self.dictionary, table, sys_id) else {
            return String::new();
        };
        match self.dictionary.display_column(record.table()) {
            Some(column) => record.get(column).to_owned(),
            None => record.sys_id().to_owned(),
        }
    }

    /// The label of a choice.
    pub fn label_of(&self, table: &str, element: &str, value: &str) -> Option<&str> {
        let choices = self.choices_of(table, element)?;
        choices.iter().find(|choice| choice.0 == value).map(|choice| choice.1.as_str())
    }

    /// What a person sees of a value.
    pub fn shown(&self, caller: &Caller, record: &Record, column: &Column) -> String {
        let value = record.get(&column.element);
        match &column.kind {
            Kind::Journal => self.stream(caller, record, &column.element),
            _ if value.is_empty() && matches!(column.element.as_str(), "sla_due" | "activity_due") => "UNKNOWN".into(),
            _ if value.is_empty() => String::new(),
            Kind::Reference(table) => self.display_of(table, value),
            Kind::List(table) => value.split(',').map(|one| self.display_of(table, one)).collect::<Vec<_>>().join(", "),
            Kind::DocumentId => {
                let table = record.get("source_table");
                self.display_of(table, value)
            }
            Kind::DateTime => local_time(caller, value),
            Kind::ClassName => {
                self.dictionary.table(value).map_or_else(|| value.to_owned(), |table| table.label.clone())
            }
            Kind::Password => "********".into(),
            _ if column.choice => self.label_of(record.table(), &column.element, value).unwrap_or(value).to_owned(),
            _ => value.to_owned(),
        }
    }

    /// A record as the Table API shows it to a caller, through the table it was asked for.
    pub fn render(&self, caller: &Caller, table: &str, record: &Record, shape: &Shape) -> Value {
        let mut rendered = Map::new();
        if shape.fields.is_empty() {
            for column in self.dictionary.columns(table) {
                if caller.may_read_column(column) {
                    rendered.insert(column.element.clone(), self.render_field(caller, record, column, shape));
                }
            }
        } else {
            for field in &shape.fields {
                if let Some(value) = self.render_walk(caller, table, record, field, shape) {
                    rendered.insert(field.clone(), value);
                }
            }
        }
        Value::Object(rendered)
    }

    fn render_walk(&self, caller: &Caller, table: &str, record: &Record, field: &str, shape: &Shape) -> Option<Value> {
        match field.split_once('.') {
            None => {
                let column = self.dictionary.column(table, field).filter(|column| caller.may_read_column(column))?;
                Some(self.render_field(caller, record, column, shape))
            }
            Some((first, rest)) => {
                let target = self.dictionary.column(table, first)?.kind.reference()?;
                self.walk(target, rest)?;
                let empty = Record::new(target);
                let next = self.store.get(&self.dictionary, target, record.get(first)).unwrap_or(&empty);
                self.render_walk(caller, target, next, rest, shape)
            }
        }
    }

    /// One value in the shape that was asked for.
    fn render_field(&self, caller: &Caller, record: &Record, column: &Column, shape: &Shape) -> Value {
        let value = match column.kind {
            Kind::Journal => "",
            _ => record.get(&column.element),
        };
        let target = match (&column.kind, value) {
            (_, "") => None,
            (Kind::Reference(table), _) => Some(table.as_ref()),
            (Kind::Domain, _) => Some("sys_user_group"),
            _ => None,
        };
        let link = || target.map(|table| format!("{}/table/{table}/{value}", shape.base));
        match shape.display {
            Display::Values => match link() {
                Some(link) if !shape.exclude_link => json!({ "link": link, "value": value }),
                _ => value.into(),
            },
            Display::Shown => {
                let shown = self.shown(caller, record, column);
                match link() {
                    Some(link) if !shape.exclude_link => json!({ "display_value": shown, "link": link }),
                    _ => shown.into(),
                }
            }
            Display::Both => {
                let shown = self.shown(caller, record, column);
                match link() {
                    Some(link) if !shape.exclude_link => {
                        json!({ "display_value": shown, "link": link, "value": value })
                    }
                    _ => json!({ "display_value": shown, "value": value }),
                }
            }
        }
    }

    /// A journal as people read it: every entry with when, who and which journal, the newest first.
    pub fn stream(&self, caller: &Caller, record: &Record, element: &str) -> String {
        let elements: &[&str] = match element {
            "comments_and_work_notes" => &["comments", "work_notes"],
            _ => &[element],
        };
        let entries =
            self.store.lookup(&self.dictionary, "sys_journal_field", "element_id", record.sys_id()).unwrap_or_default();
        let mut stream = String::new();
        for entry in entries.into_iter().rev().filter(|entry| elements.contains(&entry.get("element"))) {
            let label = self
                .dictionary
                .column(record.table(), entry.get("element"))
                .map_or_else(|| entry.get("element").to_owned(), |column| column.label.clone());
            let who = self.name_of(entry.get("sys_created_by"));
            let when = local_time(caller, entry.get("sys_created_on"));
            stream.push_str(&format!("{when} - {who} ({label})\n{}\n\n", entry.get("value")));
        }
        stream
    }

    /// A user's name by user name.
    pub fn name_of(&self, user_name: &str) -> String {
        match self.user(user_name) {
            Some(user) if !user.lacks("name") => user.get("name").to_owned(),
            _ if user_name == "system" => "System".to_owned(),
            _ => user_name.to_owned(),
        }
    }
}

/// A moment in the caller's zone and format.
pub fn local_time(caller: &Caller, value: &str) -> String {
    match parse_database_time(value) {
        Some(at) => at.to_zoned_datetime(caller.zone.clone()).strftime(&caller.format).to_string(),
        None => value.to_owned(),
    }
}
