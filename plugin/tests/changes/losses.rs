//! Replies that are lost, events that come again, and hosts that act at once.

use crate::instance::{Instance, Loss, Row};
use crate::support::*;
use itsm_contract::events::{BuildOutcome, BuildResult, DeployPhase, Shortfall};
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
    let is_double = |row: &Row| row.get("work_notes").is_some_and(|notes| notes.contains("A double of "));
    let mut rows: Vec<Row> = rows.filter(|row| !is_double(row)).collect();
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
    for story in STORIES {
        for keeps_sys_ids in [true, false] {
            let calm = Instance::new();
            calm.keeps_sys_ids.set(keeps_sys_ids);
            let requests = play(story, &calm);
            for loss in [Loss::Before, Loss::After] {
                for at in 0..requests {
                    let instance = Instance::new();
                    instance.keeps_sys_ids.set(keeps_sys_ids);
                    instance.lost.set(Some((at, loss)));
                    play(story, &instance);
                    let label = format!(
                        "{}, keeps sys_ids: {keeps_sys_ids}, request {at} of {requests} lost {loss:?}",
                        story.name
                    );
                    assert_eq!(left_behind(&instance), left_behind(&calm), "{label}");
                    losses += 1;
                }
            }
        }
    }
    assert!(losses > 500, "{losses}");
}

/// What becomes of the change of a build.
struct Story {
    name: &'static str,
    /// The sections of the settings.
    settings: &'static str,
    /// A slot is looked for.
    is_scheduled: bool,
    /// A person's change is linked.
    is_linked: bool,
    end: End,
}

/// How it ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Deployed,
    NotDeployed,
    Built,
    NotBuilt,
    GivenUp,
    Rejected,
    TimedOut,
}

const PLAIN: Story =
    Story { name: "deployed", settings: "{}", is_scheduled: false, is_linked: false, end: End::Deployed };

const STORIES: &[Story] = &[
    PLAIN,
    Story { name: "slot", is_scheduled: true, ..PLAIN },
    Story { name: "linked", is_linked: true, ..PLAIN },
    Story { name: "emergency", settings: r#"{"change": {"type": "emergency"}}"#, ..PLAIN },
    Story {
        name: "standard",
        settings: r#"{"change": {"type": "standard", "template": "Publish golden image"}}"#,
        ..PLAIN
    },
    Story { name: "never closed", settings: r#"{"change": {"close": "never"}}"#, ..PLAIN },
    Story { name: "failed deployment", end: End::NotDeployed, ..PLAIN },
    Story {
        name: "closed after the build",
        settings: r#"{"change": {"close": "after-build"}}"#,
        end: End::Built,
        ..PLAIN
    },
    Story { name: "failed build", settings: r#"{"change": {"close": "after-build"}}"#, end: End::NotBuilt, ..PLAIN },
    Story { name: "withdrawn after a failed build", end: End::NotBuilt, ..PLAIN },
    Story { name: "withdrawn", end: End::GivenUp, ..PLAIN },
    Story { name: "commented", settings: r#"{"change": {"on-cancel": "comment"}}"#, end: End::GivenUp, ..PLAIN },
    Story { name: "rejected", end: End::Rejected, ..PLAIN },
    Story { name: "timed out and paused", settings: r#"{"approval": {"timeout": "1h"}}"#, end: End::TimedOut, ..PLAIN },
    Story {
        name: "timed out and withdrawn",
        settings: r#"{"approval": {"timeout": "1h", "on-timeout": "cancel"}}"#,
        end: End::TimedOut,
        ..PLAIN
    },
    Story {
        name: "timed out and let through",
        settings: r#"{"approval": {"timeout": "1h", "on-timeout": "proceed"}}"#,
        end: End::TimedOut,
        ..PLAIN
    },
];

/// Looks at the gate until there is an answer.
fn poll(host: &Host, instance: &Instance, gate: &mut Gate, cursor: &mut Option<String>) {
    for _ in 0..3 {
        let Ok(review) = host.call(instance, |plugin| check(plugin, &waiting(gate), cursor.as_deref())) else {
            continue;
        };
        *cursor = Some(review.cursor);
        match review.moved.into_iter().next().map(|reviewed| reviewed.answer) {
            Some(Ok(moved)) => *gate = moved,
            Some(Err(_)) => continue,
            None => {}
        }
        return;
    }
    panic!("no answer");
}

/// Tells of a deployment, until nothing is left to do.
fn deploys(host: &Host, instance: &Instance, gate: &Gate, phases: &[DeployPhase]) {
    for phase in phases {
        let event = deploy(phase.clone(), Some(gate));
        let deliver =
            || host.call(instance, |plugin| on_deploy(plugin, &event)).is_ok_and(|answer| answer.unfinished.is_empty());
        assert!((0..3).any(|_| deliver()));
        assert!((0..2).any(|_| deliver()), "again");
    }
}

/// A whole story, each event delivered until it is done, and the last ones once more. Returns how many requests it took.
fn play(story: &Story, instance: &Instance) -> usize {
    let host = &Host::with(serde_json::from_str(story.settings).unwrap());
    let mut request = build_request("b-1");
    if story.is_scheduled {
        instance.knows("web-01", "cmdb_ci_server");
        instance.worker_reads.set(2);
        request.systems = vec![System { name: "web-01".into(), kind: SystemKind::Virtual, identifiers: Vec::new() }];
        request.schedule = Some(Schedule::FirstFree(HOUR));
    }
    if story.is_linked {
        let made = instance.person_makes(&[("assignment_group", "287ebd7da9fe198100f92cc8d1d2154e")]);
        request.change_number = Some(made["number"].clone());
    }
    let mut ask = || {
        (1..4).find_map(|attempt| {
            request.delivery.attempt = attempt;
            host.call(instance, |plugin| on_build_requested(plugin, &request)).ok()
        })
    };
    let mut gate = ask().unwrap();
    let mut cursor = None;
    poll(host, instance, &mut gate, &mut cursor);
    poll(host, instance, &mut gate, &mut cursor);
    match story.end {
        End::Rejected => instance.reject("no"),
        End::TimedOut => instance.advance(HOUR),
        _ if story.name == "standard" => {}
        _ => instance.approve(),
    }
    if story.is_scheduled {
        instance.advance(2 * HOUR + MINUTE);
    }
    for _ in 0..3 {
        if matches!(gate.verdict, Verdict::Pause(_)) {
            poll(host, instance, &mut gate, &mut cursor);
        }
    }
    let finish = |outcome: BuildOutcome| {
        let result = BuildResult { outcome, ..build_result(&gate) };
        assert!((0..3).any(|_| host.call(instance, |plugin| after_build(plugin, &result)).is_empty()));
        assert!((0..2).any(|_| host.call(instance, |plugin| after_build(plugin, &result)).is_empty()), "again");
    };
    match story.end {
        End::Deployed | End::NotDeployed => {
            proceeds(&gate);
            finish(BuildOutcome::Passed);
            let ended = match story.end {
                End::Deployed => DeployPhase::Succeeded,
                _ => DeployPhase::Failed(Shortfall { why: "disk full".into(), received: Vec::new() }),
            };
            deploys(host, instance, &gate, &[DeployPhase::Requested, DeployPhase::Started, ended]);
        }
        End::Built => finish(BuildOutcome::Passed),
        End::NotBuilt => finish(BuildOutcome::Failed("no space left".into())),
        End::GivenUp => finish(BuildOutcome::Cancelled("not needed".into())),
        End::Rejected => {
            stops(&gate);
            finish(BuildOutcome::Cancelled("rejected".into()));
        }
        End::TimedOut => match &gate.verdict {
            Verdict::Pause(_) => assert!(waits_for(&gate).ends_with("the time to answer is over")),
            Verdict::Cancel(_) => {
                // Told again, it says the same.
                let again = ask().unwrap();
                assert_eq!(stops(&again), stops(&gate));
            }
            Verdict::Proceed(clearance) => {
                assert!(clearance.by_policy);
                deploys(host, instance, &gate, &[DeployPhase::Started, DeployPhase::Succeeded]);
            }
        },
    }
    instance.take_requests().len()
}
