//! When waiting gates are looked at, and what a look means.

use super::*;
use itsm_contract::types::{Clearance, Pause, Ticket};

fn gate(change: &str, check_after: u64, expires_at: Option<u64>) -> Gate {
    let ticket = |id: &str| Ticket {
        kind: "change_request".into(),
        id: id.into(),
        number: "CHG1".into(),
        url: String::new(),
        key: None,
    };
    Gate {
        change: Some(ticket(change)),
        verdict: Verdict::Pause(Pause { waiting_for: Vec::new(), check_after, expires_at }),
        approvals: Vec::new(),
        window: None,
    }
}

fn waiter(id: Id, change: &str, at: u64) -> Waiter {
    let gate = gate(change, at + 60_000, Some(at + 600_000));
    Waiter { id, gate, since: at, asked_at: at, stored_at: at + 10 }
}

fn cursor(name: &str, began_at: u64, ended_at: u64) -> Cursor {
    Cursor { cursor: name.into(), began_at, ended_at }
}

fn approved(change: &str) -> Reviewed {
    let clearance = Clearance { reason: "approved".into(), by_policy: false, seal: None };
    let answer = Ok(Gate { verdict: Verdict::Proceed(clearance), ..gate(change, 0, None) });
    Reviewed { change: change.into(), answer }
}

#[test]
fn a_hundred_gates_that_come_one_by_one_are_looked_at_together_and_once_in_each_interval() {
    let mut gates = Gates::default();
    let mut looks = Vec::new();
    for second in 0..300 {
        let now = second * 1_000;
        if second < 100 {
            gates.add(waiter(second as Id, &format!("c{second}"), now));
        }
        if gates.due(now).is_some_and(|due| due <= now) {
            let look = gates.look(now);
            looks.push((second, look.waiting.len()));
            gates.looked(&look, Vec::new(), cursor("c", now, now));
        }
    }
    assert_eq!(looks, [(60, 61), (120, 100), (180, 100), (240, 100)]);
}

#[test]
fn a_timeout_is_looked_at_when_it_comes_though_the_next_look_would_be_later() {
    let mut gates = Gates::default();
    gates.add(Waiter { gate: gate("c", 60_000, Some(70_000)), ..waiter(1, "c", 0) });
    let look = gates.look(60_000);
    gates.looked(&look, Vec::new(), cursor("c", 60_000, 60_000));
    assert_eq!(gates.due(60_000), Some(70_000));
}

#[test]
fn what_was_approved_between_a_hooks_reading_and_its_answer_is_not_passed_over() {
    let mut gates = Gates::default();
    gates.add(waiter(1, "a", 0));
    let look = gates.look(60_000);
    assert_eq!(look.cursor, None);
    // Asked before this look ended, and known after it began: this look had it not.
    gates.add(Waiter { asked_at: 60_100, ..waiter(2, "b", 60_500) });
    gates.looked(&look, Vec::new(), cursor("first", 60_000, 60_200));
    let look = gates.look(120_000);
    assert_eq!(look.cursor, None, "the first cursor has passed what the second gate has not seen");
    gates.looked(&look, Vec::new(), cursor("second", 120_000, 120_200));
    assert_eq!(gates.look(180_000).cursor.as_deref(), Some("second"));
}

#[test]
fn after_a_restart_the_cursor_serves_unless_a_gate_joined_since_the_last_look() {
    let last = || Some(cursor("last", 60_000, 60_200));
    assert_eq!(Gates::restore(vec![waiter(1, "a", 0)], last()).look(90_000).cursor.as_deref(), Some("last"));
    let late = Waiter { asked_at: 60_100, ..waiter(2, "b", 60_150) };
    assert_eq!(Gates::restore(vec![waiter(1, "a", 0), late], last()).look(90_000).cursor, None);
    let later = waiter(3, "c", 60_300);
    assert_eq!(Gates::restore(vec![later], last()).look(90_000).cursor.as_deref(), Some("last"));
    let due = Gates::restore(vec![waiter(1, "a", 0)], last()).due(61_000);
    assert!(due.is_some_and(|due| due <= 61_000), "time has passed: look at once");
}

#[test]
fn a_change_for_which_several_events_wait_is_asked_about_for_each_by_itself() {
    let mut gates = Gates::default();
    gates.add(waiter(1, "a", 0));
    gates.add(waiter(2, "a", 0));
    gates.add(waiter(3, "b", 0));
    let look = gates.look(60_000);
    let told = gates.looked(&look, vec![approved("a"), approved("b")], cursor("c", 60_000, 60_000));
    assert_eq!(told.len(), 3);
    assert_eq!((&told[0], &told[1]), (&(1, Moved::Ask), &(2, Moved::Ask)));
    assert!(matches!(&told[2], (3, Moved::To(gate)) if matches!(gate.verdict, Verdict::Proceed(_))));
}

#[test]
fn an_answer_about_another_change_is_not_believed() {
    let mut gates = Gates::default();
    gates.add(waiter(1, "a", 0));
    let look = gates.look(60_000);
    let wrong = Reviewed { change: "a".into(), ..approved("z") };
    assert_eq!(gates.looked(&look, vec![wrong], cursor("c", 1, 1)), [(1, Moved::Ask)]);
    assert_eq!(gates.looked(&look, vec![approved("z")], cursor("c", 1, 1)), []);
}

#[test]
fn the_record_that_counts_of_those_with_one_key_is_believed_and_a_linked_one_by_its_id_alone() {
    let with = |gate: Gate, key: Option<&str>| {
        let change = gate.change.map(|ticket| Ticket { key: key.map(str::to_owned), ..ticket });
        Gate { change, ..gate }
    };
    for (waited, answered, is_believed) in
        [(Some("k"), Some("k"), true), (Some("k"), Some("l"), false), (Some("k"), None, false), (None, None, false)]
    {
        let mut gates = Gates::default();
        let waiter = waiter(1, "a", 0);
        gates.add(Waiter { gate: with(waiter.gate.clone(), waited), ..waiter });
        let look = gates.look(60_000);
        let gate = with(approved("z").answer.unwrap(), answered);
        let told =
            gates.looked(&look, vec![Reviewed { change: "a".into(), answer: Ok(gate.clone()) }], cursor("c", 1, 1));
        assert_eq!(told, [(1, if is_believed { Moved::To(gate) } else { Moved::Ask })], "{waited:?} {answered:?}");
    }
}

#[test]
fn looks_are_a_second_to_an_hour_apart_whatever_a_plugin_asks_for() {
    for (check_after, next) in [(0, SHORTEST), (LONGEST * 24, LONGEST)] {
        let mut gates = Gates::default();
        gates.add(Waiter { gate: gate("c", check_after, None), ..waiter(1, "c", 0) });
        let first = gates.due(0).unwrap();
        assert!(first <= LONGEST + 10, "{first}");
        let look = gates.look(first);
        gates.looked(&look, Vec::new(), cursor("c", first, first));
        assert_eq!(gates.due(first), Some(first + next));
    }
}

#[test]
fn so_many_cursors_are_kept_and_no_more() {
    let mut gates = Gates::default();
    for second in 0..2 * CURSORS as u64 {
        let look = gates.look(second);
        gates.looked(&look, Vec::new(), cursor("c", second, second));
    }
    assert_eq!(gates.cursors.len(), CURSORS);
}
