//! One record as a reply holds it.

use serde_json::{Map, Value};
use std::borrow::Cow;

/// A record's fields. A field that is absent, empty or `null` reads as `""`: ServiceNow leaves out what the user may not
/// read, and writes `""` for what is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record(Map<String, Value>);

impl Record {
    /// A record, if it is one: a JSON object.
    pub fn new(value: Value) -> Option<Self> {
        match value {
            Value::Object(fields) => Some(Self(fields)),
            _ => None,
        }
    }

    /// The field's own value, whatever shape the API gives it: a string, a number, a boolean, `{"value": …}` with or
    /// without a `link`. The Change Management API writes whole numbers as floats: `-5.0` reads as `-5`.
    pub fn text(&self, field: &str) -> Cow<'_, str> {
        self.0.get(field).map(plain).unwrap_or_default()
    }

    /// What people see of it: `display_value` where the reply has one, else the value.
    pub fn display(&self, field: &str) -> Cow<'_, str> {
        match self.0.get(field).and_then(|value| value.get("display_value")) {
            Some(value) => plain(value),
            None => self.text(field),
        }
    }

    /// Whether the field is there at all. One that the user may not read is not.
    pub fn has(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    /// A boolean field; false where it is empty.
    pub fn flag(&self, field: &str) -> bool {
        self.text(field) == "true"
    }

    /// A date-time field, in milliseconds since the epoch.
    pub fn time(&self, field: &str) -> Option<u64> {
        super::datetime::parse(&self.text(field))
    }

    /// The fields as JSON.
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
        Value::Number(number) => {
            let text = number.to_string();
            Cow::Owned(text.strip_suffix(".0").map(str::to_owned).unwrap_or(text))
        }
        Value::Object(fields) => fields.get("value").map(plain).unwrap_or_default(),
        Value::Null | Value::Array(_) => Cow::Borrowed(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_shape_of_a_field_reads_as_its_value() {
        let record = Record::new(json!({
            "table": "-5",
            "change_api": {"display_value": "New", "value": -5.0},
            "reference": {"link": "https://x/api/now/table/sys_user/1", "value": "1"},
            "flag": true,
            "empty": "",
        }))
        .unwrap();
        assert_eq!(record.text("table"), "-5");
        assert_eq!(record.text("change_api"), "-5");
        assert_eq!(record.display("change_api"), "New");
        assert_eq!(record.text("reference"), "1");
        assert!(record.flag("flag"));
        assert_eq!(record.text("absent"), record.text("empty"));
        assert!(!record.has("absent"));
    }
}
