//! Records as the Change Management API shows them: every field with what people see and a *typed* value, numbers as
//! floats, booleans as booleans.

use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::dictionary::{Column, Kind};
use crate::servicenow::engine::record::Record;
use serde_json::{Map, Value, json};

/// A whole record.
pub fn render(engine: &Engine, caller: &Caller, record: &Record) -> Map<String, Value> {
    engine
        .dictionary
        .columns(record.table())
        .iter()
        .filter(|column| caller.may_read_column(column))
        .map(|column| (column.element.clone(), field(engine, caller, record, column)))
        .collect()
}

/// A few fields of a record.
pub fn render_some(engine: &Engine, caller: &Caller, record: &Record, names: &[&str]) -> Map<String, Value> {
    names
        .iter()
        .filter_map(|name| engine.dictionary.column(record.table(), name))
        .map(|column| (column.element.clone(), field(engine, caller, record, column)))
        .collect()
}

fn field(engine: &Engine, caller: &Caller, record: &Record, column: &Column) -> Value {
    let value = record.get(&column.element);
    let shown = engine.shown(caller, record, column);
    let typed: Value = match column.kind {
        Kind::Journal => "".into(),
        Kind::Integer => value.parse::<f64>().map_or_else(|_| "".into(), Value::from),
        Kind::Boolean => (value == "true").into(),
        _ => value.into(),
    };
    match column.kind {
        Kind::DateTime | Kind::Date => {
            let internal = if value.is_empty() { String::new() } else { shown.clone() };
            json!({ "display_value": shown, "value": typed, "display_value_internal": internal })
        }
        _ => json!({ "display_value": shown, "value": typed }),
    }
}
