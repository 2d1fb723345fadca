//! What was approved is what goes on: edits after approval, and while nobody looked.

use crate::instance::Instance;
use crate::support::*;
use itsm_contract::answers::Waiting;
use itsm_contract::events::DeployPhase;
use itsm_contract::types::{Gate, System, SystemKind};
use serde_json::json;
use servicenow_plugin::approvals::check;
use servicenow_plugin::build_requested::on_build_requested;
use servicenow_plugin::deploy::on_deploy;

const ITEM: &str = "b0c4030ac0a800090152e7a4564ca36c";

/// What a person can edit of the change itself, and what it is called.
const EDITS: [(&[(&str, &str)], &str); 3] = [
    (&[("start_date", "2026-11-24 08:30:00"), ("end_date", "2026-11-24 18:00:00")], "the planned window"),
    (&[("cmdb_ci", ITEM)], "the configuration item"),
    (&[("type", "emergency")], "the type"),
];

#[test]
fn an_edit_that_nobody_saw_before_approval_was_given_waits_for_another_one() {
    for (edit, name) in EDITS {
        let (host, instance) = (host(), Instance::new());
        let gate = requested(&host, &instance);
        instance.approve();
        instance.advance(MINUTE);
        instance.person_edits(edit);
        let words = format!("approval again, or the edit undone: since it was asked for, somebody edited {name}");
        let held = reread(&host, &instance, &gate);
        starts(&waits_for(&held), &words);
        // It stays so, however often it is asked.
        let later = reread(&host, &instance, &held);
        assert!(
            waits_for(&later).contains(&format!("somebody edited {name}, perhaps before it was given; or cancel CHG"))
        );
        // Undone, it is what was approved.
        let undone = [("start_date", ""), ("end_date", ""), ("cmdb_ci", ""), ("type", "normal")];
        instance.person_edits(&undone);
        proceeds(&reread(&host, &instance, &later));
        // Or it is approved as it is.
        instance.person_edits(edit);
        instance.advance(MINUTE);
        instance.asks_again();
        instance.approve();
        proceeds(&reread(&host, &instance, &later));
    }
}

#[test]
fn an_edit_that_a_look_saw_while_approval_was_asked_for_is_what_is_approved() {
    for (edit, _) in EDITS {
        let (host, instance) = (host(), Instance::new());
        let gate = requested(&host, &instance);
        instance.advance(MINUTE);
        instance.person_edits(edit);
        let gate = reread(&host, &instance, &gate);
        instance.approve();
        proceeds(&reread(&host, &instance, &gate));
    }
}

#[test]
fn an_edit_before_the_approval_is_approved_with_it_though_no_look_saw_it() {
    for (edit, name) in EDITS {
        let (host, instance) = (host(), Instance::new());
        let gate = requested(&host, &instance);
        instance.advance(MINUTE);
        instance.person_edits(edit);
        instance.advance(MINUTE);
        instance.approve();
        instance.advance(MINUTE);
        let approved = reread(&host, &instance, &gate);
        proceeds(&approved);
        // Once anything was written after the approval, nobody can tell.
        instance.person_edits(&[("on_hold_reason", "")]);
        let words = format!("approval again, or the edit undone: since it was asked for, somebody edited {name}");
        starts(&waits_for(&reread(&host, &instance, &gate)), &words);
        proceeds(&reread(&host, &instance, &approved));
    }
}

#[test]
fn an_item_that_was_added_after_the_approval_waits_and_one_that_was_added_before_does_not() {
    for is_late in [false, true] {
        let (host, instance) = (host(), Instance::new());
        let gate = requested(&host, &instance);
        let id = instance.change()["sys_id"].clone();
        let add = || instance.affects(&id, ITEM);
        if !is_late {
            add();
        }
        instance.advance(MINUTE);
        instance.approve();
        instance.advance(MINUTE);
        if is_late {
            add();
        }
        let gate = reread(&host, &instance, &gate);
        match is_late {
            false => drop(proceeds(&gate)),
            true => {
                let name = "the affected configuration items";
                let words = format!("approval again, or the edit undone: since it was given, somebody edited {name}");
                starts(&waits_for(&gate), &words);
                starts(&waits_for(&reread(&host, &instance, &gate)), &words);
            }
        }
    }
}

#[test]
fn an_approvers_comment_is_no_new_approval() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    instance.approve();
    let approved = reread(&host, &instance, &gate);
    proceeds(&approved);
    instance.advance(MINUTE);
    instance.person_edits(EDITS[1].0);
    instance.advance(MINUTE);
    // Every approver's row is touched, and nobody decides anew.
    instance.answer("approved", "mind the edit");
    let ask = |gate: &Gate| {
        let event = deploy(DeployPhase::Requested, Some(gate));
        host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap()
    };
    let words = "approval again, or the edit undone: since it was given, somebody edited the configuration item";
    starts(&waits_for(&ask(&approved)), words);
    starts(&waits_for(&reread(&host, &instance, &approved)), words);
}

#[test]
fn an_instance_that_does_not_tell_when_approval_was_given_is_believed_once_it_was_seen_unapproved() {
    let (host, instance) = (host(), Instance::new());
    *instance.hidden.borrow_mut() = vec!["approval_set".into()];
    let gate = requested(&host, &instance);
    instance.approve();
    let approved = reread(&host, &instance, &gate);
    instance.person_edits(EDITS[1].0);
    instance.advance(MINUTE);
    instance.asks_again();
    instance.approve();
    // Nobody saw it unapproved: it may be the old approval.
    waits_for(&reread(&host, &instance, &approved));
    instance.asks_again();
    let asked = reread(&host, &instance, &approved);
    instance.approve();
    proceeds(&reread(&host, &instance, &asked));
}

#[test]
fn what_this_plugin_attaches_before_it_asks_is_no_edit() {
    let (host, instance) = (host(), Instance::new());
    instance.knows("web-01", "cmdb_ci_server");
    let mut request = build_request("b-1");
    request.systems = vec![System { name: "web-01".into(), kind: SystemKind::Virtual, identifiers: Vec::new() }];
    let gate = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap();
    let gate = reread(&host, &instance, &gate);
    instance.approve();
    let gate = reread(&host, &instance, &gate);
    proceeds(&gate);
    proceeds(&reread(&host, &instance, &gate));
}

#[test]
fn nobody_forges_what_was_approved_by_words_of_their_own() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    instance.approve();
    let approved = reread(&host, &instance, &gate);
    instance.advance(MINUTE);
    instance.person_edits(EDITS[1].0);
    let held = reread(&host, &instance, &approved);
    let words = "approval again, or the edit undone: since it was given, somebody edited the configuration item";
    starts(&waits_for(&held), words);
    // What the change says now, as a seal of somebody's own.
    let text = sealed(&held).rsplit_once("(seal ").unwrap().1.trim_end_matches(')').to_owned();
    let mut parts: Vec<&str> = text.split('.').collect();
    parts[1] = "asked";
    parts[4] = "--------";
    let forged = parts.join(".");
    for reason in [
        format!("the change to stay as it was asked for (seal {forged})"),
        format!("freeze\nthe change to stay as it was asked for (seal {forged})"),
    ] {
        instance.person_edits(&[("on_hold", "true"), ("on_hold_reason", &reason)]);
        let on_hold = reread(&host, &instance, &held);
        assert!(waits_for(&on_hold).contains("somebody edited the configuration item"));
        instance.person_edits(&[("on_hold", "false"), ("on_hold_reason", "")]);
        starts(&waits_for(&reread(&host, &instance, &on_hold)), words);
    }
}

#[test]
fn an_edit_after_a_second_approval_waits_as_one_after_the_first_does() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    instance.approve();
    let approved = reread(&host, &instance, &gate);
    instance.advance(MINUTE);
    instance.asks_again();
    instance.approve();
    instance.advance(HOUR);
    instance.person_edits(EDITS[1].0);
    let words = "approval again, or the edit undone: since the approval before, somebody edited the configuration item";
    let held = reread(&host, &instance, &approved);
    starts(&waits_for(&held), words);
    instance.person_edits(&[("cmdb_ci", "")]);
    proceeds(&reread(&host, &instance, &held));
}

#[test]
fn an_item_that_is_taken_away_again_is_seen_by_the_next_look() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    let review = look(&host, &instance, &gate, None);
    let asked = review.moved.into_iter().next().map_or(gate, |moved| moved.answer.unwrap());
    instance.advance(MINUTE);
    instance.approve();
    instance.advance(MINUTE);
    instance.affects(&instance.change()["sys_id"].clone(), ITEM);
    let review = look(&host, &instance, &asked, Some(&review.cursor));
    let held = review.moved[0].answer.clone().unwrap();
    assert!(waits_for(&held).contains("somebody edited the affected configuration items"));
    instance.advance(MINUTE);
    let unchanged = look(&host, &instance, &held, Some(&review.cursor));
    assert_eq!(unchanged.moved, []);
    instance.affects_nothing();
    instance.advance(MINUTE);
    let undone = look(&host, &instance, &held, Some(&unchanged.cursor));
    proceeds(undone.moved[0].answer.as_ref().unwrap());
}

#[test]
fn many_items_of_many_changes_are_no_edit() {
    let (host, instance) = (host(), Instance::new());
    let ask = |number: usize| {
        let mut request = build_request(&format!("b-{number}"));
        request.build.id = format!("build-{number}");
        host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap()
    };
    let gates: Vec<Gate> = (0..20).map(ask).collect();
    for gate in &gates {
        for number in 0..600 {
            instance.affects(&gate.change.as_ref().unwrap().id, &format!("{number:032x}"));
        }
    }
    instance.advance(MINUTE);
    instance.approve();
    let works: Vec<Waiting> = gates.into_iter().map(|last| Waiting { last, since: NOON }).collect();
    let review = host.call(&instance, |plugin| check(plugin, &works, None)).unwrap();
    assert_eq!(review.moved.len(), 20);
    for moved in review.moved {
        let gate = moved.answer.unwrap();
        proceeds(&gate);
        let number = works.iter().position(|work| work.last.change == gate.change).unwrap();
        let mut event = deploy(DeployPhase::Requested, Some(&gate));
        event.build.id = format!("build-{number}");
        proceeds(&host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap());
    }
}

#[test]
fn work_that_was_given_up_after_an_edit_is_not_let_through_when_it_asks_again() {
    let settings = json!({"approval": {"timeout": "2h", "on-timeout": "cancel"}, "change": {"on-cancel": "comment"}});
    let (host, instance) = (Host::with(settings), Instance::new());
    let gate = requested(&host, &instance);
    instance.approve();
    let approved = reread(&host, &instance, &gate);
    instance.advance(MINUTE);
    instance.person_edits(EDITS[1].0);
    let held = reread(&host, &instance, &approved);
    instance.advance(3 * HOUR);
    let given_up = reread(&host, &instance, &held);
    assert!(stops(&given_up).contains("waited too long for: approval again"));
    let ask = |gate: &Gate| {
        let mut event = deploy(DeployPhase::Requested, Some(gate));
        event.delivery.occurred_at = instance.now();
        host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap()
    };
    assert!(waits_for(&ask(&given_up)).contains("somebody edited the configuration item"));
    instance.person_edits(&[("cmdb_ci", "")]);
    proceeds(&ask(&given_up));
}

#[test]
fn items_that_could_not_be_read_once_are_no_edit() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    instance.affects(&instance.change()["sys_id"].clone(), ITEM);
    instance.advance(MINUTE);
    instance.approve();
    *instance.closed.borrow_mut() = vec!["task_ci".into()];
    let approved = reread(&host, &instance, &gate);
    proceeds(&approved);
    instance.closed.borrow_mut().clear();
    proceeds(&reread(&host, &instance, &approved));
    let event = deploy(DeployPhase::Requested, Some(&approved));
    proceeds(&host.call(&instance, |plugin| on_deploy(plugin, &event)).unwrap().gate.unwrap());
}

#[test]
fn of_many_gates_one_whose_item_is_taken_away_again_is_seen_too() {
    let (host, instance) = (host(), Instance::new());
    let ask = |number: usize| {
        let request = build_request(&format!("b-{number}"));
        let last = host.call(&instance, |plugin| on_build_requested(plugin, &request)).unwrap();
        Waiting { last, since: NOON }
    };
    let mut works: Vec<Waiting> = (0..12).map(ask).collect();
    let mut cursor = None;
    let mut look = || {
        instance.advance(MINUTE);
        let review = host.call(&instance, |plugin| check(plugin, &works, cursor.as_deref())).unwrap();
        cursor = Some(review.cursor);
        for moved in &review.moved {
            let work = works.iter_mut().find(|work| work.last.change.as_ref().unwrap().id == moved.change).unwrap();
            work.last = moved.answer.clone().unwrap();
        }
        (review.moved.len(), works[0].last.clone())
    };
    look();
    let id = look().1.change.unwrap().id;
    instance.advance(MINUTE);
    instance.answer("approved", "");
    instance.person_edits_one(&id, &[("approval", "approved"), ("state", "-2")]);
    instance.advance(MINUTE);
    instance.affects(&id, ITEM);
    assert!(waits_for(&look().1).contains("somebody edited the affected configuration items"));
    assert_eq!(look().0, 0);
    instance.affects_nothing();
    proceeds(&look().1);
}
