//! What is known of the columns that a mapping sets: how long a text they keep, and which table they refer to.
//!
//! Columns of every instance are known here. Of others, a customer's own first of all, the instance's dictionary is asked:
//! once for a call, and only where the answer matters: a text longer than the shortest column, a reference by name.

use super::RecordKind;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Query, Record};
use crate::transport::{Field, Value};

/// The longest text that the database cuts. Longer columns are `mediumtext`, whatever `max_length` says (KB0685779).
const VARCHAR: usize = 255;

/// A text that every column keeps: `sys_dictionary.max_length` of a new one.
const SHORTEST: usize = 40;

/// Rows of the dictionary: each column has one on each table that introduces or overrides it.
const ROWS: usize = 500;

/// How many characters columns of tasks and of configuration items keep; none for `mediumtext`.
const LENGTHS: &[(&str, Option<usize>, Option<usize>)] = &[
    ("backout_plan", None, None),
    ("comments", None, None),
    ("description", None, None),
    ("implementation_plan", None, None),
    ("justification", None, None),
    ("name", Some(255), Some(255)),
    ("risk_impact_analysis", None, None),
    // 160 of a task; 1,000 of an item.
    ("short_description", Some(160), None),
    ("test_plan", None, None),
    ("work_notes", None, None),
];

/// Where a reference by name is looked up, by the field that holds it.
const REFERENCES: &[(&str, &str)] = &[
    ("assigned_to", "sys_user"),
    ("assignment_group", "sys_user_group"),
    ("business_service", "cmdb_ci_service"),
    ("caller_id", "sys_user"),
    ("cmdb_ci", "cmdb_ci"),
    ("company", "core_company"),
    ("location", "cmn_location"),
    ("managed_by", "sys_user"),
    ("opened_by", "sys_user"),
    ("owned_by", "sys_user"),
    ("requested_by", "sys_user"),
    ("service_offering", "service_offering"),
    ("support_group", "sys_user_group"),
];

/// Classes that others extend: where the columns of configuration items are introduced.
const CLASSES: &[&str] = &["cmdb_ci_server", "cmdb_ci_computer", "cmdb_ci_hardware", "cmdb_ci_spkg", "cmdb_ci", "cmdb"];

/// A column that the instance's dictionary was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// A change request's, an incident's or an item's: what [`RecordKind`] has in common.
    family: &'static str,
    name: String,
    /// Characters; none for `mediumtext`, and where the dictionary does not say.
    length: Option<usize>,
    /// The table that it refers to.
    reference: Option<String>,
}

/// The table that a field of every instance refers to, and the column that its records are called by.
pub fn reference_of(field: &str) -> Option<(&'static str, &'static str)> {
    let (_, table) = REFERENCES.iter().find(|(known, _)| *known == field)?;
    Some((table, column_of(table)))
}

/// The column that the records of a table are called by.
pub fn column_of(table: &str) -> &'static str {
    match table {
        "sys_user" => "user_name",
        "change_request" | "incident" | "problem" | "task" => "number",
        _ => "name",
    }
}

/// Asks the dictionary for the columns of these fields, where that matters and has not been done.
///
/// # Errors
/// Where the instance cannot be asked now. A dictionary that may not be read says nothing.
pub(super) fn learn(plugin: &Plugin, kind: RecordKind, class: Option<&str>, fields: &[&Field]) -> Result<(), Error> {
    let family = family(kind);
    let matters = |field: &&&Field| match &field.value {
        Value::Text(text) => known(&field.name).is_none() && text.chars().count() > SHORTEST,
        Value::Named(name) => {
            reference_of(&field.name).is_none() && !name.is_empty() && !crate::plugin::is_sys_id(name)
        }
    };
    let is_new = |name: &str| !plugin.columns().iter().any(|column| column.family == family && column.name == name);
    let wanted: Vec<&str> =
        fields.iter().filter(matters).map(|field| field.name.as_str()).filter(|name| is_new(name)).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let cmdb = &plugin.settings().cmdb;
    let tables: Vec<&str> = match family {
        "item" => class
            .into_iter()
            .chain([cmdb.virtual_class.as_str(), &cmdb.physical_class, &cmdb.image_class])
            .chain(CLASSES.iter().copied())
            .collect(),
        table => vec![table, "task"],
    };
    let query = Query::new().one_of("name", tables.iter().copied()).one_of("element", wanted.iter().copied());
    let rows = match plugin.client().list("sys_dictionary", &query, "name,element,max_length,reference", ROWS) {
        Ok(rows) => rows,
        Err(error) if error.kind.is_passing() => return Err(error),
        Err(_) => Vec::new(),
    };
    for name in wanted {
        let of = |table: &&str| rows.iter().find(|row| row.text("name") == **table && row.text("element") == name);
        // The nearest table's row counts.
        let row = tables.iter().find_map(of);
        if row.is_none() {
            plugin.audit("mapping.column-unknown", kind.name(), None, &[("field", name)]);
        }
        plugin.columns().push(column(family, name, row));
    }
    Ok(())
}

fn column(family: &'static str, name: &str, row: Option<&Record>) -> Column {
    let text = |field: &str| row.map(|row| row.text(field).into_owned()).filter(|text| !text.is_empty());
    Column {
        family,
        name: name.to_owned(),
        length: text("max_length").and_then(|length| length.parse().ok()).filter(|length| *length <= VARCHAR),
        reference: text("reference"),
    }
}

/// How many characters a column keeps; none where it keeps any text, or nobody knows.
pub(super) fn length(plugin: &Plugin, kind: RecordKind, field: &str) -> Option<usize> {
    match known(field) {
        Some((_, of_task, of_item)) => {
            if family(kind) == "item" {
                *of_item
            } else {
                *of_task
            }
        }
        None => plugin.columns().iter().find(|column| column.family == family(kind) && column.name == field)?.length,
    }
}

/// The table that a field refers to, and the column that its records are called by.
pub(super) fn reference(plugin: &Plugin, field: &str) -> Option<(String, &'static str)> {
    if let Some((table, column)) = reference_of(field) {
        return Some((table.to_owned(), column));
    }
    let columns = plugin.columns();
    let table = columns.iter().find(|column| column.name == field)?.reference.clone()?;
    let column = column_of(&table);
    Some((table, column))
}

fn known(field: &str) -> Option<&'static (&'static str, Option<usize>, Option<usize>)> {
    LENGTHS.iter().find(|(known, ..)| *known == field)
}

fn family(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::BuildChange | RecordKind::DeployChange => "change_request",
        RecordKind::Incident => "incident",
        RecordKind::Image | RecordKind::System => "item",
    }
}
