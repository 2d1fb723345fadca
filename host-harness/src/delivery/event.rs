//! What the outbox reads and writes in an event: its key, its build, its hook, and its bounds.

use itsm_contract::answers::Event;
use itsm_contract::events::{DeployPhase, FailedStep, FailureEvent};
use itsm_contract::types::{Build, Delivery, Failure, Ticket, Timestamp};
use serde_json::Value;

/// Bytes of a delivery key. A key is an identifier, such as a UUID with a few words before it.
pub const KEY_BYTES: usize = 256;

/// Characters of ServiceNow's words, and of what went wrong, that a delivery failure's message keeps.
const MESSAGE_CHARS: usize = 500;

/// Why an event is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// A field that must say something says nothing.
    #[error("`{0}` is empty: give every event its own key and name its build")]
    Empty(&'static str),
    /// The key is longer than [`KEY_BYTES`].
    #[error("`delivery.key` is longer than {KEY_BYTES} bytes: use a shorter one, such as a UUID")]
    KeyTooLong,
    /// The key holds what no line of a log should.
    #[error("`delivery.key` holds a control character: use letters, digits and signs")]
    KeyUnprintable,
}

/// How an event reaches the plugin.
pub fn delivery(event: &Event) -> &Delivery {
    match event {
        Event::BuildRequested(event) => &event.delivery,
        Event::BuildFinished(event) => &event.delivery,
        Event::Failed(event) => &event.delivery,
        Event::Deploy(event) => &event.delivery,
    }
}

/// As [`delivery`], to be written: the attempt and when it was given up are the outbox's own.
pub fn delivery_mut(event: &mut Event) -> &mut Delivery {
    match event {
        Event::BuildRequested(event) => &mut event.delivery,
        Event::BuildFinished(event) => &mut event.delivery,
        Event::Failed(event) => &mut event.delivery,
        Event::Deploy(event) => &mut event.delivery,
    }
}

/// The build that it happened to.
pub fn build(event: &Event) -> &Build {
    match event {
        Event::BuildRequested(event) => &event.build,
        Event::BuildFinished(event) => &event.build,
        Event::Failed(event) => &event.build,
        Event::Deploy(event) => &event.build,
    }
}

/// The hook that it is for.
pub fn hook(event: &Event) -> &'static str {
    match event {
        Event::BuildRequested(_) => "on-build-requested",
        Event::BuildFinished(_) => "on-build-finished",
        Event::Failed(_) => "on-failure",
        Event::Deploy(_) => "on-deploy",
    }
}

/// Whether it tells of another event that could not be delivered.
pub fn is_delivery_failure(event: &Event) -> bool {
    matches!(event, Event::Failed(event) if event.step == FailedStep::Delivery)
}

/// What it must not overtake: the earlier events of its build. A delivery failure is in nobody's way, since it is tried
/// until it succeeds.
pub fn lane(event: &Event) -> String {
    if is_delivery_failure(event) {
        format!("{REPORTS}{}", delivery(event).key)
    } else {
        format!("build {}", build(event).id)
    }
}

/// Checks what the outbox itself relies on. What else an event must hold, the plugin says.
///
/// # Errors
/// Names the field.
pub fn check(event: &Event) -> Result<(), EventError> {
    let key = &delivery(event).key;
    if key.trim().is_empty() {
        return Err(EventError::Empty("delivery.key"));
    }
    if key.len() > KEY_BYTES {
        return Err(EventError::KeyTooLong);
    }
    if key.chars().any(char::is_control) {
        return Err(EventError::KeyUnprintable);
    }
    if build(event).id.trim().is_empty() {
        return Err(EventError::Empty("build.id"));
    }
    Ok(())
}

/// The first field in which two events differ, such as `build.id`; none where they are one event.
pub fn difference(one: &Event, other: &Event) -> Option<String> {
    if one == other {
        return None;
    }
    // It fails for times beyond the year 9999 alone.
    let [one, other] = [one, other].map(|event| serde_json::to_value(event).unwrap_or_default());
    let mut path = String::new();
    descend(&one, &other, &mut path);
    // Its kind is no field of an event, and stands before all that are.
    Some(path.trim_start_matches('.').split_once('.').map_or("kind", |(_, field)| field).to_owned())
}

fn descend(one: &Value, other: &Value, path: &mut String) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let differs = |name: &&String| one.get(*name) != other.get(*name);
            if let Some(name) = one.keys().chain(other.keys()).find(differs) {
                path.push('.');
                path.push_str(name);
                descend(one.get(name).unwrap_or(&Value::Null), other.get(name).unwrap_or(&Value::Null), path);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            if let Some((at, (one, other))) = one.iter().zip(other).enumerate().find(|(_, (one, other))| one != other) {
                path.push_str(&format!("[{at}]"));
                descend(one, other, path);
            }
        }
        _ => {}
    }
}

/// The event that tells of `event`, given up at `at` after so many attempts: the plugin opens an incident for it, whose
/// thing is the key that could not be delivered.
pub fn undelivered(event: &Event, attempts: u32, at: Timestamp, failure: &Failure) -> Event {
    let key = &delivery(event).key;
    let (environment, systems, labels, change) = match event {
        Event::BuildRequested(event) => (event.environment.clone(), event.systems.clone(), &event.labels, None),
        Event::BuildFinished(event) => (event.environment.clone(), Vec::new(), &event.labels, change(&event.gate)),
        Event::Failed(event) => (event.environment.clone(), event.systems.clone(), &event.labels, event.change.clone()),
        Event::Deploy(event) => {
            (Some(event.environment.clone()), event.systems.clone(), &event.labels, change(&event.gate))
        }
    };
    let why: String = failure.problem().summary.chars().take(MESSAGE_CHARS).collect();
    Event::Failed(FailureEvent {
        delivery: Delivery { key: format!("{key}/undelivered/{at}"), attempt: 1, occurred_at: at, given_up_at: None },
        build: build(event).clone(),
        step: FailedStep::Delivery,
        thing: Some(key.clone()),
        message: format!("{} `{key}` was given up after {attempts} attempts: {why}", what(event)),
        environment,
        systems,
        tests: None,
        change,
        log_url: build(event).url.clone(),
        labels: labels.clone(),
    })
}

fn change(gate: &Option<itsm_contract::types::Gate>) -> Option<Ticket> {
    gate.as_ref().and_then(|gate| gate.change.clone())
}

fn what(event: &Event) -> &'static str {
    match event {
        Event::BuildRequested(_) => "the request for a build",
        Event::BuildFinished(_) => "the result of a build",
        Event::Failed(_) => "the report of a failure",
        Event::Deploy(event) => match event.phase {
            DeployPhase::Requested => "the request for a deployment",
            DeployPhase::Started => "the start of a deployment",
            DeployPhase::Succeeded => "the success of a deployment",
            DeployPhase::Failed(_) => "the failure of a deployment",
            DeployPhase::Cancelled(_) => "the end of a deployment",
        },
    }
}

/// The lanes of delivery failures.
const REPORTS: &str = "undelivered ";

/// Whether events of this lane tell of others that could not be delivered.
pub fn is_report_lane(lane: &str) -> bool {
    lane.starts_with(REPORTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::tests::support;
    use itsm_contract::types::Problem;

    #[test]
    fn the_first_field_that_differs_is_named() {
        let one = support::request("a", "b1");
        assert_eq!(difference(&one, &one.clone()), None);
        assert_eq!(difference(&one, &support::request("a", "b2")).as_deref(), Some("build.id"));
        assert_eq!(difference(&one, &support::failure("a", "b1")).as_deref(), Some("kind"));
        let with = |labels: &[(&str, &str)], change: Option<&str>| {
            let Event::BuildRequested(mut event) = one.clone() else { panic!("a request is one") };
            event.labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
            event.change_number = change.map(str::to_owned);
            Event::BuildRequested(event)
        };
        assert_eq!(difference(&one, &with(&[("team", "x")], None)).as_deref(), Some("labels.team"));
        assert_eq!(difference(&one, &with(&[], Some("CHG1"))).as_deref(), Some("change-number"));
        assert_eq!(difference(&with(&[], Some("CHG1")), &one).as_deref(), Some("change-number"));
    }

    #[test]
    fn a_report_quotes_so_much_of_what_went_wrong_and_no_more() {
        let long = Problem { summary: "ä".repeat(2 * MESSAGE_CHARS), ..support::problem("long") };
        let report = undelivered(&support::request("a", "b1"), 3, 7, &Failure::Refused(long));
        let Event::Failed(report) = report else { panic!("a report is a failure") };
        assert_eq!(report.message.matches('ä').count(), MESSAGE_CHARS);
    }
}
