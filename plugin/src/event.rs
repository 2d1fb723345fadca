//! What every event must hold before anything is done for it.

use crate::evidence;
use itsm_contract::events::{DeployEvent, DeployPhase, FailedStep, FailureEvent};
use itsm_contract::json::time;
use itsm_contract::types::{Build, Delivery, Failure, Problem, Schedule, System};
use serde::Serialize;
use serde_json::Value;

/// An event that makes no sense, and the field that makes none.
pub fn invalid(field: &str, what: &str) -> Failure {
    Failure::InvalidEvent(Problem {
        code: "event.invalid".into(),
        summary: format!("`{field}` {what}"),
        remedy: format!("correct `{field}` where the event is made"),
        detail: None,
    })
}

/// A record of the contract as a JSON value. By way of its text: the contract's serializers are compiled for text as it is,
/// and would be compiled for values once more.
pub fn as_json(record: &impl Serialize) -> Value {
    let text = serde_json::to_vec(record).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Checks what every event has: its key, its time, and what was built.
///
/// # Errors
/// `InvalidEvent`, naming the first field that makes no sense.
pub fn check(delivery: &Delivery, build: &Build) -> Result<(), Failure> {
    check_name("delivery.key", &delivery.key)?;
    if time::text(delivery.occurred_at).is_none() {
        return Err(invalid("delivery.occurred-at", "lies beyond the year 9999"));
    }
    check_name("build.id", &build.id)?;
    check_name("build.image.name", &build.image.name)?;
    check_name("build.image.version", &build.image.version)
}

/// A name stands in one line, and says something.
fn check_name(field: &str, name: &str) -> Result<(), Failure> {
    match name.trim() {
        "" => Err(invalid(field, "is empty")),
        _ if name.contains(char::is_control) => Err(invalid(field, "holds a control character")),
        _ => Ok(()),
    }
}

/// Checks what a failure has besides: its step, its environment and its systems.
///
/// # Errors
/// `InvalidEvent`, naming the first field that makes no sense.
pub fn check_failure(event: &FailureEvent) -> Result<(), Failure> {
    check(&event.delivery, &event.build)?;
    if let FailedStep::Other(name) = &event.step {
        check_name("step.other", name)?;
    }
    if let Some(environment) = &event.environment {
        check_name("environment.name", &environment.name)?;
    }
    check_systems(&event.systems)
}

/// Checks what a deployment has besides: its id, its artifact's digest, its environment, its systems, and those of them
/// that received the image.
///
/// # Errors
/// `InvalidEvent`, naming the first field that makes no sense.
pub fn check_deployment(event: &DeployEvent) -> Result<(), Failure> {
    check(&event.delivery, &event.build)?;
    check_name("deployment-id", &event.deployment_id)?;
    check_name("environment.name", &event.environment.name)?;
    evidence::check_artifact(&event.build)?;
    check_systems(&event.systems)?;
    check_schedule(event.schedule.as_ref())?;
    let DeployPhase::Failed(shortfall) = &event.phase else { return Ok(()) };
    let is_known = |name: &&String| event.systems.iter().any(|system| system.name == **name);
    match shortfall.received.iter().find(|name| !is_known(name)) {
        Some(name) => Err(invalid("phase.failed.received", &format!("holds `{name}`, which is none of `systems`"))),
        None => Ok(()),
    }
}

/// Checks that every system has a name, and none the name of another.
///
/// # Errors
/// `InvalidEvent`, naming the first that has not.
fn check_systems(systems: &[System]) -> Result<(), Failure> {
    let mut seen = std::collections::BTreeSet::new();
    for (index, system) in systems.iter().enumerate() {
        check_name(&format!("systems[{index}].name"), &system.name)?;
        if !seen.insert(system.name.as_str()) {
            return Err(invalid("systems", &format!("holds `{}` twice", system.name)));
        }
    }
    Ok(())
}

/// Checks that the time that work is planned for is some.
///
/// # Errors
/// `InvalidEvent` where a window ends before it begins, or a slot has no length.
pub fn check_schedule(schedule: Option<&Schedule>) -> Result<(), Failure> {
    match schedule {
        Some(Schedule::Window(window)) if window.end <= window.start => {
            Err(invalid("schedule.window", "does not end after it starts"))
        }
        Some(Schedule::FirstFree(0)) => Err(invalid("schedule.first-free", "has no length")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(name: &str, value: serde_json::Value) -> String {
        let mut event = json!({
            "delivery": {"key": "k", "attempt": 1, "occurred-at": "2026-11-24T10:00:00Z"},
            "build": {"id": "b", "image": {"name": "i", "version": "1"}},
            "environment": {"name": "prod", "tier": "production"},
            "deployment-id": "d",
            "phase": {"failed": {"why": "power", "received": ["a"]}},
            "systems": [{"name": "a", "kind": "virtual", "identifiers": {}}],
            "labels": {},
        });
        if let Some(place) = event.pointer_mut(name) {
            *place = value;
        }
        let event: DeployEvent = serde_json::from_value(event).unwrap();
        match check_deployment(&event) {
            Err(Failure::InvalidEvent(problem)) => problem.summary,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_deployment_that_makes_no_sense_is_refused_by_the_name_of_its_field() {
        let system = |name: &str| json!({"name": name, "kind": "virtual", "identifiers": {}});
        let cases = [
            ("/delivery/key", json!(" "), "`delivery.key` is empty"),
            ("/build/image/version", json!(""), "`build.image.version` is empty"),
            ("/build/id", json!("b\nArtifact: mine"), "`build.id` holds a control character"),
            (
                "/build/image",
                json!({"name": "i", "version": "1", "digest": "md5"}),
                "`build.image.digest` is no digest: write its algorithm and hexadecimal digits, such as sha256:5891b5…",
            ),
            ("/deployment-id", json!(""), "`deployment-id` is empty"),
            ("/environment/name", json!(""), "`environment.name` is empty"),
            ("/systems", json!([system("a"), system("")]), "`systems[1].name` is empty"),
            ("/systems", json!([system("a"), system("a")]), "`systems` holds `a` twice"),
            ("/phase/failed/received", json!(["b"]), "`phase.failed.received` holds `b`, which is none of `systems`"),
        ];
        for (name, value, expected) in cases {
            assert_eq!(refused(name, value), expected);
        }
    }

    #[test]
    fn a_schedule_that_leaves_no_time_is_refused() {
        let window = |start, end| Schedule::Window(itsm_contract::types::Window { start, end });
        for (schedule, field) in [
            (window(5, 5), "schedule.window"),
            (window(6, 5), "schedule.window"),
            (Schedule::FirstFree(0), "schedule.first-free"),
        ] {
            match check_schedule(Some(&schedule)) {
                Err(Failure::InvalidEvent(problem)) => assert!(problem.summary.contains(field), "{problem:?}"),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(check_schedule(Some(&window(5, 6))), Ok(()));
        assert_eq!(check_schedule(None), Ok(()));
    }
}
