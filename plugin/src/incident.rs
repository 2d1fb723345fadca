//! The life of an incident: it opens for a failure, gathers its repeats, and resolves when the same thing succeeds.

mod chain;
mod marker;
mod open;
mod resolve;
mod text;

#[cfg(test)]
mod tests;

pub use marker::{Marker, Word};
pub use open::{open, plan};
pub use resolve::{close_code, plan_resolve, resolve};
pub use text::{image as image_name, tier_name};

use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind};
use crate::settings::Step;
use chain::Incident;
use itsm_contract::events::{BuildResult, DeployEvent, FailedStep, FailureEvent};
use itsm_contract::types::{Build, Delivery, Environment, Failure, Ticket};

/// What counts as the same failure: what the event says, else image name, step and environment. For a delivery, the event
/// names the key that could not be delivered.
pub fn thing(given: Option<&str>, build: &Build, step: &FailedStep, environment: Option<&Environment>) -> String {
    match given.filter(|given| !given.is_empty()) {
        Some(key) if *step == FailedStep::Delivery => undelivered(key),
        Some(given) => given.into(),
        None => {
            let environment = environment.map(|environment| environment.name.as_str()).unwrap_or_default();
            format!("{}/{}/{environment}", build.image.name, step_name(step))
        }
    }
}

/// Whether the settings ask for an incident.
pub fn is_wanted(plugin: &Plugin, event: &FailureEvent) -> bool {
    let settings = plugin.settings();
    settings.workflows.incidents && settings.incident.steps.contains(&Step::of(&event.step))
}

/// What a build's success puts right: the thing that it names, else that the build failed, or its verification.
pub fn things(result: &BuildResult) -> Vec<String> {
    let thing = |step: &FailedStep| thing(result.thing.as_deref(), &result.build, step, result.environment.as_ref());
    let mut things: Vec<String> = [FailedStep::Build, FailedStep::Verification].iter().map(thing).collect();
    things.dedup();
    things
}

/// The label by which a deployment names its thing, where its failure names one: its event has no field for that.
const THING: &str = "thing";

/// What a deployment's success puts right.
pub fn deployed(event: &DeployEvent) -> String {
    let given = event.labels.iter().find(|(name, _)| name == THING).map(|(_, thing)| thing.as_str());
    thing(given, &event.build, &FailedStep::Deployment, Some(&event.environment))
}

/// The thing that failed when the event with this delivery key could not be delivered.
pub fn undelivered(key: &str) -> String {
    format!("delivery/{key}")
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

/// Resolves the incident that was opened when the host gave this event up: it is delivered after all. Asks nothing
/// where the host never did.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses.
pub fn delivered(plugin: &Plugin, delivery: &Delivery) -> Result<Vec<Ticket>, Failure> {
    match delivery.given_up_at {
        None => Ok(Vec::new()),
        Some(given_up_at) => {
            // The event occurred before it was given up; its delivery, which is what succeeds, comes after.
            let occurred_at = plugin.now().max(given_up_at);
            let arrival = Delivery { occurred_at, ..delivery.clone() };
            resolve(plugin, &undelivered(&delivery.key), &arrival, "The delivery", None)
        }
    }
}

/// As [`delivered`], for a gate: its answer does not wait for this, so a failure is only audited.
pub fn delivered_gate(plugin: &Plugin, delivery: &Delivery) {
    if let Err(failure) = delivered(plugin, delivery) {
        let why = format!("{failure:?}");
        plugin.audit(
            "incident.not-resolved",
            &delivery.key,
            None,
            &[("thing", &undelivered(&delivery.key)), ("why", &why)],
        );
    }
}

/// The `sys_id` of the change request that an event names, by its number: ServiceNow would store a reference to nothing
/// without a word. None, which is audited, where its number is another record's or nobody's.
///
/// # Errors
/// Where ServiceNow cannot be asked for the moment.
fn change_of(plugin: &Plugin, change: &Ticket, key: &str) -> Result<Option<String>, Error> {
    let why = match plugin.reference("change_request", "number", &change.number) {
        Ok(sys_id) if sys_id == change.id => return Ok(Some(sys_id)),
        Ok(_) => "its number is another record's".to_owned(),
        Err(error) if error.kind.is_passing() && error.kind != Kind::ReplyUnexpected => return Err(error),
        Err(error) => error.to_string(),
    };
    plugin.audit("incident.change-ignored", key, Some(change), &[("why", &why)]);
    Ok(None)
}

impl Incident {
    /// Whether this change request is linked in neither way, and the link to what puts it right is free.
    fn is_new_change(&self, sys_id: &str) -> bool {
        self.rfc.is_empty() && self.caused_by != sys_id
    }
}
