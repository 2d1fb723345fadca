//! Replies that are lost, events that come again, and hosts that act at once.

use crate::instance::{Instance, Loss, Row};
use crate::support::*;
use itsm_contract::events::DeployPhase;
use itsm_contract::types::{Gate, Schedule, System, SystemKind, Verdict};
use servicenow_plugin::approvals::check;
use servicenow_plugin::build_requested::on_build_requested;
use servicenow_plugin::change::after_build;
use servicenow_plugin::deploy::on_deploy;

#[test]
fn a_redelivered_request_creates_no_second_change_and_repeats_no_step() {
    let (host, instance) = (host(), Instance::new());
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
fn two_hosts_at_once_leave_one_change_that_counts() {
    let (host, instance) = (host(), Instance::new());
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

/// What the story leaves behind, but for the moments at which rows were written: a cancelled double counts for nothing.
fn left_behind(instance: &Instance) -> Vec<Row> {
    let rows = ["change_request", "sysapproval_approver", "task_ci"].into_iter().flat_map(|table| instance.rows(table));
    let mut rows: Vec<Row> = rows.filter(|row| row.get("state").map(String::as_str) != Some("4")).collect();
    for row in &mut rows {
        for column in ["sys_created_on", "sys_updated_on", "sys_mod_count", "number", "sys_id", "task", "sysapproval"] {
            row.remove(column);
        }
    }
    rows
}

#[test]
fn every_lost_reply_is_made_good_by_the_next_delivery() {
    let mut losses = 0;
    for keeps_sys_ids in [true, false] {
        let calm = Instance::new();
        calm.keeps_sys_ids.set(keeps_sys_ids);
        let requests = play(&host(), &calm);
        for loss in [Loss::Before, Loss::After] {
            for at in 0..requests {
                let instance = Instance::new();
                instance.keeps_sys_ids.set(keeps_sys_ids);
                instance.lost.set(Some((at, loss)));
                play(&host(), &instance);
                let label = format!("keeps sys_ids: {keeps_sys_ids}, request {at} of {requests} lost {loss:?}");
                assert_eq!(left_behind(&instance), left_behind(&calm), "{label}");
                losses += 1;
            }
        }
    }
    assert!(losses > 60, "{losses}");
}

/// A whole story, each event delivered until it is done. Returns how many requests it took.
fn play(host: &Host, instance: &Instance) -> usize {
    instance.knows("web-01", "cmdb_ci_server");
    instance.worker_reads.set(2);
    let mut request = build_request("b-1");
    request.systems = vec![System { name: "web-01".into(), kind: SystemKind::Virtual, identifiers: Vec::new() }];
    request.schedule = Some(Schedule::FirstFree(HOUR));
    let gate = (1..4).find_map(|attempt| {
        request.delivery.attempt = attempt;
        host.call(instance, |plugin| on_build_requested(plugin, &request)).ok()
    });
    let mut gate = gate.unwrap();
    let mut cursor = None;
    let mut poll = |gate: &Gate| {
        for _ in 0..3 {
            match host.call(instance, |plugin| check(plugin, &waiting(gate), cursor.as_deref())) {
                Ok(mut review) => {
                    cursor = Some(review.cursor);
                    match review.moved.pop().map(|reviewed| reviewed.answer) {
                        Some(Ok(gate)) => return gate,
                        Some(Err(_)) => continue,
                        None => return gate.clone(),
                    }
                }
                Err(_) => continue,
            }
        }
        panic!("no answer");
    };
    gate = poll(&gate);
    gate = poll(&gate);
    instance.approve();
    instance.advance(2 * HOUR + MINUTE);
    for _ in 0..3 {
        if matches!(gate.verdict, Verdict::Pause(_)) {
            gate = poll(&gate);
        }
    }
    proceeds(&gate);
    let result = build_result(&gate);
    assert!((0..3).any(|_| host.call(instance, |plugin| after_build(plugin, &result)).is_empty()));
    for phase in [DeployPhase::Requested, DeployPhase::Started, DeployPhase::Succeeded] {
        let event = deploy(phase, Some(&gate));
        let deliver =
            || host.call(instance, |plugin| on_deploy(plugin, &event)).is_ok_and(|answer| answer.unfinished.is_empty());
        assert!((0..3).any(|_| deliver()));
    }
    instance.take_requests().len()
}
