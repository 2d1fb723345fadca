//! What a mapping says of columns, by its rules and of recorded events: what is held against an instance.

use super::{MappingError, Record};
use crate::guest::trial::{Field, Produced, Value};
use default_mapping::Possible;
use servicenow_plugin::settings::Cmdb;
use std::collections::BTreeSet;

/// What is said of a column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Content {
    /// Something, by the event.
    Something,
    /// This text.
    Text(String),
    /// The record of this name.
    Named(String),
    /// It is left out.
    Nothing,
    /// No column: the table itself.
    Class,
}

/// One thing that is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Said {
    pub kind: String,
    pub table: String,
    pub field: String,
    pub content: Content,
    /// The rule, or the event.
    pub from: String,
}

/// The tables that records of a kind are made in: those of the settings, and those that the rules name.
struct Tables<'a> {
    cmdb: &'a Cmdb,
    classes: Vec<(&'a str, &'a str)>,
}

impl Tables<'_> {
    fn of(&self, kind: &str) -> BTreeSet<String> {
        let cmdb = self.cmdb;
        let own: &[&str] = match kind {
            "incident" => &["incident"],
            "image" => &[&cmdb.image_class],
            "system" => &[&cmdb.virtual_class, &cmdb.physical_class],
            _ => &["change_request"],
        };
        let named = self.classes.iter().filter(|(of, _)| *of == kind).map(|(_, class)| *class);
        own.iter().copied().chain(named).map(str::to_owned).collect()
    }
}

/// What the rules can say. Where rules name a class for some records, a field is held against every class that it may be
/// set in.
pub(super) fn of_rules(possible: &[Possible], cmdb: &Cmdb) -> Vec<Said> {
    let classes = possible.iter().filter(|rule| rule.field.is_none());
    let classes = classes.flat_map(|rule| rule.values.iter().map(|class| (rule.kind.as_str(), class.as_str())));
    let tables = Tables { cmdb, classes: classes.collect() };
    let mut said = Vec::new();
    for rule in possible {
        let Some(field) = &rule.field else {
            said.extend(rule.values.iter().map(|class| Said {
                kind: rule.kind.clone(),
                table: class.clone(),
                field: String::new(),
                content: Content::Class,
                from: format!("mapping.{}", rule.path),
            }));
            continue;
        };
        let mut contents: Vec<Content> = Vec::new();
        for value in &rule.values {
            let value = value.clone();
            contents.push(if rule.is_named { Content::Named(value) } else { Content::Text(value) });
        }
        if rule.is_left_out {
            contents.push(Content::Nothing);
        } else if rule.is_open || contents.is_empty() {
            contents.push(Content::Something);
        }
        for table in tables.of(&rule.kind) {
            said.extend(contents.iter().map(|content| Said {
                kind: rule.kind.clone(),
                table: table.clone(),
                field: field.clone(),
                content: content.clone(),
                from: format!("mapping.{}", rule.path),
            }));
        }
    }
    said
}

/// What a mapping says that it can produce, without values.
pub(super) fn of_produced(produced: &[Produced], cmdb: &Cmdb) -> Vec<Said> {
    let tables = Tables { cmdb, classes: Vec::new() };
    let mut said = Vec::new();
    for kind in produced {
        for (field, table) in
            kind.fields.iter().flat_map(|field| tables.of(&kind.kind).into_iter().map(move |table| (field, table)))
        {
            said.push(Said {
                kind: kind.kind.clone(),
                table,
                field: field.clone(),
                content: Content::Something,
                from: "check-rules".into(),
            });
        }
    }
    said
}

/// What is said of the records of one event, beside what the plugin says itself.
pub(super) fn of_records(event: &str, records: &[Record]) -> Vec<Said> {
    let mut said = Vec::new();
    for record in records {
        let Ok(after) = &record.after else { continue };
        let one = |field: &str, content| Said {
            kind: record.kind.clone(),
            table: record.table.clone(),
            field: field.to_owned(),
            content,
            from: match &record.name {
                Some(name) => format!("{event}, {name}"),
                None => event.to_owned(),
            },
        };
        for Field { name, value } in after {
            let is_plugins_own = record.before.iter().any(|field| field.name == *name && field.value == *value);
            match value {
                _ if is_plugins_own => {}
                // An empty text says nothing: ServiceNow keeps its own default.
                Value::Text(text) | Value::Named(text) if text.is_empty() => {}
                Value::Text(text) => said.push(one(name, Content::Text(text.clone()))),
                Value::Named(name_of) => said.push(one(name, Content::Named(name_of.clone()))),
            }
        }
        let left_out = record.before.iter().filter(|field| after.iter().all(|other| other.name != field.name));
        said.extend(left_out.map(|field| one(&field.name, Content::Nothing)));
    }
    said
}

/// The first complaint about the rules, as an error.
pub(super) fn complaint(path: &str, line: Option<u32>, column: Option<u32>, message: &str) -> MappingError {
    let at = match (line, column) {
        (Some(line), Some(column)) => format!(", line {line}, column {column}"),
        _ => String::new(),
    };
    MappingError::Rules { path: path.into(), at, message: message.into() }
}
