//! What a success puts right.

use super::*;

#[test]
fn success_resolves_with_a_code_that_the_instance_knows() {
    let first = chain().after(None);
    let choice =
        |value: &str| json!({"name": "incident", "element": "close_code", "value": value, "inactive": "false"});
    let script = Script::new()
        .on(Get, "incident", 200, found(&[row(&first, "2", &note(Word::Failed, "evt-1", 0))]))
        .on(Get, "sys_choice close_code", 200, found(&[choice("Duplicate"), choice("Solved (Permanently)")]))
        .on(Patch, &first.sys_id, 200, json!({"result": {"sys_id": first.sys_id, "state": "6"}}));
    let thing = "rhel-9-hardened/verification/prod-eu-1";
    let resolved = script
        .run(&settings(), |plugin| resolve(plugin, thing, &delivery("evt-2", 9), "Build build-4713", None))
        .unwrap();
    assert_eq!(resolved.len(), 1);
    let sent = script.body(2);
    assert_eq!(sent["close_code"], "Solved (Permanently)");
    assert_eq!(sent["close_notes"], "Build build-4713 succeeded.");
    assert_eq!(sent["state"], "6");
}

#[test]
fn a_redelivered_success_names_the_incident_that_it_resolved() {
    let first = chain().after(None);
    let script = Script::new().on(Get, "incident", 200, found(&[row(&first, "7", &note(Word::Succeeded, "evt-2", 9))]));
    let thing = "rhel-9-hardened/verification/prod-eu-1";
    let resolved = script.run(&settings(), |plugin| resolve(plugin, thing, &delivery("evt-2", 9), "x", None)).unwrap();
    assert_eq!(resolved.len(), 1);
}

#[test]
fn a_success_that_is_told_late_does_not_resolve_what_failed_since() {
    let first = chain().after(None);
    let script = Script::new().on(Get, "incident", 200, found(&[row(&first, "2", &note(Word::Failed, "evt-3", 10))]));
    let thing = "rhel-9-hardened/verification/prod-eu-1";
    let resolved = script.run(&settings(), |plugin| resolve(plugin, thing, &delivery("evt-2", 9), "x", None));
    assert_eq!(resolved, Ok(Vec::new()));
}

#[test]
fn a_failure_that_is_told_after_a_later_success_opens_nothing() {
    let first = chain().after(None);
    let later = note(Word::Succeeded, "evt-2", 1_795_999_000_000);
    let script = Script::new().on(Get, "incident", 200, found(&[row(&first, "6", &later)]));
    assert_eq!(open(script, &failure()).1.outcome, ItemOutcome::Skipped);
}

#[test]
fn an_undelivered_event_is_its_own_thing_and_resolves_when_it_is_delivered() {
    let build = failure().build;
    assert_eq!(thing(Some("evt-9"), &build, &FailedStep::Delivery, None), undelivered("evt-9"));
    let first = Chain::new("openfactory", &undelivered("evt-9")).after(None);
    let choice =
        json!({"name": "incident", "element": "close_code", "value": "Solution provided", "inactive": "false"});
    let script = Script::new()
        .on(Get, "incident", 200, found(&[row(&first, "1", &note(Word::Failed, "evt-10", 5))]))
        .on(Get, "sys_choice", 200, found(&[choice]))
        .on(Patch, &first.sys_id, 200, json!({"result": {"sys_id": first.sys_id, "state": "6"}}));
    let late = Delivery { key: "evt-9".into(), attempt: 9, occurred_at: 1, given_up_at: Some(5) };
    assert_eq!(script.run(&settings(), |plugin| delivered(plugin, &late)).unwrap().len(), 1);
    assert_eq!(Script::new().run(&settings(), |plugin| delivered(plugin, &delivery("evt-9", 1))), Ok(Vec::new()));
}
