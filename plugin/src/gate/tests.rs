//! Every cell of type × state × approval × hold × window × policy against the table in `verdicts.txt`.

use super::approvers::Row;
use super::judge::{Decision, Facts, judge};
use super::policy::Policy;
use crate::change::{Answer, Change, Kind, State};
use crate::settings::{OnRejected, OnTimeout};
use itsm_contract::types::{Approval, Decision as Said};

const TABLE: &str = include_str!("verdicts.txt");
const NOW: u64 = 1_795_510_800_000;
const HOUR: u64 = 3_600_000;

const TYPES: [&str; 4] = ["normal", "standard", "emergency", "own"];
const STATES: [(&str, &str); 9] = [
    ("New", "-5"),
    ("Assess", "-4"),
    ("Authorize", "-3"),
    ("Scheduled", "-2"),
    ("Implement", "-1"),
    ("Review", "0"),
    ("Closed", "3"),
    ("Canceled", "4"),
    ("Own", "17"),
];
const APPROVALS: [&str; 5] = ["not requested", "requested", "approved", "rejected", "not_required"];
const HOLDS: [&str; 2] = ["no", "yes"];
const WINDOWS: [&str; 4] = ["none", "before", "in", "after"];
const CLOCKS: [&str; 4] = ["in-time", "pause", "cancel", "proceed"];

/// A row of the table: six patterns, the verdict, and what its reason says.
struct Rule {
    patterns: Vec<&'static str>,
    verdict: &'static str,
    because: &'static str,
}

fn rules() -> Vec<Rule> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let rules = lines.map(|line| {
        let (patterns, rest) = split(line, 6);
        let (verdict, because) = rest.trim_start().split_once(' ').unwrap();
        Rule { patterns, verdict, because: because.trim() }
    });
    rules.collect()
}

fn split(line: &'static str, count: usize) -> (Vec<&'static str>, &'static str) {
    let mut rest = line;
    let mut words = Vec::new();
    for _ in 0..count {
        let (word, after) = rest.trim_start().split_once(' ').unwrap();
        words.push(word);
        rest = after;
    }
    (words, rest)
}

fn fits(pattern: &str, value: &str) -> bool {
    let value = value.replace(' ', "-");
    match pattern.strip_prefix('!') {
        Some(not) => not != value,
        None => pattern == "*" || pattern.split('|').any(|one| one == value),
    }
}

fn change(kind: &str, state: &str, approval: &str, hold: &str, window: &str) -> Change {
    let (start, end) = match window {
        "none" => (None, None),
        "before" => (Some(NOW + HOUR), Some(NOW + 2 * HOUR)),
        "in" => (Some(NOW - HOUR), Some(NOW + HOUR)),
        _ => (Some(NOW - 2 * HOUR), Some(NOW - HOUR)),
    };
    Change {
        sys_id: "c".into(),
        number: "CHG0030001".into(),
        kind: Kind::parse(kind),
        state: State::parse(state),
        approval: Answer::parse(approval),
        approved_at: None,
        is_on_hold: hold == "yes",
        hold_reason: "freeze".into(),
        start,
        end,
        item: String::new(),
        close_notes: String::new(),
        correlation_id: String::new(),
        origin: String::new(),
        created: String::new(),
        updated: NOW,
        changes: "1".into(),
    }
}

fn ann(approval: &str) -> Vec<Row> {
    let decision = match approval {
        "approved" => Said::Approved,
        "rejected" => Said::Rejected,
        _ => return Vec::new(),
    };
    let comment = (approval == "rejected").then(|| "no".to_owned());
    let approval = Approval { approver: "Ann".into(), decision, comment, at: Some(NOW) };
    vec![Row { change: "c".into(), group: None, approval }]
}

fn policy(clock: &str) -> Policy {
    Policy {
        gates: true,
        takes_standard: true,
        window: true,
        conflicts: true,
        on_rejected: OnRejected::Cancel,
        on_timeout: match clock {
            "cancel" => OnTimeout::Cancel,
            "proceed" => OnTimeout::Proceed,
            _ => OnTimeout::Pause,
        },
        expires_at: Some(if clock == "in-time" { NOW + HOUR } else { NOW }),
        check_after: NOW + 1,
    }
}

fn decided(change: &Change, approvers: &[Row], policy: &Policy) -> Decision {
    let facts =
        Facts { change, approvers, conflicts: &[], preparing: &[], conditions: &[], edited: None, exchanged: None };
    judge(&facts, policy, NOW)
}

fn told(decision: Decision) -> (&'static str, String) {
    match decision {
        Decision::Proceed { reason, by_policy: true } => ("by-policy", reason),
        Decision::Proceed { reason, by_policy: false } => ("proceed", reason),
        Decision::Wait { reasons, .. } => ("pause", reasons.join("; ")),
        Decision::Stop { reason, .. } => ("cancel", reason),
    }
}

#[test]
fn a_change_that_somebody_makes_standard_waits_whatever_else_it_says() {
    for state in ["-2", "-1"] {
        for approval in ["approved", "not requested"] {
            let change = change("standard", state, approval, "no", "none");
            let asked_for_another = Policy { takes_standard: false, ..policy("in-time") };
            let (verdict, words) = told(decided(&change, &[], &asked_for_another));
            assert_eq!(verdict, "pause", "{words}");
            assert!(words.contains("it was made a standard change, which nobody approves"), "{words}");
            assert_eq!(told(decided(&change, &[], &policy("in-time"))).0, "proceed");
        }
    }
}

#[test]
fn every_cell_has_the_verdict_that_is_written_down() {
    let rules = rules();
    let mut used = vec![0; rules.len()];
    for kind in TYPES {
        for (label, state) in STATES {
            for approval in APPROVALS {
                for hold in HOLDS {
                    for window in WINDOWS {
                        for clock in CLOCKS {
                            let cell = [kind, label, approval, hold, window, clock];
                            let is_it = |rule: &Rule| {
                                rule.patterns.iter().zip(cell).all(|(pattern, value)| fits(pattern, value))
                            };
                            let row = rules.iter().position(is_it).unwrap_or_else(|| panic!("no row for {cell:?}"));
                            used[row] += 1;
                            let change = change(kind, state, approval, hold, window);
                            let (verdict, reason) = told(decided(&change, &ann(approval), &policy(clock)));
                            assert_eq!(verdict, rules[row].verdict, "{cell:?}: {reason}");
                            for words in rules[row].because.split(" + ") {
                                assert!(reason.contains(words), "{cell:?}: {reason} does not say `{words}`");
                            }
                        }
                    }
                }
            }
        }
    }
    assert_eq!(used.iter().sum::<usize>(), 4 * 9 * 5 * 2 * 4 * 4);
    assert!(used.iter().all(|count| *count > 0), "a row that decides nothing: {used:?}");
}

#[test]
fn a_rejection_may_pause_and_never_does_more() {
    let policy = Policy { on_rejected: OnRejected::Pause, on_timeout: OnTimeout::Proceed, ..policy("proceed") };
    let change = change("normal", "-5", "rejected", "no", "none");
    let (verdict, reason) = told(decided(&change, &ann("rejected"), &policy));
    assert_eq!(
        (verdict, reason.as_str()),
        ("pause", "CHG0030001 was rejected by Ann: no; ask for approval again in ServiceNow")
    );
}

#[test]
fn a_rejected_change_that_has_ended_waits_for_nobody() {
    let policy = Policy { on_rejected: OnRejected::Pause, ..policy("in-time") };
    for (state, words) in
        [("4", "CHG0030001 was cancelled in ServiceNow"), ("3", "CHG0030001 is in Closed: its work is over")]
    {
        let change = change("normal", state, "rejected", "no", "none");
        assert_eq!(told(decided(&change, &ann("rejected"), &policy)), ("cancel", words.to_owned()));
    }
}

#[test]
fn a_window_that_the_settings_pass_over_holds_nothing() {
    let policy = Policy { window: false, ..policy("in-time") };
    for window in WINDOWS {
        let change = change("normal", "-2", "approved", "no", window);
        assert_eq!(told(decided(&change, &ann("approved"), &policy)).0, "proceed");
    }
}

#[test]
fn a_pause_is_read_again_when_its_window_opens_and_not_only_at_the_next_interval() {
    let mut change = change("normal", "-2", "approved", "no", "before");
    change.start = Some(NOW + 10);
    let policy = Policy { check_after: NOW + HOUR, ..policy("in-time") };
    match decided(&change, &ann("approved"), &policy) {
        Decision::Wait { check_after, expires_at, .. } => {
            assert_eq!(check_after, NOW + 10);
            assert_eq!(expires_at, None, "approved in time: no policy decides");
        }
        other => panic!("{other:?}"),
    }
}
