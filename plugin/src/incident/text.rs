//! What an incident says, as a person reads it.

use super::step_name;
use crate::settings::{Incident, Step};
use itsm_contract::events::{FailedStep, FailureEvent};
use itsm_contract::types::{Build, Check, CheckOutcome, Environment, System, SystemKind, TestSummary, Tier};
use std::fmt::Write;

/// Systems and checks that are named one by one. A fleet has hundreds, and a description is read by people.
const NAMED: usize = 20;

/// Characters of a message: what ServiceNow's own form for a description takes. Notes are read whole with every look at
/// an incident, so a log in place of a message would soon be more than one call can read.
const MESSAGE: usize = 4000;

/// Characters of a line: a check's detail is a sentence.
const LINE: usize = 1000;

/// One line: what failed, of what, where.
pub fn headline(event: &FailureEvent) -> String {
    let image = image(&event.build);
    let place = event.environment.as_ref().map(|environment| format!(" ({})", environment.name)).unwrap_or_default();
    match &event.step {
        FailedStep::Build => format!("Image build failed: {image}{place}"),
        FailedStep::Verification => format!("Image verification failed: {image}{place}"),
        FailedStep::Deployment => format!("Image deployment failed: {image}{place}"),
        FailedStep::Delivery => format!("ServiceNow was not told about an image: {image}{place}"),
        FailedStep::Other(step) => format!("Image step {step} failed: {image}{place}"),
    }
}

/// Everything that whoever works on it needs to know. `earlier` is the number of the closed incident before it.
pub fn description(event: &FailureEvent, settings: &Incident, earlier: Option<&str>) -> String {
    let mut text = format!("{}\n\n", cut(event.message.trim(), MESSAGE));
    facts(&mut text, event);
    if let Some(number) = earlier {
        let _ = writeln!(text, "Earlier incident: {number}");
    }
    let _ = write!(text, "\nRecommended next action: {}", next_action(event, settings));
    text
}

/// What a further failure of the same thing adds.
pub fn repeat(event: &FailureEvent, settings: &Incident) -> String {
    let mut text = format!("Failed again: {}\n\n", cut(event.message.trim(), MESSAGE));
    facts(&mut text, event);
    let _ = write!(text, "\nRecommended next action: {}", next_action(event, settings));
    text
}

fn facts(text: &mut String, event: &FailureEvent) {
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            // One line each: what a build says cannot pass for a line of ours.
            let _ = writeln!(text, "{name}: {}", cut(value, LINE).replace(char::is_control, " "));
        }
    };
    let build = &event.build;
    line("Failed step", Some(step_name(&event.step)));
    line("Build", Some(&with_url(&build.id, build.url.as_deref())));
    line("Image", Some(&image(build)));
    line("Artifact", Some(&artifact(build)));
    line("Source revision", build.source_revision.as_deref());
    line("Requested by", build.requested_by.as_deref());
    line("Environment", event.environment.as_ref().map(environment).as_deref());
    line("Systems", systems(&event.systems).as_deref());
    line("Change request", event.change.as_ref().map(|change| change.number.as_str()));
    line("Tests", event.tests.as_ref().map(tests).as_deref());
    for check in event.tests.iter().flat_map(worth_naming) {
        line("  Check", Some(&check_line(check)));
    }
    line("Test report", event.tests.as_ref().and_then(|tests| tests.report_url.as_deref()));
    line("Log", event.log_url.as_deref());
}

/// Its beginning, with an ellipsis where that is not all.
fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Name and version.
pub fn image(build: &Build) -> String {
    format!("{} {}", build.image.name, build.image.version).trim_end().to_owned()
}

fn with_url(name: &str, url: Option<&str>) -> String {
    match url {
        Some(url) => format!("{name}, {url}"),
        None => name.to_owned(),
    }
}

fn artifact(build: &Build) -> String {
    let image = &build.image;
    let parts: Vec<&str> =
        [&image.digest, &image.format, &image.location].into_iter().filter_map(|part| part.as_deref()).collect();
    match image.digest {
        Some(_) => parts.join(", "),
        None => "none yet".into(),
    }
}

/// The name of a tier.
pub fn tier_name(tier: &Tier) -> &str {
    match tier {
        Tier::Development => "development",
        Tier::Test => "test",
        Tier::Staging => "staging",
        Tier::Production => "production",
        Tier::Other(name) => name,
    }
}

fn environment(environment: &Environment) -> String {
    format!("{} ({})", environment.name, tier_name(&environment.tier))
}

fn systems(systems: &[System]) -> Option<String> {
    let names = systems.iter().take(NAMED).map(|system| {
        let kind = match &system.kind {
            SystemKind::Virtual => "virtual",
            SystemKind::Physical => "physical",
            SystemKind::Other(kind) => kind,
        };
        format!("{} ({kind})", system.name)
    });
    let mut text = names.collect::<Vec<_>>().join(", ");
    if systems.len() > NAMED {
        let _ = write!(text, " and {} more", systems.len().saturating_sub(NAMED));
    }
    (!systems.is_empty()).then_some(text)
}

fn tests(tests: &TestSummary) -> String {
    format!("{} passed, {} failed, {} skipped", tests.passed, tests.failed, tests.skipped)
}

/// Every check that failed, then the required ones that did not run.
fn worth_naming(tests: &TestSummary) -> impl Iterator<Item = &Check> {
    let failed = tests.checks.iter().filter(|check| check.outcome == CheckOutcome::Failed);
    let skipped = tests.checks.iter().filter(|check| check.required && check.outcome == CheckOutcome::Skipped);
    failed.chain(skipped).take(NAMED)
}

fn check_line(check: &Check) -> String {
    let outcome = if check.outcome == CheckOutcome::Failed { "failed" } else { "did not run" };
    let required = if check.required { ", required" } else { "" };
    let detail = check.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{} ({outcome}{required}){detail}", check.name)
}

/// What to do, by what failed; the administrator's own words where the settings have some.
fn next_action(event: &FailureEvent, settings: &Incident) -> String {
    if let Some(words) = settings.next_action(Step::of(&event.step)) {
        return words.to_owned();
    }
    let log = if event.log_url.is_some() { "read the log" } else { "ask OpenFactory for the log" };
    let build = &event.build.id;
    match &event.step {
        FailedStep::Build => format!("{log}, correct the image's recipe, and build it again. No system has changed."),
        FailedStep::Verification => match required(event) {
            Some(checks) => {
                format!("correct what fails in {checks}, and build the image again. Do not deploy {build}.")
            }
            None => format!("{log} for why the image could not be verified, and verify it again. Do not deploy {build}."),
        },
        FailedStep::Deployment if event.systems.is_empty() => {
            format!("{log}, find out which systems received the image, and deploy it again or roll back.")
        }
        FailedStep::Deployment => {
            format!("check the systems named above, {log}, and deploy the image again or roll back to the one before.")
        }
        FailedStep::Delivery => {
            "look up why in OpenFactory's list of deliveries, and deliver the event again: records in ServiceNow may lack \
             what it said."
                .into()
        }
        FailedStep::Other(step) => format!("{log} of {step}, and repeat it when the cause is gone."),
    }
}

fn required(event: &FailureEvent) -> Option<String> {
    let checks = event.tests.iter().flat_map(|tests| &tests.checks);
    let names: Vec<&str> = checks
        .filter(|check| check.required && check.outcome == CheckOutcome::Failed)
        .take(NAMED)
        .map(|check| check.name.as_str())
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}
