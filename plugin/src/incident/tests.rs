//! The life of an incident, against replies in the shapes that instances send.

use super::chain::Chain;
use super::*;
use crate::failure::on_failure;
use crate::testing::{SETTINGS, Script};
use crate::transport::Method::{Get, Patch, Post};
use itsm_contract::answers;
use itsm_contract::events::FailureEvent;
use itsm_contract::types::ItemOutcome;
use serde_json::{Value, json};

mod resolving;

const FIRST: &str = "openfactory/incident/";

fn failure() -> FailureEvent {
    serde_json::from_value(json!({
        "delivery": {"key": "evt-1", "attempt": 1, "occurred-at": "2026-11-24T11:00:00Z"},
        "build": {
            "id": "build-4712",
            "image": {"name": "rhel-9-hardened", "version": "2026.11.2", "digest": "sha256:ab12", "format": "qcow2"},
            "requested-by": "priya.shah",
            "source-revision": "9f2c1e7",
            "url": "https://factory.example/builds/4712",
        },
        "step": "verification",
        "message": "a required check failed",
        "environment": {"name": "prod-eu-1", "tier": "production"},
        "systems": [{"name": "web-01", "kind": "virtual", "identifiers": {}}],
        "tests": {
            "passed": 127, "failed": 1, "skipped": 1, "duration-ms": 214000,
            "checks": [
                {"name": "boots", "required": true, "outcome": "passed"},
                {"name": "cis-benchmark", "required": true, "outcome": "failed", "detail": "3 of 212 rules do not hold"},
                {"name": "drivers", "required": true, "outcome": "skipped"},
            ],
            "report-url": "https://factory.example/reports/4712",
        },
        "log-url": "https://factory.example/logs/4712",
        "labels": {},
    }))
    .unwrap()
}

const CHANGE: &str = "c9d2b0aa2f8a0110abcd12345678ef02";

fn failure_under_change() -> FailureEvent {
    let change = json!({"kind": "change_request", "id": CHANGE, "number": "CHG0030001", "url": "https://x"});
    FailureEvent { change: serde_json::from_value(change).unwrap(), ..failure() }
}

/// What the instance says to the change request's number.
fn numbered(script: Script, sys_id: &str) -> Script {
    script.on(Get, "change_request CHG0030001", 200, found(&[json!({"sys_id": sys_id, "number": "CHG0030001"})]))
}

/// The settings, without the CMDB: it is asked for the item concerned elsewhere.
fn settings() -> String {
    SETTINGS.replacen('{', r#"{"workflows":{"cmdb":false},"#, 1)
}

fn chain() -> Chain {
    Chain::new("openfactory", "rhel-9-hardened/verification/prod-eu-1")
}

fn delivery(key: &str, at: u64) -> Delivery {
    Delivery { key: key.into(), attempt: 1, occurred_at: at, given_up_at: None }
}

/// An incident as a list with `sysparm_display_value=all` shows it.
fn row(identity: &crate::identity::Identity, state: &str, notes: &str) -> Value {
    let both = |value: &str| json!({"display_value": value, "value": value});
    json!({
        "sys_id": both(&identity.sys_id),
        "number": both("INC0010001"),
        "state": {"display_value": "In Progress", "value": state},
        "active": both("true"),
        "correlation_id": both(&identity.correlation_id),
        "sys_created_on": both("2026-11-24 11:00:01"),
        "work_notes": {"display_value": notes, "value": ""},
        "rfc": both(""),
        "caused_by": both(""),
    })
}

fn found(rows: &[Value]) -> Value {
    json!({ "result": rows })
}

fn open(script: Script, event: &FailureEvent) -> (Script, answers::Incident) {
    let answer = script.run(&settings(), |plugin| on_failure(plugin, event)).unwrap().unwrap();
    (script, answer)
}

fn note(word: Word, key: &str, at: u64) -> String {
    Marker::new(word, &delivery(key, at)).text()
}

#[test]
fn a_first_failure_opens_an_incident_that_says_everything() {
    let identity = chain().after(None);
    let created = json!({"result": {
        "sys_id": identity.sys_id, "correlation_id": identity.correlation_id, "number": "INC0010001",
    }});
    let script = Script::new().on(Get, &format!("incident {FIRST} STARTSWITH"), 200, found(&[]));
    let script = numbered(script, CHANGE).on(Post, "/api/now/table/incident", 201, created);
    let (script, answer) = open(script, &failure_under_change());
    assert_eq!(answer.outcome, ItemOutcome::Created);
    assert_eq!(answer.ticket.number, "INC0010001");
    let sent = script.body(2);
    assert_eq!(
        sent,
        json!({
            "sys_id": identity.sys_id,
            "correlation_id": identity.correlation_id,
            "correlation_display": "OpenFactory",
            "short_description": "Image verification failed: rhel-9-hardened 2026.11.2 (prod-eu-1)",
            "description": "a required check failed\n\n\
                Failed step: verification\n\
                Build: build-4712, https://factory.example/builds/4712\n\
                Image: rhel-9-hardened 2026.11.2\n\
                Artifact: sha256:ab12, qcow2\n\
                Source revision: 9f2c1e7\n\
                Requested by: priya.shah\n\
                Environment: prod-eu-1 (production)\n\
                Systems: web-01 (virtual)\n\
                Change request: CHG0030001\n\
                Tests: 127 passed, 1 failed, 1 skipped\n  \
                Check: cis-benchmark (failed, required): 3 of 212 rules do not hold\n  \
                Check: drivers (did not run, required)\n\
                Test report: https://factory.example/reports/4712\n\
                Log: https://factory.example/logs/4712\n\n\
                Recommended next action: correct what fails in cis-benchmark, and build the image again. \
                Do not deploy build-4712.",
            "impact": "2",
            "urgency": "2",
            "rfc": CHANGE,
            "work_notes": format!("Opened by OpenFactory.\n\n{}", note(Word::Failed, "evt-1", 1_795_518_000_000)),
        })
    );
    assert_eq!(script.actions(), ["incident.created"]);
}

#[test]
fn a_redelivered_failure_adds_nothing_even_when_its_incident_was_closed() {
    let notes = format!("2026-11-24 11:00:01 - x (Work notes)\n{}\n\n", note(Word::Failed, "evt-1", 0));
    for state in ["1", "6", "7"] {
        let script = Script::new().on(Get, "incident", 200, found(&[row(&chain().after(None), state, &notes)]));
        assert_eq!(open(script, &failure()).1.outcome, ItemOutcome::Unchanged);
    }
}

#[test]
fn a_repeated_failure_adds_a_work_note_to_the_open_incident() {
    let first = chain().after(None);
    let open_one = row(&first, "2", &note(Word::Failed, "evt-0", 0));
    let script = numbered(Script::new().on(Get, "incident", 200, found(&[open_one])), CHANGE).on(
        Patch,
        &format!("/api/now/table/incident/{}", first.sys_id),
        200,
        json!({"result": {"sys_id": first.sys_id, "state": "2"}}),
    );
    let (script, answer) = open(script, &failure_under_change());
    assert_eq!(answer.outcome, ItemOutcome::Updated);
    let sent = script.body(2);
    let added = sent["work_notes"].as_str().unwrap();
    assert!(added.starts_with("Failed again: a required check failed\n\n"), "{added}");
    assert!(added.ends_with(&note(Word::Failed, "evt-1", 1_795_518_000_000)), "{added}");
    assert_eq!(sent.as_object().unwrap().len(), 2, "the note, and the change that puts it right: {sent}");
}

#[test]
fn a_change_request_of_another_number_is_not_linked_and_that_is_audited() {
    let identity = chain().after(None);
    let created = json!({"result": {"sys_id": identity.sys_id, "correlation_id": identity.correlation_id}});
    let script = numbered(Script::new().on(Get, "incident", 200, found(&[])), &"d".repeat(32));
    let (script, _) = open(script.on(Post, "incident", 201, created), &failure_under_change());
    assert_eq!(script.body(2).get("rfc"), None);
    assert_eq!(script.detail("incident.change-ignored", "why").unwrap(), "its number is another record's");
}

#[test]
fn a_failure_after_the_incident_was_closed_opens_a_new_one_linked_to_it() {
    let first = chain().after(None);
    let closed = row(&first, "7", &note(Word::Failed, "evt-0", 0));
    let earlier = Script::new().on(Get, "incident", 200, found(std::slice::from_ref(&closed)));
    let read = earlier.run(&settings(), |plugin| chain().read(plugin.client())).unwrap();
    let second = chain().after(read.current.as_ref());
    assert_ne!(second.sys_id, first.sys_id);
    let created = json!({"result": {
        "sys_id": second.sys_id, "correlation_id": second.correlation_id, "number": "INC0010002",
    }});
    let script = Script::new().on(Get, "incident", 200, found(&[closed])).on(Post, "incident", 201, created);
    let (script, answer) = open(script, &failure());
    assert_eq!(answer.outcome, ItemOutcome::Created);
    assert_eq!(script.body(1)["parent"], first.sys_id.as_str());
    assert!(script.body(1)["description"].as_str().unwrap().contains("Earlier incident: INC0010001\n"));
}

#[test]
fn a_resolved_incident_is_reopened_only_where_the_settings_say_so() {
    let first = chain().after(None);
    let resolved = found(&[row(&first, "6", &note(Word::Failed, "evt-0", 0))]);
    let reopening = settings().replacen('{', r#"{"incident":{"reopen":true},"#, 1);
    let reopened = json!({"result": {"sys_id": first.sys_id, "state": "2"}});
    let script = Script::new().on(Get, "incident", 200, resolved).on(Patch, &first.sys_id, 200, reopened);
    let answer = script.run(&reopening, |plugin| on_failure(plugin, &failure())).unwrap().unwrap();
    assert_eq!(answer.outcome, ItemOutcome::Updated);
    assert_eq!(script.body(1)["state"], "2");
}

#[test]
fn another_host_that_was_quicker_is_met_in_one_incident() {
    let first = chain().after(None);
    let refusal =
        json!({"error": {"message": "Operation Failed", "detail": "Unique Key violation"}, "status": "failure"});
    let theirs = json!({"result": {"sys_id": first.sys_id, "correlation_id": first.correlation_id}});
    let script = Script::new()
        .on(Get, "incident", 200, found(&[]))
        .on(Post, "incident", 403, refusal)
        .on(Get, &format!("incident/{}", first.sys_id), 200, theirs)
        .on(Get, "incident", 200, found(&[row(&first, "1", &note(Word::Failed, "evt-of-theirs", 0))]))
        .on(Patch, &first.sys_id, 200, json!({"result": {"sys_id": first.sys_id, "state": "1"}}));
    assert_eq!(open(script, &failure()).1.outcome, ItemOutcome::Updated);
}

#[test]
fn of_two_incidents_with_ids_of_the_instances_own_the_first_stands() {
    let identity = chain().after(None);
    let renamed = |sys_id: &str, created: &str, key: &str| {
        let mut row = row(&identity, "1", &note(Word::Failed, key, 0));
        row["sys_id"]["value"] = sys_id.into();
        row["sys_created_on"]["value"] = created.into();
        row
    };
    let (ours, theirs) = ("b".repeat(32), "a".repeat(32));
    let rows = [renamed(&ours, "2026-11-24 11:00:01", "evt-1"), renamed(&theirs, "2026-11-24 11:00:01", "evt-0")];
    let made = json!({"result": {"sys_id": ours, "correlation_id": identity.correlation_id, "number": "INC0010002"}});
    let script = Script::new()
        .on(Get, "incident", 200, found(&[]))
        .on(Post, "incident", 201, made)
        .on(Get, "incident", 200, found(&rows))
        .on(Patch, &ours, 200, json!({"result": {"sys_id": ours, "state": "8"}}))
        .on(Patch, &theirs, 200, json!({"result": {"sys_id": theirs, "state": "1"}}));
    let (script, answer) = open(script, &failure());
    assert_eq!((answer.ticket.id, answer.outcome), (theirs, ItemOutcome::Updated));
    assert_eq!(script.body(3)["state"], "8");
}

#[test]
fn a_search_that_the_instance_did_not_understand_opens_and_touches_nothing() {
    let foreign = crate::identity::Identity { sys_id: "f".repeat(32), correlation_id: String::new() };
    let script = Script::new().on(Get, "incident", 200, found(&[row(&foreign, "1", "")]));
    let answer = script.run(&settings(), |plugin| on_failure(plugin, &failure()));
    assert!(matches!(answer, Err(Failure::Retry(_))), "{answer:?}");
}

#[test]
fn a_step_that_is_switched_off_opens_nothing() {
    let only_builds = settings().replacen('{', r#"{"incident":{"steps":["build"]},"#, 1);
    let script = Script::new();
    assert_eq!(script.run(&only_builds, |plugin| on_failure(plugin, &failure())), Ok(None));
}
