//! The JSON Schema of the settings, generated from their types, and held to the file that the component carries.

use super::{Duration, Origin, SCHEMA, Settings, Timeout};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use std::borrow::Cow;

/// Set it to write the file anew.
const WRITE: &str = "WRITE_SETTINGS_SCHEMA";

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time: a whole number and `ms`, `s`, `m`, `h` or `d`, such as `90s`.",
            "type": "string",
            "pattern": "^\\s*[0-9]+\\s*(ms|s|m|h|d)\\s*$",
        })
    }
}

impl serde::Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (count, unit) = match self.0 {
            ms if ms % 3_600_000 == 0 => (ms / 3_600_000, "h"),
            ms if ms % 60_000 == 0 => (ms / 60_000, "m"),
            ms if ms % 1000 == 0 => (ms / 1000, "s"),
            ms => (ms, "ms"),
        };
        serializer.collect_str(&format_args!("{count}{unit}"))
    }
}

impl JsonSchema for Timeout {
    fn schema_name() -> Cow<'static, str> {
        "Timeout".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time, such as `72h`, or `never`.",
            "type": "string",
            "pattern": "^\\s*([0-9]+\\s*(ms|s|m|h|d)|never)\\s*$",
        })
    }
}

impl serde::Serialize for Timeout {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(length) => length.serialize(serializer),
            None => serializer.serialize_str(super::duration::NEVER),
        }
    }
}

impl JsonSchema for Origin {
    fn schema_name() -> Cow<'static, str> {
        "Origin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Scheme, host and, where it is not the usual one, port: nothing after it.",
            "type": "string",
            "format": "uri",
        })
    }
}

impl serde::Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.url())
    }
}

#[test]
fn the_schema_is_that_of_the_settings_types() {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Settings>();
    let mut schema = schema.to_value();
    for section in schema["properties"].as_object_mut().unwrap().values_mut() {
        section.as_object_mut().unwrap().remove("default"); // Each key of the section has its own.
    }
    // Without white space: every component carries it.
    let text = serde_json::to_string(&schema).unwrap() + "\n";
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/settings/settings.schema.json"), &text).unwrap();
        return;
    }
    let written: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let true_one: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(written, true_one, "run this test with {WRITE}=1");
}
