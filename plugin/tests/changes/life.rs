//! A change request from the first event to the closed change.

use crate::instance::Instance;
use crate::support::*;
use itsm_contract::events::{BuildOutcome, BuildResult, DeployPhase, Shortfall};
use itsm_contract::types::{Failure, Schedule, System, SystemKind};
use serde_json::json;
use servicenow_plugin::build_requested::on_build_requested;
use servicenow_plugin::change::after_build;
use servicenow_plugin::deploy::on_deploy;

#[test]
fn a_build_waits_until_its_change_is_approved_and_the_change_is_closed_after_the_deployment() {
    let (host, instance) = (host(), Instance::new());
    let mut requests = Vec::new();

    let first = requested(&host, &instance);
    assert_eq!(waits_for(&first), "ServiceNow to say who has to approve CHG0030001");
    requests.extend(instance.take_requests());

    let review = look(&host, &instance, &first, None);
    let pending = review.moved[0].answer.clone().unwrap();
    assert_eq!(waits_for(&pending), "approval by CAB Approval (Ann Lee, Bob Ray)");
    requests.extend(instance.take_requests());

    instance.advance(MINUTE);
    instance.approve();
    let review = look(&host, &instance, &pending, Some(&review.cursor));
    let approved = review.moved[0].answer.clone().unwrap();
    assert_eq!(proceeds(&approved), "CHG0030001 was approved by Ann Lee");
    requests.extend(instance.take_requests());

    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        let answer = host.call(&instance, |plugin| on_deploy(plugin, &deploy(phase, Some(&approved)))).unwrap();
        assert_eq!(answer.unfinished, []);
    }
    requests.extend(instance.take_requests());
    let change = instance.change();
    assert_eq!((change["state"].as_str(), change["close_code"].as_str()), ("3", "successful"));
    assert!(change["close_notes"].contains("Systems that have the image: web-01."));
    // With the host's one request for a token: 10. A group that is given by name costs one more.
    assert_eq!(
        requests,
        [
            "POST change_request",
            "PATCH change_request",
            "POST batch",
            "POST batch",
            "GET change_request",
            "PATCH change_request",
            "GET change_request",
            "PATCH change_request",
            "PATCH change_request",
        ]
    );
    let actions = host.log.actions();
    assert_eq!(
        actions,
        [
            "change.created",
            "change.submitted",
            "gate.pause",
            "gate.pause",
            "gate.proceed",
            "change.implement",
            "change.review",
            "change.closed"
        ]
    );
}

#[test]
fn an_emergency_goes_to_authorize_and_a_standard_change_is_scheduled_from_its_template() {
    let emergency = Host::with(json!({"change": {"type": "emergency"}}));
    let instance = Instance::new();
    waits_for(&requested(&emergency, &instance));
    assert_eq!(instance.change()["state"], "-3");

    let standard = Host::with(json!({"change": {"type": "standard", "template": "Publish golden image"}}));
    let instance = Instance::new();
    let gate = requested(&standard, &instance);
    assert_eq!(proceeds(&gate), "CHG0030001 is a standard change, approved beforehand");
    let change = instance.change();
    assert_eq!((change["state"].as_str(), change["approval"].as_str()), ("-2", "not requested"));
    assert_eq!(change["std_change_producer_version"], "53b8544047810200e90d87e8dee490c1");
}

#[test]
fn a_linked_change_keeps_its_own_key_and_must_exist_be_open_and_be_of_the_right_type() {
    let (host, instance) = (host(), Instance::new());
    let own = [("correlation_id", "theirs"), ("assignment_group", "287ebd7da9fe198100f92cc8d1d2154e")];
    let made = instance.person_makes(&own);
    let mut request = build_request("b-1");
    request.change_number = Some(made["number"].clone());
    let gate = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap();
    let ticket = gate.change.unwrap();
    assert_eq!((ticket.number.as_str(), ticket.key), (made["number"].as_str(), None));
    assert_eq!(instance.change()["correlation_id"], "theirs");
    assert_eq!(host.log.actions()[0], "change.linked");

    let refused = |number: &str| {
        let mut request = build_request("b-2");
        request.change_number = Some(number.into());
        match host.call(&instance, |plugin| on_build_requested(plugin, &request)) {
            Err(Failure::Refused(problem)) => problem.code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused("CHG9999999"), "change.not-found");
    instance.person_edits(&[("type", "emergency")]);
    assert_eq!(refused(&made["number"]), "change.wrong-type");
    instance.person_edits(&[("type", "normal"), ("state", "3")]);
    assert_eq!(refused(&made["number"]), "change.not-open");
}

#[test]
fn a_refused_transition_says_which_conditions_do_not_hold() {
    let host = Host::with(json!({"change": {"assignment-group": null}}));
    let instance = Instance::new();
    match host.call(&instance, |plugin| on_build_requested(plugin, &build_request("b-1"))) {
        Err(Failure::Refused(problem)) => {
            assert_eq!(
                problem.summary,
                "ServiceNow does not let CHG0030001 go from New to Assess: these conditions do not hold: Not On hold"
            );
            assert!(problem.detail.unwrap().contains("Check State Transition"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failed_deployment_closes_its_change_as_unsuccessful_and_a_cancelled_one_withdraws_it() {
    let failed = DeployPhase::Failed(Shortfall { why: "disk full".into(), received: vec!["web-01".into()] });
    for (phase, state, words) in [
        (failed, "3", "Deploy rhel-9-hardened 2026.11.1 to prod-eu-1 failed: disk full"),
        (DeployPhase::Cancelled("not today".into()), "4", "was cancelled: not today"),
    ] {
        let (host, instance) = (host(), Instance::new());
        let event = deploy(DeployPhase::Requested, None);
        let gate = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap();
        waits_for(&gate);
        instance.approve();
        let gate = reread(&host, &instance, &gate);
        for _ in 0..2 {
            let event = deploy(phase.clone(), Some(&gate));
            let answer = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap();
            assert_eq!(answer.unfinished, []);
        }
        let change = instance.change();
        assert_eq!(change["state"], state);
        assert_eq!(change["work_notes"].matches(words).count(), 1);
    }
}

#[test]
fn uncontrolled_work_proceeds_without_a_request() {
    let host = Host::with(json!({"change": {"controlled": {"environments": ["prod-us-*"]}}}));
    let instance = Instance::new();
    let gate = requested(&host, &instance);
    assert_eq!(proceeds(&gate), "the environment prod-eu-1 is not controlled");
    assert_eq!(gate.change, None);
    assert!(instance.take_requests().is_empty());
}

fn system(name: &str) -> System {
    System { name: name.into(), kind: SystemKind::Virtual, identifiers: Vec::new() }
}

#[test]
fn what_a_change_affects_is_attached_before_approval_is_asked_for() {
    let (host, instance) = (host(), Instance::new());
    instance.worker_reads.set(3);
    let item = instance.knows("web-01", "cmdb_ci_server");
    let mut request = build_request("b-1");
    request.systems = vec![system("web-01"), system("web-99")];
    let gate = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap();
    assert!(waits_for(&gate).starts_with("ServiceNow to attach 1 configuration items (worker "));
    let change = instance.change();
    assert_eq!((change["state"].as_str(), &change["cmdb_ci"]), ("-5", &item));
    assert!(change["description"].contains("- web-01 (virtual)\n- web-99 (virtual, no configuration item yet)"));
    assert_eq!(instance.rows("task_ci")[0]["ci_item"], item);

    // Not done at the first look, done at the second: only then is anybody asked.
    let review = look(&host, &instance, &gate, None);
    assert_eq!(review.moved, []);
    assert_eq!(instance.change()["state"], "-5");
    let review = look(&host, &instance, &gate, Some(&review.cursor));
    let gate = review.moved[0].answer.clone().unwrap();
    assert_eq!(waits_for(&gate), "ServiceNow to say who has to approve CHG0030002");
    instance.approve();
    proceeds(&reread(&host, &instance, &gate));
}

#[test]
fn the_first_free_slot_is_found_and_waited_for() {
    let (host, instance) = (host(), Instance::new());
    instance.worker_reads.set(2);
    instance.knows("web-01", "cmdb_ci_server");
    let mut request = build_request("b-1");
    request.systems = vec![system("web-01")];
    request.schedule = Some(Schedule::FirstFree(HOUR));
    let gate = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap();
    assert!(waits_for(&gate).contains("ServiceNow to find a free slot (worker "));
    let gate = reread(&host, &instance, &gate);
    assert_eq!(gate.window.as_ref().unwrap().start, NOON + 2 * HOUR);
    instance.approve();
    let gate = reread(&host, &instance, &gate);
    assert!(waits_for(&gate).starts_with("the planned start at 2026-11-24 11:00:00 UTC"));
    instance.advance(2 * HOUR);
    proceeds(&reread(&host, &instance, &gate));
    instance.advance(HOUR);
    let words = "the planned window ended at 2026-11-24 12:00:00 UTC: have a new one approved, or cancel CHG";
    assert!(waits_for(&reread(&host, &instance, &gate)).starts_with(words));
}

#[test]
fn a_slot_that_cannot_be_found_is_a_persons_to_plan() {
    let (host, instance) = (host(), Instance::new());
    instance.knows("web-01", "cmdb_ci_server");
    *instance.worker_error.borrow_mut() = Some("No slots found for 90 days from now".into());
    let mut request = build_request("b-1");
    request.systems = vec![system("web-01")];
    request.schedule = Some(Schedule::FirstFree(HOUR));
    let gate = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap();
    assert!(waits_for(&gate).contains("find a free slot: No slots found for 90 days from now; then ask for approval"));
    assert_eq!(instance.change()["state"], "-5");
    // What is to be done does not get lost with the next look.
    let gate = reread(&host, &instance, &gate);
    assert!(waits_for(&gate).contains("find a free slot: No slots found for 90 days from now; then ask for approval"));
    // A person plans it and asks for approval; the gate goes on.
    instance.person_edits(&[("state", "-4"), ("approval", "requested")]);
    assert_eq!(waits_for(&reread(&host, &instance, &gate)), "approval of CHG0030002 (in Assess, requested)");
}

#[test]
fn after_a_build_its_change_ends_as_the_settings_say_and_a_redelivery_repeats_nothing() {
    let passed = || BuildOutcome::Passed;
    let failed = || BuildOutcome::Failed("no space left".into());
    let cancelled = || BuildOutcome::Cancelled("not needed".into());
    // Settings, what the build came to, the state that the change ends in, its code, and what its note says.
    let cells = [
        ("after-build", passed(), "3", "successful", "passed. Artifact: sha256:aaaa"),
        ("after-build", failed(), "3", "unsuccessful", "failed: no space left"),
        ("after-build", cancelled(), "4", "", "was cancelled: not needed"),
        ("after-deployment", passed(), "-2", "", "passed. Artifact: sha256:aaaa"),
        ("after-deployment", failed(), "4", "", "failed: no space left"),
        ("after-deployment", cancelled(), "4", "", "was cancelled: not needed"),
        ("never", passed(), "-2", "", "passed. Artifact: sha256:aaaa"),
        ("never", failed(), "-2", "", "failed: no space left"),
        ("never", cancelled(), "-2", "", "was cancelled: not needed"),
    ];
    for (close, outcome, state, code, words) in cells {
        let host = Host::with(json!({"change": {"close": close}}));
        let instance = Instance::new();
        let gate = requested(&host, &instance);
        instance.approve();
        let result = BuildResult { outcome: outcome.clone(), ..build_result(&gate) };
        for _ in 0..3 {
            assert_eq!(host.call(&instance, |plugin| after_build(plugin, &result)), []);
        }
        let change = instance.change();
        let label = format!("{close}, {outcome:?}");
        assert_eq!((change["state"].as_str(), change["close_code"].as_str()), (state, code), "{label}");
        assert_eq!(change["work_notes"].matches(words).count(), 1, "{label}: {}", change["work_notes"]);
    }
}

#[test]
fn a_linked_change_is_noted_and_never_withdrawn() {
    let (host, instance) = (host(), Instance::new());
    let made = instance.person_makes(&[("assignment_group", "287ebd7da9fe198100f92cc8d1d2154e")]);
    let mut request = build_request("b-1");
    request.change_number = Some(made["number"].clone());
    let gate = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap();
    let result = BuildResult { outcome: BuildOutcome::Cancelled("not needed".into()), ..build_result(&gate) };
    for _ in 0..2 {
        assert_eq!(host.call(&instance, |plugin| after_build(plugin, &result)), []);
    }
    let change = instance.change();
    assert_eq!(change["state"], "-4");
    assert_eq!(change["work_notes"].matches("was cancelled: not needed").count(), 1);
}
