//! An approval lets nothing through but what it was given for: gates that are handed back with other work, or altered.

use crate::instance::Instance;
use crate::support::*;
use itsm_contract::events::{BuildOutcome, DeployEvent, DeployPhase, Shortfall};
use itsm_contract::types::{Failure, Gate, Verdict};
use serde_json::json;
use servicenow_plugin::build_finished::on_build_finished;
use servicenow_plugin::build_requested::on_build_requested;
use servicenow_plugin::deploy::on_deploy;

/// A deployment of another build, with this gate.
fn of_another_build(phase: DeployPhase, gate: Option<&Gate>) -> DeployEvent {
    let mut event = deploy(phase, gate);
    event.deployment_id = "deploy-99".into();
    event.build.id = "build-5000".into();
    event
}

/// What a failure says, with its code.
fn code(failure: &Failure) -> (&str, &str) {
    let problem = failure.problem();
    (&problem.code, &problem.summary)
}

fn phases() -> [DeployPhase; 5] {
    let shortfall = Shortfall { why: "no space left".into(), received: Vec::new() };
    [
        DeployPhase::Requested,
        DeployPhase::Started,
        DeployPhase::Succeeded,
        DeployPhase::Failed(shortfall),
        DeployPhase::Cancelled("not needed".into()),
    ]
}

/// The failure of a deployment, whether nothing was done for it or something is left.
fn refusal(host: &Host, instance: &Instance, event: &DeployEvent) -> Failure {
    match host.call(instance, |plugin| on_deploy(plugin, event)) {
        Err(failure) => failure,
        Ok(mut answer) => {
            assert_eq!(answer.gate, None, "{:?}", event.phase);
            answer.unfinished.remove(0)
        }
    }
}

/// The gate of an approved build, whose change request we made, or a person did.
fn approved(host: &Host, instance: &Instance, is_linked: bool) -> Gate {
    let mut request = build_request("b-1");
    if is_linked {
        let made = instance.person_makes(&[("type", "normal"), ("state", "-4"), ("approval", "requested")]);
        request.change_number = Some(made["number"].clone());
    }
    let gate = host.call(instance, |plugin| on_build_requested(plugin, &request)).unwrap();
    instance.approve();
    let gate = reread(host, instance, &gate);
    proceeds(&gate);
    gate
}

#[test]
fn a_builds_approval_lets_its_own_deployments_through_and_no_other_builds() {
    for is_linked in [false, true] {
        let (host, instance) = (host(), Instance::new());
        let gate = approved(&host, &instance, is_linked);
        let own = deploy(DeployPhase::Requested, Some(&gate));
        proceeds(&host.call(&instance, |plugin| on_deploy(plugin, &own)).unwrap().gate.unwrap());
        let before = instance.changes();
        for phase in phases() {
            let failure = refusal(&host, &instance, &of_another_build(phase, Some(&gate)));
            assert!(matches!(failure, Failure::InvalidEvent(_)));
            let words = "`gate` was not answered for the build build-5000: hand back its own";
            assert_eq!(code(&failure), ("event.invalid", words));
        }
        for outcome in [BuildOutcome::Passed, BuildOutcome::Failed("no".into()), BuildOutcome::Cancelled("no".into())] {
            let mut result = build_result(&gate);
            result.build.id = "build-5000".into();
            result.outcome = outcome;
            let failure = host.call(&instance, |plugin| on_build_finished(plugin, &result)).unwrap_err();
            assert!(matches!(failure, Failure::InvalidEvent(_)));
        }
        assert_eq!(instance.changes(), before, "nothing was written");
    }
}

#[test]
fn a_gate_that_lost_its_seal_lets_nothing_through() {
    let (host, instance) = (host(), Instance::new());
    let mut gate = approved(&host, &instance, false);
    for seal in [None, Some("1.5.aaaaaaaa.aaaaaaaa.aaaaaaaa.aaaaaaaa".to_owned()), Some(String::new())] {
        let Verdict::Proceed(clearance) = &mut gate.verdict else { panic!() };
        clearance.seal = seal;
        let failure = refusal(&host, &instance, &deploy(DeployPhase::Requested, Some(&gate)));
        let words = "`gate` has lost its seal: hand the last gate back unchanged";
        assert_eq!(code(&failure), ("event.invalid", words));
    }
}

#[test]
fn a_change_that_was_made_for_other_work_is_refused_however_it_is_named() {
    let (host, instance) = (host(), Instance::new());
    let gate = approved(&host, &instance, false);
    let number = gate.change.as_ref().unwrap().number.clone();
    let words = format!("{number} was made for other work: nobody approved the build build-5000 by it");
    for phase in phases() {
        // By its number.
        let mut by_number = of_another_build(phase.clone(), None);
        by_number.change_number = Some(number.clone());
        assert_eq!(code(&refusal(&host, &instance, &by_number)), ("change.of-other-work", words.as_str()));
        // As if a person had made it, with a seal that says so.
        let mut other = of_another_build(phase, None);
        let mut request = build_request("b-2");
        request.build.id = "build-5000".into();
        let mut forged = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap();
        for key in [None, gate.change.as_ref().unwrap().key.clone()] {
            let mut ticket = gate.change.clone().unwrap();
            ticket.key = key;
            forged.change = Some(ticket);
            other.gate = Some(forged.clone());
            assert_eq!(code(&refusal(&host, &instance, &other)), ("change.of-other-work", words.as_str()));
        }
    }
    let mut request = build_request("b-3");
    request.build.id = "build-5000".into();
    request.change_number = Some(number.clone());
    let failure = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap_err();
    assert_eq!(code(&failure), ("change.of-other-work", words.as_str()));
    // The same build may name it, and a person's change serves whoever names it.
    let mut own = build_request("b-4");
    own.change_number = Some(number);
    proceeds(&host.call(&instance, |plugin| on_build_requested(plugin, &own)).unwrap());
}

#[test]
fn one_deployments_approval_lets_no_other_deployment_through() {
    let (host, instance) = (host(), Instance::new());
    let first = deploy(DeployPhase::Requested, None);
    let gate = host.call(&instance, |plugin| on_deploy(plugin, &first)).unwrap().gate.unwrap();
    instance.approve();
    let gate = reread(&host, &instance, &gate);
    proceeds(&gate);
    let mut second = deploy(DeployPhase::Requested, Some(&gate));
    second.deployment_id = "deploy-99".into();
    second.environment.name = "prod-us-1".into();
    assert_eq!(code(&refusal(&host, &instance, &second)).0, "change.of-other-work");
}

#[test]
fn a_persons_change_request_serves_every_build_that_names_it() {
    let (host, instance) = (host(), Instance::new());
    let made = instance.person_makes(&[("type", "normal"), ("state", "-2"), ("approval", "approved")]);
    for (key, build) in [("b-1", "build-1"), ("b-2", "build-2")] {
        let mut request = build_request(key);
        request.build.id = build.into();
        request.change_number = Some(made["number"].clone());
        proceeds(&host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap());
    }
}

#[test]
fn a_linked_change_that_gave_work_up_is_named_again_to_be_asked_again() {
    let (host, instance) = (host(), Instance::new());
    let gate = approved(&host, &instance, true);
    instance.reject("not today");
    let rejected = reread(&host, &instance, &gate);
    stops(&rejected);
    let mut again = deploy(DeployPhase::Requested, Some(&rejected));
    let words = "`gate` gives the work up: name the change request's number to ask again";
    assert_eq!(code(&refusal(&host, &instance, &again)).1, words);
    again.change_number = Some(gate.change.as_ref().unwrap().number.clone());
    stops(&host.call(&instance, |plugin| on_deploy(plugin, &again)).unwrap().gate.unwrap());
    // What is given up may be noted.
    let cancelled = deploy(DeployPhase::Cancelled("rejected".into()), Some(&rejected));
    assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &cancelled)).unwrap().unfinished, []);
}

#[test]
fn a_gate_that_was_let_through_by_policy_is_still_that_of_its_build() {
    let host = Host::with(json!({"approval": {"timeout": "2h", "on-timeout": "proceed"}}));
    let instance = Instance::new();
    let gate = requested(&host, &instance);
    instance.advance(2 * HOUR);
    let gate = reread(&host, &instance, &gate);
    assert!(matches!(&gate.verdict, Verdict::Proceed(clearance) if clearance.by_policy));
    let own = deploy(DeployPhase::Started, Some(&gate));
    assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &own)).unwrap().unfinished, []);
    let other = of_another_build(DeployPhase::Started, Some(&gate));
    assert!(matches!(refusal(&host, &instance, &other), Failure::InvalidEvent(_)));
}
