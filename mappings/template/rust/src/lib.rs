//! A custom mapping: what records say, by the rules that were agreed.
//!
//! `apply` gets the event as JSON and the fields that the plugin would send, and returns the fields to send. Identity, state
//! and approval are the plugin's own: leave them out.

use exports::openfactory::itsm_mapping::mapping::{Complaint, Field, Guest, Mapped, Produced, Value};
use serde_json::Value as Json;

wit_bindgen::generate!({ path: "wit", world: "custom-mapping" });

struct Mapping;

impl Guest for Mapping {
    /// Says which fields may come. Look at `rules` here if you read any: they are the settings' section `mapping`.
    fn check_rules(_rules: String) -> Result<Vec<Produced>, Vec<Complaint>> {
        let fields = vec!["short_description".to_owned()];
        Ok(vec![Produced { kind: "incident".to_owned(), fields, open: false }])
    }

    fn apply(_rules: String, kind: String, event: String, defaults: Vec<Field>) -> Result<Mapped, Complaint> {
        let event: Json = serde_json::from_str(&event).map_err(complaint)?;
        let mut fields = defaults;
        if kind == "incident" {
            let image = event["build"]["image"]["name"].as_str().unwrap_or("an image");
            let message = event["message"].as_str().unwrap_or_default();
            set(&mut fields, "short_description", format!("{image}: {message}"));
        }
        Ok(Mapped { class_name: None, fields })
    }
}

/// Sets a field, whether the plugin offered it or not.
fn set(fields: &mut Vec<Field>, name: &str, text: String) {
    fields.retain(|field| field.name != name);
    fields.push(Field { name: name.to_owned(), value: Value::Text(text) });
}

fn complaint(error: serde_json::Error) -> Complaint {
    Complaint { path: String::new(), line: None, column: None, message: error.to_string() }
}

export!(Mapping);
