//! What a new instance holds before anybody has worked with it: tables, choices, people, the CMDB's first items and
//! the change models. Enough that a plugin works at once; everything in it is a record like any other.

pub mod change;
pub mod cmdb;
pub mod people;
pub mod tables;

use crate::servicenow::engine::Engine;
use crate::servicenow::engine::dictionary::{Column, Kind};
use crate::servicenow::engine::record::Record;

/// Adds the rows of `sys_db_object`, `sys_dictionary` and `sys_choice` that say what the dictionary holds.
pub(crate) fn describe(engine: &mut Engine) {
    let tables: Vec<_> = engine.dictionary.tables().cloned().collect();
    for table in &tables {
        let id = described(engine, &table.name);
        let parent = table.parent.as_deref().map(|parent| described(engine, parent)).unwrap_or_default();
        people::keep(
            engine,
            Record::new("sys_db_object")
                .with("sys_id", id)
                .with("name", table.name.as_str())
                .with("label", table.label.as_str())
                .with("super_class", parent),
        );
        let display = table.display.clone().unwrap_or_default();
        for column in &table.columns {
            describe_column(engine, &table.name, column, column.element == display);
        }
    }
    engine.refresh_choices();
}

/// The `sys_id` of a table's own row: the same at every start, since it is made of the name.
fn described(_engine: &Engine, name: &str) -> String {
    use sha2::Digest as _;
    let digest = sha2::Sha256::digest(name.as_bytes());
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn describe_column(engine: &mut Engine, table: &str, column: &Column, display: bool) {
    let id = engine.fresh_sys_id();
    let reference = match column.kind {
        Kind::Reference(ref target) | Kind::List(ref target) => target.as_ref(),
        _ => "",
    };
    people::keep(
        engine,
        Record::new("sys_dictionary")
            .with("sys_id", id)
            .with("name", table)
            .with("element", column.element.as_str())
            .with("column_label", column.label.as_str())
            .with("internal_type", column.kind.internal_type())
            .with("reference", reference)
            .with("max_length", column.max_length.to_string())
            .with("read_only", column.read_only.to_string())
            .with("display", display.to_string())
            .with("choice", if column.choice { "1" } else { "0" })
            .with("default_value", column.default.as_str()),
    );
    for (sequence, (value, label)) in column.choices.iter().enumerate() {
        let id = engine.fresh_sys_id();
        people::keep(
            engine,
            Record::new("sys_choice")
                .with("sys_id", id)
                .with("name", table)
                .with("element", column.element.as_str())
                .with("value", value.as_str())
                .with("label", label.as_str())
                .with("sequence", sequence.to_string())
                .with("inactive", "false")
                .with("language", "en"),
        );
    }
}

/// Adds a choice.
pub(crate) fn add_choice(engine: &mut Engine, table: &str, element: &str, value: &str, label: &str) {
    let id = engine.fresh_sys_id();
    people::keep(
        engine,
        Record::new("sys_choice")
            .with("sys_id", id)
            .with("name", table)
            .with("element", element)
            .with("value", value)
            .with("label", label)
            .with("sequence", "1000")
            .with("inactive", "false")
            .with("language", "en"),
    );
}

/// Keeps a record past all rules.
pub(crate) fn add_record(engine: &mut Engine, mut record: Record) {
    if record.lacks("sys_id") {
        record.set("sys_id", engine.fresh_sys_id());
    }
    if let Some(prefix) = engine.dictionary.prefix(record.table()) {
        engine.keep_number(prefix, record.get("number"));
    }
    people::keep(engine, record);
}
