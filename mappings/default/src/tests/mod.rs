//! What the stock mapping promises.

mod broken;
mod contract;
mod limits;
mod possible;
mod records;
mod templates;

use crate::{Field, Mapped, Value};

/// Rules as people write them: TOML, without `mapping.` before each section.
fn rules(toml: &str) -> String {
    let table: toml::Table = toml.parse().unwrap();
    serde_json::to_string(&table).unwrap()
}

/// A field as the plugin offers it.
fn text(name: &str, value: &str) -> Field {
    Field { name: name.into(), value: Value::Text(value.into()) }
}

/// A field that refers to a record by name.
fn named(name: &str, value: &str) -> Field {
    Field { name: name.into(), value: Value::Named(value.into()) }
}

/// One of the sample events.
fn event(name: &str) -> String {
    let path = format!("{}/../../tests/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// What rules make of the incident for a sample failure.
fn incident(toml: &str) -> Mapped {
    crate::apply(&rules(toml), "incident", &event("failure"), vec![text("urgency", "2")]).unwrap()
}
