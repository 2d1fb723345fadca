//! What every event must hold before anything is done for it.

use itsm_contract::types::{Build, Delivery, Failure, Problem};

/// An event that makes no sense, and the field that makes none.
pub fn invalid(field: &str, what: &str) -> Failure {
    Failure::InvalidEvent(Problem {
        code: "event.invalid".into(),
        summary: format!("`{field}` {what}"),
        remedy: format!("correct `{field}` where the event is made"),
        detail: None,
    })
}

/// Checks what every event has: its key, and what was built.
///
/// # Errors
/// `InvalidEvent`, naming the first field that is empty.
pub fn check(delivery: &Delivery, build: &Build) -> Result<(), Failure> {
    let fields = [("delivery.key", &delivery.key), ("build.id", &build.id), ("build.image.name", &build.image.name)];
    match fields.into_iter().find(|(_, value)| value.trim().is_empty()) {
        Some((field, _)) => Err(invalid(field, "is empty")),
        None => Ok(()),
    }
}
