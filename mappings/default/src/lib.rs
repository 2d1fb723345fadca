//! The stock mapping: field templates and conditions from the settings.

#![deny(missing_docs)]

#[cfg(target_arch = "wasm32")]
mod component;
mod types;

pub use types::{Complaint, Field, Mapped, Produced, Value};

/// Checks the rules without an event.
///
/// # Errors
/// Everything that is wrong with them.
pub fn check_rules(_rules: &str) -> Result<Vec<Produced>, Vec<Complaint>> {
    Ok(Vec::new())
}

/// What one record says.
///
/// # Errors
/// The first thing that is wrong with the rules.
pub fn apply(_rules: &str, _kind: &str, _event: &str, defaults: Vec<Field>) -> Result<Mapped, Complaint> {
    Ok(Mapped { class_name: None, fields: defaults })
}
