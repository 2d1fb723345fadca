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
        instance.take_requests();
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
        assert!(instance.take_requests().is_empty(), "nothing is done by it");
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
            let other_work =
                "`gate` was answered for other work: hand back the last gate of this work, or of its build";
            let expected = match &forged.change.as_ref().unwrap().key {
                None => ("change.of-other-work", words.as_str()),
                Some(_) => ("event.invalid", other_work),
            };
            assert_eq!(code(&refusal(&host, &instance, &other)), expected);
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
    let words = "`gate` was answered for other work: hand back the last gate of this work, or of its build";
    assert_eq!(code(&refusal(&host, &instance, &second)).1, words);
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
    // What happened, or is given up, may be noted.
    let started = deploy(DeployPhase::Started, Some(&rejected));
    assert_eq!(code(&refusal(&host, &instance, &started)).0, "change.not-cleared");
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

#[test]
fn where_ids_are_not_kept_a_look_at_the_record_that_counts_still_says_which_build_it_is_for() {
    let (host, instance) = (host(), Instance::new());
    instance.keeps_sys_ids.set(false);
    let gate = requested(&host, &instance);
    let ticket = gate.change.as_ref().unwrap();
    let mut older = instance.change();
    older.insert("sys_id".into(), "0".repeat(32));
    older.insert("number".into(), "CHG0029999".into());
    older.insert("sys_created_on".into(), "2026-11-24 08:59:59".into());
    let older: Vec<(&str, &str)> = older.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    instance.holds(&older);
    let winner = reread(&host, &instance, &gate);
    assert_eq!(winner.change.as_ref().unwrap().number, "CHG0029999");
    assert_eq!(winner.change.as_ref().unwrap().key, ticket.key);
    instance.person_edits_one(&"0".repeat(32), &[("approval", "approved"), ("state", "-2")]);
    let approved = reread(&host, &instance, &winner);
    proceeds(&approved);
    let own = deploy(DeployPhase::Requested, Some(&approved));
    proceeds(&host.call(&instance, |plugin| on_deploy(plugin, &own)).unwrap().gate.unwrap());
}

#[test]
fn work_that_starts_against_its_gate_is_noted_once_and_moves_no_change() {
    let (host, instance) = (host(), Instance::new());
    let approved = approved(&host, &instance, false);
    instance.advance(MINUTE);
    instance.person_edits(&[("cmdb_ci", "b0c4030ac0a800090152e7a4564ca36c")]);
    let event = deploy(DeployPhase::Requested, Some(&approved));
    let held = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap();
    waits_for(&held);
    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        for _ in 0..2 {
            let event = deploy(phase.clone(), Some(&held));
            let failure = refusal(&host, &instance, &event);
            let words = "Deploy rhel-9-hardened 2026.11.1 to prod-eu-1 went on though the gate of CHG0030001 said wait";
            assert_eq!(code(&failure), ("change.not-cleared", words));
        }
    }
    let change = instance.change();
    assert_eq!(change["state"], "-2");
    assert_eq!(change["work_notes"].matches("went on though its gate said wait").count(), 2);
}

#[test]
fn what_becomes_of_a_second_deployment_is_noted_on_the_change_that_the_first_one_closed() {
    let (host, instance) = (host(), Instance::new());
    let gate = approved(&host, &instance, false);
    let mut second = deploy(DeployPhase::Started, Some(&gate));
    second.deployment_id = "deploy-99".into();
    second.delivery = delivery("deploy-99-started", 1);
    assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &second)).unwrap().unfinished, []);
    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        let event = deploy(phase, Some(&gate));
        assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().unfinished, []);
    }
    second.phase = DeployPhase::Failed(Shortfall { why: "no space left".into(), received: Vec::new() });
    second.delivery = delivery("deploy-99-failed", 1);
    for _ in 0..2 {
        assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &second)).unwrap().unfinished, []);
    }
    // Told again, the first one adds nothing.
    let event = deploy(DeployPhase::Succeeded, Some(&gate));
    assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().unfinished, []);
    let change = instance.change();
    assert_eq!((change["state"].as_str(), change["close_code"].as_str()), ("3", "successful"));
    assert_eq!(change["work_notes"].matches("failed: no space left").count(), 1);
    assert_eq!(change["work_notes"].matches("succeeded.").count(), 1);
}

#[test]
fn a_second_deployment_that_goes_on_by_the_builds_gate_is_held_against_its_own_change() {
    let (host, instance) = (host(), Instance::new());
    let build = approved(&host, &instance, false);
    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        let event = deploy(phase, Some(&build));
        assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().unfinished, []);
    }
    let second = |phase| {
        let mut event = deploy(phase, Some(&build));
        event.deployment_id = "deploy-99".into();
        event.delivery.key.push_str("-99");
        event
    };
    let event = second(DeployPhase::Requested);
    let own = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap();
    waits_for(&own);
    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        let failure = refusal(&host, &instance, &second(phase));
        assert_eq!(code(&failure).0, "change.not-approved");
    }
    // It happened, so it is noted there.
    let changes = instance.changes();
    let change = changes.iter().find(|change| change["sys_id"] == own.change.as_ref().unwrap().id).unwrap();
    assert_eq!(change["state"], "-4");
    assert_eq!(change["work_notes"].matches("Deploy rhel-9-hardened").count(), 2);
    // Approved, it is closed by them.
    instance.person_edits_one(&change["sys_id"], &[("approval", "approved"), ("state", "-2")]);
    let event = second(DeployPhase::Succeeded);
    assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().unfinished, []);
    assert!(instance.changes().iter().all(|change| change["state"] == "3"));
}

#[test]
fn a_deployment_that_is_cancelled_leaves_the_builds_change_to_the_one_that_runs() {
    let (host, instance) = (host(), Instance::new());
    let build = approved(&host, &instance, false);
    let started = deploy(DeployPhase::Started, Some(&build));
    host.call(&instance, |plugin| on_deploy(plugin, &started)).unwrap();
    let mut second = deploy(DeployPhase::Cancelled("not needed".into()), Some(&build));
    second.deployment_id = "deploy-99".into();
    assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &second)).unwrap().unfinished, []);
    assert_eq!(instance.change()["state"], "-1");
    assert!(instance.change()["work_notes"].contains("was cancelled: not needed"));
    let succeeded = deploy(DeployPhase::Succeeded, Some(&build));
    assert_eq!(host.call(&instance, |plugin| on_deploy(plugin, &succeeded)).unwrap().unfinished, []);
    assert_eq!(instance.change()["state"], "3");
}

#[test]
fn another_build_under_the_same_deployment_has_a_change_of_its_own() {
    let (host, instance) = (host(), Instance::new());
    let event = deploy(DeployPhase::Requested, None);
    host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap();
    instance.approve();
    let mut other = event.clone();
    other.build.id = "build-5000".into();
    waits_for(&host.call(&instance, |plugin| on_deploy(plugin, &other)).unwrap().gate.unwrap());
    assert_eq!(instance.changes().len(), 2);
}

#[test]
fn what_happened_is_noted_on_a_change_that_was_cancelled_meanwhile() {
    let (host, instance) = (host(), Instance::new());
    let build = approved(&host, &instance, false);
    let started = deploy(DeployPhase::Started, Some(&build));
    host.call(&instance, |plugin| on_deploy(plugin, &started)).unwrap();
    instance.person_edits(&[("state", "4")]);
    for _ in 0..2 {
        let failure = refusal(&host, &instance, &deploy(DeployPhase::Succeeded, Some(&build)));
        assert_eq!(code(&failure).0, "change.not-approved");
    }
    assert_eq!(instance.change()["work_notes"].matches("succeeded.").count(), 1);
}
