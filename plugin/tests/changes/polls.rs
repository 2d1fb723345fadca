//! Many waiting gates in one call.

use crate::instance::Instance;
use crate::support::*;
use itsm_contract::answers::{Review, Waiting};
use itsm_contract::types::{Failure, Gate, Ticket, Verdict};
use servicenow_plugin::approvals::check;
use servicenow_plugin::servicenow::datetime;
use std::collections::HashMap;

#[test]
fn a_poll_that_finds_nothing_new_asks_once_and_tells_nothing() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    let review = look(&host, &instance, &gate, None);
    let gate = review.moved[0].answer.clone().unwrap();
    instance.take_requests();
    let mut cursor = review.cursor;
    for _ in 0..5 {
        instance.advance(MINUTE);
        let review = look(&host, &instance, &gate, Some(&cursor));
        assert_eq!(review.moved, []);
        assert_eq!(instance.take_requests(), ["POST batch"]);
        cursor = review.cursor;
    }
}

#[test]
fn an_instance_without_the_batch_api_is_asked_one_by_one() {
    let (host, instance) = (host(), Instance::new());
    instance.has_batch.set(false);
    let gate = requested(&host, &instance);
    let gate = reread(&host, &instance, &gate);
    assert_eq!(waits_for(&gate), "approval by CAB Approval (Ann Lee, Bob Ray)");
    instance.approve();
    proceeds(&reread(&host, &instance, &gate));
}

/// Many builds whose changes wait, with a first look at all of them behind them.
struct Crowd {
    host: Host,
    instance: Instance,
    waiting: Vec<Waiting>,
    cursor: String,
}

impl Crowd {
    fn new(count: usize) -> Self {
        let (host, instance) = (host(), Instance::new());
        let gate = requested(&host, &instance);
        let pause = reread(&host, &instance, &gate);
        let mut waiting = Vec::new();
        for number in 0..count {
            // One every second, the last of them some minutes ago.
            let updated = NOON - HOUR - (count - number) as u64 * 1000;
            let key = format!("openfactory/build-change/{number:032x}");
            instance.holds(&[
                ("sys_id", &format!("{number:032x}")),
                ("number", &format!("CHG{number:07}")),
                ("correlation_id", &key),
                ("state", "-4"),
                ("approval", "requested"),
                ("sys_updated_on", &datetime::text(updated).unwrap()),
            ]);
            waiting.push(Waiting { last: Self::gate(number, &pause, key), since: NOON });
        }
        let first = host.call(&instance, |plugin| check(plugin, &waiting, None)).unwrap();
        let mut crowd = Self { host, instance, waiting, cursor: String::new() };
        crowd.learn(&first);
        // One look judges some of them, the next ones the rest.
        while !crowd.look().moved.is_empty() {}
        crowd.instance.take_requests();
        crowd
    }

    fn gate(number: usize, like: &Gate, key: String) -> Gate {
        let ticket = Ticket {
            id: format!("{number:032x}"),
            number: format!("CHG{number:07}"),
            key: Some(key),
            ..like.change.clone().unwrap()
        };
        Gate { change: Some(ticket), ..like.clone() }
    }

    fn learn(&mut self, review: &Review) {
        let moved = review.moved.iter().map(|reviewed| (&reviewed.change, reviewed.answer.as_ref().unwrap()));
        let moved: HashMap<&String, &Gate> = moved.collect();
        for work in &mut self.waiting {
            if let Some(gate) = moved.get(&work.last.change.as_ref().unwrap().id) {
                work.last = (*gate).clone();
            }
        }
        self.cursor = review.cursor.clone();
    }

    fn look(&mut self) -> Review {
        self.instance.advance(MINUTE);
        let review = self.host.call(&self.instance, |plugin| check(plugin, &self.waiting, Some(&self.cursor))).unwrap();
        self.learn(&review);
        review
    }
}

#[test]
fn ten_thousand_gates_of_which_none_moved_cost_one_request() {
    let mut crowd = Crowd::new(10_000);
    // The rows that were written last are within the overlap, and known.
    for _ in 0..3 {
        assert_eq!(crowd.look().moved, []);
        assert_eq!(crowd.instance.take_requests(), ["GET change_request"]);
    }
}

#[test]
fn of_ten_thousand_gates_those_that_moved_are_told_once_for_two_requests() {
    let mut crowd = Crowd::new(10_000);
    crowd.look();
    crowd.instance.take_requests();
    for number in 0..137 {
        let id = format!("{:032x}", number * 7);
        crowd.instance.person_edits_one(&id, &[("state", "-2"), ("approval", "approved")]);
    }
    let review = crowd.look();
    assert_eq!(review.moved.len(), 137);
    assert!(review.moved.iter().all(|moved| matches!(moved.answer.as_ref().unwrap().verdict, Verdict::Proceed(_))));
    assert_eq!(crowd.instance.take_requests(), ["GET change_request", "POST batch"]);
    assert_eq!(crowd.look().moved, []);
    assert_eq!(crowd.instance.take_requests().len(), 1);
}

#[test]
fn what_one_look_leaves_the_next_ones_tell_and_none_of_it_twice() {
    let mut crowd = Crowd::new(2600);
    for number in 0..2600 {
        crowd.instance.person_edits_one(&format!("{number:032x}"), &[("state", "-2"), ("approval", "approved")]);
    }
    let mut told = Vec::new();
    let mut looks = 0;
    while told.len() < 2600 {
        let moved = crowd.look().moved;
        assert!(!moved.is_empty() && moved.len() < 3000, "{} of {} after {looks} looks", moved.len(), told.len());
        told.extend(moved.into_iter().map(|moved| moved.change));
        // What is beyond, and a person edits meanwhile, is told as it is then.
        crowd.instance.person_edits_one(&format!("{:032x}", 2599), &[("state", "4")]);
        looks += 1;
    }
    assert_eq!(looks, 2);
    assert!(matches!(crowd.waiting[2599].last.verdict, Verdict::Cancel(_)));
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 2600);
    // So many are read again for a while, and not for ever.
    for _ in 0..12 {
        assert_eq!(crowd.look().moved, []);
    }
    crowd.instance.take_requests();
    assert_eq!(crowd.look().moved, []);
    assert_eq!(crowd.instance.take_requests(), ["GET change_request"]);
    crowd.instance.person_edits_one(&format!("{:032x}", 1), &[("state", "4")]);
    assert_eq!(crowd.look().moved.len(), 1);
}

#[test]
fn gates_whose_time_is_over_at_the_same_moment_are_all_told() {
    let mut crowd = Crowd::new(2600);
    crowd.instance.advance(72 * HOUR);
    let mut told = Vec::new();
    for _ in 0..4 {
        told.extend(crowd.look().moved.into_iter().map(|moved| moved.change));
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 2600);
    assert!(crowd.waiting.iter().all(|work| waits_for(&work.last).ends_with("the time to answer is over")));
}

#[test]
fn a_change_in_the_second_of_the_last_look_is_not_lost() {
    let mut crowd = Crowd::new(20);
    crowd.look();
    // After the look, within the same second: `sys_updated_on` is what the cursor has seen already.
    crowd.instance.person_edits_one(&format!("{:032x}", 3), &[("state", "-2"), ("approval", "approved")]);
    assert_eq!(crowd.look().moved.len(), 1);
    assert_eq!(crowd.look().moved.len(), 0);
}

#[test]
fn a_sweep_notices_a_row_that_is_gone_and_it_fails_alone() {
    let mut crowd = Crowd::new(20);
    crowd.look();
    crowd.instance.loses(&format!("{:032x}", 5));
    assert_eq!(crowd.look().moved, []);
    crowd.instance.advance(HOUR);
    let review = crowd.host.call(&crowd.instance, |plugin| check(plugin, &crowd.waiting, Some(&crowd.cursor))).unwrap();
    assert_eq!(review.moved.len(), 1);
    assert!(
        matches!(&review.moved[0].answer, Err(Failure::Refused(problem)) if problem.code == "servicenow.record-not-found")
    );
}

#[test]
fn an_answer_that_does_not_touch_the_change_shows_where_few_wait() {
    let (host, instance) = (host(), Instance::new());
    let gate = requested(&host, &instance);
    let review = look(&host, &instance, &gate, None);
    let gate = review.moved[0].answer.clone().unwrap();
    assert_eq!(waits_for(&gate), "approval by CAB Approval (Ann Lee, Bob Ray)");
    instance.advance(MINUTE);
    instance.answer("approved", "");
    let review = look(&host, &instance, &gate, Some(&review.cursor));
    let gate = review.moved[0].answer.clone().unwrap();
    assert_eq!(waits_for(&gate), "approval of CHG0030001 (in Assess, requested)");
    assert_eq!(look(&host, &instance, &gate, Some(&review.cursor)).moved, []);
}

#[test]
fn a_gate_that_cannot_be_answered_for_the_moment_keeps_no_other_waiting_and_is_read_again() {
    let mut crowd = Crowd::new(30);
    let (bad, good) = (format!("{:032x}", 3), format!("{:032x}", 4));
    // Somebody gave it another key: that it is ours cannot be believed, until it is set right.
    let key = crowd.waiting[3].last.change.as_ref().unwrap().key.clone().unwrap();
    crowd.instance.person_edits_one(&bad, &[("correlation_id", "openfactory/theirs")]);
    let look = |crowd: &mut Crowd| {
        crowd.instance.advance(MINUTE);
        let review =
            crowd.host.call(&crowd.instance, |plugin| check(plugin, &crowd.waiting, Some(&crowd.cursor))).unwrap();
        crowd.cursor = review.cursor.clone();
        review.moved
    };
    for round in 0..3 {
        crowd.instance.person_edits_one(&good, &[("on_hold_reason", &round.to_string()), ("on_hold", "true")]);
        let moved = look(&mut crowd);
        let failed = moved.iter().find(|moved| moved.change == bad).unwrap();
        assert!(matches!(failed.answer, Err(Failure::Retry(_))), "{failed:?}");
        assert!(moved.iter().any(|moved| moved.change == good && moved.answer.is_ok()), "{moved:?}");
        assert_eq!(moved.len(), 2);
        crowd.instance.take_requests();
    }
    crowd.instance.person_edits_one(&bad, &[("correlation_id", &key), ("state", "-2"), ("approval", "approved")]);
    let moved = look(&mut crowd);
    let told = moved.iter().find(|moved| moved.change == bad).unwrap();
    assert!(matches!(told.answer.as_ref().unwrap().verdict, Verdict::Proceed(_)));
}
