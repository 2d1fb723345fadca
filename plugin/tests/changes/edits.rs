//! What was approved is what goes on: edits after approval, and while nobody looked.

use crate::instance::Instance;
use crate::support::*;
use itsm_contract::events::DeployPhase;
use itsm_contract::types::{Gate, System, SystemKind};
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
        assert_eq!(waits_for(&held), words);
        // It stays so, however often it is asked.
        let later = reread(&host, &instance, &held);
        assert!(waits_for(&later).ends_with(&format!("somebody edited {name}")));
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
        assert_eq!(waits_for(&reread(&host, &instance, &gate)), words);
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
                assert_eq!(waits_for(&gate), words);
                assert_eq!(waits_for(&reread(&host, &instance, &gate)), words);
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
    assert_eq!(waits_for(&ask(&approved)), words);
    assert_eq!(waits_for(&reread(&host, &instance, &approved)), words);
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
