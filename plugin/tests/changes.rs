//! Change requests and their gates, from the first event to the closed change.

// Helpers of tests are test code too, which the lints tell only by `#[test]`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use itsm_contract::answers::Waiting;
use itsm_contract::events::{BuildOutcome, BuildResult, DeployPhase, Shortfall};
use itsm_contract::types::{Failure, Gate, Verdict};
use serde_json::json;
use servicenow_plugin::approvals::check;
use servicenow_plugin::build_requested::on_build_requested;
use servicenow_plugin::change::after_build;
use servicenow_plugin::deploy::on_deploy;
use support::instance::{Instance, Loss};
use support::*;

/// A group by `sys_id`, as an administrator writes it who counts requests.
fn group() -> Host {
    Host::with(json!({"change": {"assignment-group": "287ebd7da9fe198100f92cc8d1d2154e"}}))
}

fn requested(host: &Host, instance: &Instance) -> Gate {
    host.call(instance, |plugin| on_build_requested(plugin, &build_request("b-1"))).unwrap()
}

fn waiting(gate: &Gate) -> Vec<Waiting> {
    vec![Waiting { last: gate.clone(), since: NOON }]
}

#[test]
fn a_build_waits_until_its_change_is_approved_and_the_change_is_closed_after_the_deployment() {
    let (host, instance) = (group(), Instance::new());
    let mut requests = Vec::new();

    let first = requested(&host, &instance);
    assert_eq!(waits_for(&first), "approval of CHG0030001 (in Assess, not requested)");
    requests.extend(instance.take_requests());

    let review = host.call(&instance, |plugin| check(plugin, &waiting(&first), None)).unwrap();
    let pending = review.moved[0].answer.clone().unwrap();
    assert_eq!(waits_for(&pending), "approval by CAB Approval (Ann Lee, Bob Ray)");
    requests.extend(instance.take_requests());

    instance.advance(MINUTE);
    instance.approve();
    let review = host.call(&instance, |plugin| check(plugin, &waiting(&pending), Some(&review.cursor))).unwrap();
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
    // With the host's one request for a token: 12.
    assert_eq!(requests.len(), 11, "{requests:#?}");
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
fn a_redelivered_request_creates_no_second_change_and_repeats_no_step() {
    let (host, instance) = (group(), Instance::new());
    let first = requested(&host, &instance);
    for attempt in 1..4 {
        let mut request = build_request("b-1");
        request.delivery.attempt = attempt;
        instance.take_requests();
        let again = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap();
        assert_eq!(again.change, first.change);
        assert!(instance.take_requests().iter().all(|request| !request.starts_with("PATCH")));
    }
    instance.change();
}

#[test]
fn every_lost_reply_is_made_good_by_the_next_delivery() {
    for keeps_sys_ids in [true, false] {
        for loss in [Loss::Before, Loss::After] {
            for at in 0..12 {
                let (host, instance) = (group(), Instance::new());
                instance.keeps_sys_ids.set(keeps_sys_ids);
                play(&host, &instance, Some((at, loss)));
                let label = format!("keeps: {keeps_sys_ids}, request {at} lost {loss:?}");
                let change = instance.change();
                assert_eq!((change["state"].as_str(), change["close_code"].as_str()), ("3", "successful"), "{label}");
                let notes = change["work_notes"].matches("(Work notes)").count();
                assert_eq!(notes, 2, "{label}: {}", change["work_notes"]);
            }
        }
    }
}

/// A whole story, each event delivered until it is done; the request lost is counted over all of it.
fn play(host: &Host, instance: &Instance, lost: Option<(usize, Loss)>) {
    instance.lost.set(lost);
    let deliver = |hook: &dyn Fn(u32) -> Option<Gate>| (1..4).find_map(hook);
    let gate = deliver(&|attempt| {
        let mut request = build_request("b-1");
        request.delivery.attempt = attempt;
        host.call(instance, |plugin| on_build_requested(plugin, &request)).ok()
    })
    .unwrap();
    instance.approve();
    let approved = deliver(&|_| {
        let review = host.call(instance, |plugin| check(plugin, &waiting(&gate), None)).ok()?;
        review.moved[0].answer.clone().ok()
    })
    .unwrap();
    proceeds(&approved);
    let outcome = BuildOutcome::Passed;
    let result = BuildResult {
        delivery: delivery("b-1-finished", 1),
        build: build(Some("sha256:aa")),
        environment: None,
        outcome,
        thing: None,
        tests: None,
        gate: Some(approved.clone()),
        files: Vec::new(),
        labels: Vec::new(),
    };
    assert!((0..3).any(|_| host.call(instance, |plugin| after_build(plugin, &result)).is_empty()));
    for phase in [DeployPhase::Requested, DeployPhase::Started, DeployPhase::Succeeded] {
        let event = deploy(phase, Some(&approved));
        let done = (0..3).any(|_| {
            host.call(instance, |plugin| on_deploy(plugin, &event)).is_ok_and(|answer| answer.unfinished.is_empty())
        });
        assert!(done);
    }
}

#[test]
fn two_hosts_at_once_leave_one_change_that_counts() {
    let (host, instance) = (group(), Instance::new());
    instance.keeps_sys_ids.set(false);
    let first = requested(&host, &instance);
    // A second host delivers the same event, and neither saw the other: both insert.
    let second = requested(&host, &instance);
    assert_eq!(first.change, second.change);
    let open: Vec<_> = instance.changes().into_iter().filter(|change| change["state"] != "4").collect();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0]["number"], first.change.unwrap().number);
    assert_eq!(instance.changes().len(), 2);
}

#[test]
fn a_rejection_gives_up_with_the_approvers_name_and_comment() {
    let (host, instance) = (group(), Instance::new());
    let gate = requested(&host, &instance);
    instance.reject("not during the freeze");
    let review = host.call(&instance, |plugin| check(plugin, &waiting(&gate), None)).unwrap();
    let gate = review.moved[0].answer.clone().unwrap();
    assert_eq!(stops(&gate), "CHG0030001 was rejected by Ann Lee: not during the freeze");
}

#[test]
fn a_poll_that_finds_nothing_new_asks_once_and_tells_nothing() {
    let (host, instance) = (group(), Instance::new());
    let gate = requested(&host, &instance);
    let review = host.call(&instance, |plugin| check(plugin, &waiting(&gate), None)).unwrap();
    let gate = review.moved[0].answer.clone().unwrap();
    instance.take_requests();
    let mut cursor = review.cursor;
    for _ in 0..5 {
        instance.advance(MINUTE);
        let review = host.call(&instance, |plugin| check(plugin, &waiting(&gate), Some(&cursor))).unwrap();
        assert_eq!(review.moved, []);
        assert_eq!(instance.take_requests(), ["GET change_request"]);
        cursor = review.cursor;
    }
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
    let (host, instance) = (group(), Instance::new());
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
        let (host, instance) = (group(), Instance::new());
        let event = deploy(DeployPhase::Requested, None);
        let gate = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap();
        waits_for(&gate);
        instance.approve();
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
fn an_unreachable_instance_is_retried_until_the_timeout_and_then_the_policy_decides() {
    for (policy, expected) in [("pause", "pause"), ("cancel", "cancel"), ("proceed", "by policy")] {
        let host = Host::with(json!({"approval": {"timeout": "2h", "on-timeout": policy}}));
        let instance = Instance::new();
        let gate = requested(&host, &instance);
        instance.is_away.set(true);
        let look = || host.call(&instance, |plugin| check(plugin, &waiting(&gate), None));
        assert!(matches!(look(), Err(Failure::Retry(_))));
        instance.advance(2 * HOUR);
        let moved = look().unwrap().moved;
        let verdict = match &moved[0].answer.as_ref().unwrap().verdict {
            Verdict::Pause(_) => "pause",
            Verdict::Cancel(_) => "cancel",
            Verdict::Proceed(clearance) if clearance.by_policy => "by policy",
            Verdict::Proceed(_) => "proceed",
        };
        assert_eq!(verdict, expected);
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

#[test]
fn a_field_that_the_user_may_not_read_is_no_approval() {
    let (host, instance) = (group(), Instance::new());
    let gate = requested(&host, &instance);
    instance.approve();
    for field in ["approval", "state", "on_hold", "start_date", "correlation_id", "type"] {
        *instance.hidden.borrow_mut() = vec![field.into()];
        let review = host.call(&instance, |plugin| check(plugin, &waiting(&gate), None)).unwrap();
        assert!(matches!(&review.moved[0].answer, Err(Failure::Misconfigured(_) | Failure::Retry(_))), "{field}");
    }
}
