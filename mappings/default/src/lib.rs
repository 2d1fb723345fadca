//! The stock mapping: what records say, by the rules in the settings' `mapping` section.
//!
//! A rule is a template over the event. Rules hold always, for a tier, for environments, or under a condition; the later
//! one wins. They are checked before any event comes, and what passes cannot fail when an event does come.
//!
//! ```
//! let rules = r#"{"incident": {"fields": {"short_description": "{{ build.image.name }}: {{ message }}"}}}"#;
//! let event = r#"{"build": {"image": {"name": "rhel-9"}}, "message": "disk full"}"#;
//! let mapped = default_mapping::apply(rules, "incident", event, Vec::new()).unwrap();
//! assert_eq!(mapped.fields[0].value.text(), "rhel-9: disk full");
//! ```

#![deny(missing_docs)]

mod apply;
#[cfg(target_arch = "wasm32")]
mod component;
mod data;
mod event;
mod nearest;
mod possible;
mod rules;
mod template;
#[cfg(test)]
mod tests;
mod types;

pub use types::{Complaint, Field, Mapped, Possible, Produced, Value};

use rules::Rules;

/// Checks the rules (JSON, the settings' `mapping` section) without an event, and says which fields they can set.
///
/// # Errors
/// Everything that is wrong with them, each with its place.
pub fn check_rules(rules: &str) -> Result<Vec<Produced>, Vec<Complaint>> {
    Rules::parse(rules).map(|rules| rules.produced())
}

/// Everything that the rules can say without an event: for a comparison with what an instance takes.
///
/// # Errors
/// As [`check_rules`].
pub fn possible(rules: &str) -> Result<Vec<Possible>, Vec<Complaint>> {
    Rules::parse(rules).map(|rules| rules.possible())
}

/// What one record says: the defaults, as the rules change them.
///
/// # Errors
/// The first thing that is wrong with the rules; an unknown kind; an event that is no JSON.
pub fn apply(rules: &str, kind: &str, event: &str, defaults: Vec<Field>) -> Result<Mapped, Complaint> {
    let unreadable = || Complaint { path: String::new(), line: None, column: None, message: "no rules".into() };
    let rules = Rules::parse(rules).map_err(|complaints| complaints.into_iter().next().unwrap_or_else(unreadable))?;
    rules.apply(kind, event, defaults)
}
