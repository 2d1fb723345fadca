//! ServiceNow is away for longer than anybody waits: the policy decides what is left to decide, and nothing that somebody
//! said no or wait to.

use crate::instance::Instance;
use crate::support::*;
use itsm_contract::events::DeployPhase;
use itsm_contract::types::{Failure, Gate, Verdict};
use serde_json::json;
use servicenow_plugin::approvals::check;
use servicenow_plugin::deploy::on_deploy;

const WINDOW: [(&str, &str); 2] = [("start_date", "2026-12-24 08:00:00"), ("end_date", "2026-12-24 18:00:00")];

/// What the last look found, and what a gate says by the policies `pause`, `cancel` and `proceed` once ServiceNow is away.
const FOUND: [(&str, [&str; 3]); 7] = [
    ("nobody answered", ["pause", "cancel", "by policy"]),
    ("on hold", ["pause", "cancel", "pause"]),
    ("edited", ["pause", "cancel", "pause"]),
    ("window ended", ["pause", "cancel", "pause"]),
    ("approved for later", ["retry", "retry", "retry"]),
    ("rejected, and asked again by policy", ["retry", "retry", "retry"]),
    ("not asked, and planned for later", ["pause", "cancel", "pause"]),
];

fn found(what: &str, host: &Host, instance: &Instance) -> Gate {
    let gate = requested(host, instance);
    let gate = reread(host, instance, &gate);
    match what {
        "nobody answered" => return gate,
        "on hold" => instance.person_edits(&[("on_hold", "true"), ("on_hold_reason", "freeze")]),
        "edited" => {
            instance.approve();
            let approved = reread(host, instance, &gate);
            proceeds(&approved);
            instance.advance(MINUTE);
            instance.person_edits(&[("cmdb_ci", "b0c4030ac0a800090152e7a4564ca36c")]);
            let edited = reread(host, instance, &approved);
            waits_for(&edited);
            return edited;
        }
        "window ended" => {
            instance.person_edits(&[("start_date", "2026-11-24 08:00:00"), ("end_date", "2026-11-24 08:30:00")]);
        }
        "approved for later" => {
            instance.person_edits(&WINDOW);
            let planned = reread(host, instance, &gate);
            instance.approve();
            return reread(host, instance, &planned);
        }
        "rejected, and asked again by policy" => instance.reject("not today"),
        _ => instance.person_edits(&WINDOW),
    }
    reread(host, instance, &gate)
}

#[test]
fn no_policy_goes_on_against_what_the_last_look_found() {
    for (what, expected) in FOUND {
        for (policy, expected) in ["pause", "cancel", "proceed"].into_iter().zip(expected) {
            let rejected = if what.starts_with("rejected") { "pause" } else { "cancel" };
            let approval = json!({"timeout": "2h", "on-timeout": policy, "on-rejected": rejected});
            let host = Host::with(json!({"approval": approval}));
            let instance = Instance::new();
            let gate = found(what, &host, &instance);
            instance.is_away.set(true);
            instance.advance(3 * HOUR);
            let told = match host.call(&instance, |plugin| check(plugin, &waiting(&gate), None)) {
                Err(Failure::Retry(_)) => "retry",
                Err(other) => panic!("{other:?}"),
                Ok(review) => match &review.moved[0].answer.as_ref().unwrap().verdict {
                    Verdict::Pause(_) => "pause",
                    Verdict::Cancel(_) => "cancel",
                    Verdict::Proceed(clearance) if clearance.by_policy => "by policy",
                    Verdict::Proceed(_) => "proceed",
                },
            };
            assert_eq!(told, expected, "{what}, {policy}");
        }
    }
}

#[test]
fn a_rejection_that_a_deployment_hands_back_stays_one() {
    let host = Host::with(json!({"approval": {"timeout": "2h", "on-timeout": "proceed"}}));
    let instance = Instance::new();
    let gate = requested(&host, &instance);
    instance.reject("not today");
    let rejected = reread(&host, &instance, &gate);
    instance.is_away.set(true);
    instance.advance(3 * HOUR);
    let mut event = deploy(DeployPhase::Requested, Some(&rejected));
    event.delivery.attempt = 2;
    let again = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap();
    assert_eq!(stops(&again), stops(&rejected));
}

#[test]
fn a_gate_of_another_change_lends_it_no_approvals() {
    // The build's change was closed after the build: the deployment has one of its own.
    let host =
        Host::with(json!({"change": {"close": "after-build"}, "approval": {"timeout": "2h", "on-timeout": "proceed"}}));
    let instance = Instance::new();
    let gate = requested(&host, &instance);
    let asked = reread(&host, &instance, &gate);
    instance.approve();
    let approved = reread(&host, &instance, &asked);
    assert!(!approved.approvals.is_empty());
    instance.is_away.set(true);
    instance.advance(3 * HOUR);
    let mut event = deploy(DeployPhase::Requested, Some(&approved));
    event.delivery.attempt = 2;
    let own = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap();
    assert_eq!((own.change.as_ref(), own.approvals.as_slice()), (None, &[][..]));
    assert!(matches!(&own.verdict, Verdict::Proceed(clearance) if clearance.by_policy && clearance.seal.is_some()));
}

#[test]
fn work_that_names_its_change_by_number_is_not_let_through_against_its_last_gate() {
    let host = Host::with(json!({"approval": {"timeout": "2h", "on-timeout": "proceed"}}));
    for is_rejected in [true, false] {
        let instance = Instance::new();
        let made = instance.person_makes(&[("type", "normal"), ("state", "-4"), ("approval", "requested")]);
        let mut event = deploy(DeployPhase::Requested, None);
        event.change_number = Some(made["number"].clone());
        let gate = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap();
        match is_rejected {
            true => instance.person_edits(&[("approval", "rejected"), ("state", "-5")]),
            false => instance.person_edits(&[("on_hold", "true"), ("on_hold_reason", "freeze")]),
        }
        let last = reread(&host, &instance, &gate);
        instance.is_away.set(true);
        instance.advance(3 * HOUR);
        (event.gate, event.delivery.attempt) = (Some(last.clone()), 2);
        let away = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap();
        match is_rejected {
            true => assert_eq!(stops(&away), stops(&last)),
            false => assert!(waits_for(&away).contains("the time to answer is over")),
        }
        assert_eq!(away.change, last.change);
    }
}

#[test]
fn where_gates_are_switched_off_nothing_waits_for_an_instance_that_is_away_for_long() {
    let host = Host::with(json!({"approval": {"timeout": "2h"}, "workflows": {"approval-gates": false}}));
    let instance = Instance::new();
    instance.is_away.set(true);
    let mut event = deploy(DeployPhase::Requested, None);
    event.delivery.attempt = 2;
    let ask = || host.call(&instance, |plugin| on_deploy(plugin, &event));
    assert!(matches!(ask(), Err(Failure::Retry(_))));
    instance.advance(3 * HOUR);
    let gate = ask().unwrap().gate.unwrap();
    assert!(matches!(&gate.verdict, Verdict::Proceed(clearance) if clearance.reason.contains("switched off")));
}
