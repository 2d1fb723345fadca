//! What lets work go on, what holds it, and what ends it.

use crate::instance::Instance;
use crate::support::*;
use itsm_contract::events::DeployPhase;
use itsm_contract::types::{Failure, Gate, Verdict};
use serde_json::json;
use servicenow_plugin::approvals::check;
use servicenow_plugin::deploy::on_deploy;

#[test]
fn a_rejection_gives_up_with_the_approvers_name_and_comment() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    instance.reject("not during the freeze");
    assert_eq!(stops(&reread(&host, &instance, &gate)), "CHG0030001 was rejected by Ann Lee: not during the freeze");
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
fn a_field_that_the_user_may_not_read_is_no_approval() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    instance.approve();
    for field in ["approval", "state", "on_hold", "start_date", "correlation_id", "type"] {
        *instance.hidden.borrow_mut() = vec![field.into()];
        let review = host.call(&instance, |plugin| check(plugin, &waiting(&gate), None)).unwrap();
        assert!(matches!(&review.moved[0].answer, Err(Failure::Misconfigured(_) | Failure::Retry(_))), "{field}");
    }
}

#[test]
fn a_change_on_hold_waits_with_its_reason_until_it_is_released() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    instance.approve();
    instance.person_edits(&[("on_hold", "true"), ("on_hold_reason", "freeze")]);
    let gate = reread(&host, &instance, &gate);
    assert_eq!(waits_for(&gate), "CHG0030001 is on hold: freeze");
    instance.person_edits(&[("on_hold", "false"), ("on_hold_reason", "")]);
    proceeds(&reread(&host, &instance, &gate));
}

#[test]
fn a_change_that_was_cancelled_by_hand_ends_the_work() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    instance.person_edits(&[("state", "4")]);
    assert_eq!(stops(&reread(&host, &instance, &gate)), "CHG0030001 was cancelled in ServiceNow");
}

#[test]
fn what_was_edited_after_the_approval_must_be_approved_again() {
    let edits: [&[(&str, &str)]; 3] = [
        &[("start_date", "2026-11-24 08:30:00"), ("end_date", "2026-11-24 18:00:00")],
        &[("cmdb_ci", "b0c4030ac0a800090152e7a4564ca36c")],
        &[("type", "emergency")],
    ];
    let words = ["the planned window", "the configuration item", "the type"];
    for (edit, words) in edits.into_iter().zip(words) {
        let (host, instance) = (host(), Instance::new());
        let gate = requested(&host, &instance);
        instance.approve();
        let approved = reread(&host, &instance, &gate);
        proceeds(&approved);
        let ask = |last: &Gate| {
            let event = deploy(DeployPhase::Requested, Some(last));
            host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap()
        };
        proceeds(&ask(&approved));
        instance.person_edits(edit);
        let waits = ask(&approved);
        starts(
            &waits_for(&waits),
            &format!("approval again, or the edit undone: since it was given, somebody edited {words}; "),
        );
        // However often it is asked, and by whichever way.
        waits_for(&ask(&waits));
        waits_for(&reread(&host, &instance, &waits));
        // Approved anew, after the edit.
        instance.advance(MINUTE);
        instance.asks_again();
        instance.approve();
        proceeds(&ask(&waits));
    }
}

#[test]
fn another_artifact_than_the_approved_one_does_not_proceed() {
    let (host, instance) = (host(), Instance::new());
    let event = deploy(DeployPhase::Requested, None);
    let gate = host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap();
    instance.approve();
    let approved = reread(&host, &instance, &gate);
    proceeds(&approved);
    let mut other = deploy(DeployPhase::Requested, Some(&approved));
    other.build.image.digest = Some(OTHER_DIGEST.into());
    let gate = host.call(&instance, |plugin| on_deploy(plugin, &other)).unwrap().gate.unwrap();
    let words = format!("approval of the artifact {OTHER_DIGEST}: it was asked for {DIGEST}");
    assert_eq!(waits_for(&gate), words);
    // With or without the gate.
    other.gate = None;
    let gate = host.call(&instance, |plugin| on_deploy(plugin, &other)).unwrap().gate.unwrap();
    assert_eq!(waits_for(&gate), words);
}

#[test]
fn conflicts_hold_a_planned_change_and_an_empty_list_of_them_does_not() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    let planned = [
        ("start_date", "2026-11-24 08:00:00"),
        ("end_date", "2026-11-24 18:00:00"),
        ("cmdb_ci", "b0c4030ac0a800090152e7a4564ca36c"),
    ];
    instance.person_edits(&planned);
    let gate = reread(&host, &instance, &gate);
    instance.approve();
    *instance.conflicts.borrow_mut() = vec!["Blackout".into()];
    let held = reread(&host, &instance, &gate);
    assert_eq!(waits_for(&held), "no scheduling conflicts: Blackout (web-01)");
    instance.conflicts.borrow_mut().clear();
    proceeds(&reread(&host, &instance, &held));
}

#[test]
fn nobody_answering_in_time_is_decided_by_the_policy_and_the_change_is_given_up() {
    for (policy, state) in [("pause", "-4"), ("cancel", "4"), ("proceed", "-4")] {
        let host = Host::with(json!({"approval": {"timeout": "2h", "on-timeout": policy}}));
        let instance = Instance::new();
        let gate = reread(&host, &instance, &requested(&host, &instance));
        instance.advance(2 * HOUR);
        let gate = reread(&host, &instance, &gate);
        match policy {
            "pause" => assert!(waits_for(&gate).ends_with("the time to answer is over")),
            "cancel" => assert!(stops(&gate).contains("waited too long for: approval by CAB Approval")),
            _ => assert!(matches!(&gate.verdict, Verdict::Proceed(clearance) if clearance.by_policy)),
        }
        assert_eq!(instance.change()["state"], state, "{policy}");
        let is_audited = host.log.actions().contains(&"gate.proceed-by-policy");
        assert_eq!(is_audited, policy == "proceed");
    }
}

#[test]
fn an_approved_change_that_does_not_move_says_which_conditions_do_not_hold() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    instance.answer("approved", "");
    instance.person_edits(&[("approval", "approved")]);
    assert_eq!(
        waits_for(&reread(&host, &instance, &gate)),
        "CHG0030001 to leave Assess, now that it is approved; these conditions do not hold: Not On hold"
    );
}

#[test]
fn an_edit_while_the_approved_work_waits_shows_too() {
    for wait in
        [[("on_hold", "true"), ("on_hold_reason", "freeze")], [("start_date", "2026-11-24 12:00:00"), ("end_date", "")]]
    {
        let (host, instance) = (host(), Instance::new());
        let gate = requested(&host, &instance);
        instance.person_edits(&wait);
        let gate = reread(&host, &instance, &gate);
        instance.approve();
        let gate = reread(&host, &instance, &gate);
        assert!(sealed(&gate).starts_with("the change to stay as it was approved"));
        // ServiceNow is away for a while, and longer than anybody waits: what was approved is not forgotten.
        instance.is_away.set(true);
        instance.advance(100 * HOUR);
        let away = match host.call(&instance, |plugin| check(plugin, &waiting(&gate), None)) {
            Ok(mut review) => review.moved.remove(0).answer.unwrap(),
            // Approved for later: there is nothing to decide while it cannot be read.
            Err(_) => gate,
        };
        assert!(sealed(&away).starts_with("the change to stay as it was approved"));
        instance.is_away.set(false);
        instance.person_edits(&[("cmdb_ci", "b0c4030ac0a800090152e7a4564ca36c"), ("on_hold", "false")]);
        let gate = reread(&host, &instance, &away);
        assert!(waits_for(&gate).contains("somebody edited the configuration item"));
    }
}
