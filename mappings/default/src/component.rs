//! The world `custom-mapping`, over this crate's own functions.

#![allow(unsafe_code, missing_docs)]

use crate::{Complaint, Field, Mapped, Produced, Value};

wit_bindgen::generate!({ path: "../../wit/deps/itsm-mapping", world: "custom-mapping" });

use exports::openfactory::itsm_mapping::mapping as wit;

struct Component;

impl wit::Guest for Component {
    fn check_rules(rules: String) -> Result<Vec<wit::Produced>, Vec<wit::Complaint>> {
        match crate::check_rules(&rules) {
            Ok(produced) => Ok(produced.into_iter().map(Into::into).collect()),
            Err(complaints) => Err(complaints.into_iter().map(Into::into).collect()),
        }
    }

    fn apply(
        rules: String,
        kind: String,
        event: String,
        defaults: Vec<wit::Field>,
    ) -> Result<wit::Mapped, wit::Complaint> {
        let defaults = defaults.into_iter().map(Into::into).collect();
        crate::apply(&rules, &kind, &event, defaults).map(Into::into).map_err(Into::into)
    }
}

impl From<wit::Field> for Field {
    fn from(field: wit::Field) -> Self {
        let value = match field.value {
            wit::Value::Text(text) => Value::Text(text),
            wit::Value::Named(name) => Value::Named(name),
        };
        Self { name: field.name, value }
    }
}

impl From<Field> for wit::Field {
    fn from(field: Field) -> Self {
        let value = match field.value {
            Value::Text(text) => wit::Value::Text(text),
            Value::Named(name) => wit::Value::Named(name),
        };
        Self { name: field.name, value }
    }
}

impl From<Mapped> for wit::Mapped {
    fn from(mapped: Mapped) -> Self {
        Self { class_name: mapped.class_name, fields: mapped.fields.into_iter().map(Into::into).collect() }
    }
}

impl From<Produced> for wit::Produced {
    fn from(produced: Produced) -> Self {
        Self { kind: produced.kind, fields: produced.fields, open: produced.open }
    }
}

impl From<Complaint> for wit::Complaint {
    fn from(complaint: Complaint) -> Self {
        Self { path: complaint.path, line: complaint.line, column: complaint.column, message: complaint.message }
    }
}

export!(Component);
