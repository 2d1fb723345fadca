//! Events that wait for one change: each is asked about by itself, by the gate that it had.

use super::support::*;
use crate::delivery::*;
use itsm_contract::answers::{Event, Review, Reviewed, Waiting};
use itsm_contract::types::{Failure, Gate, Verdict};
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// A gate that carries words of its event's own, as a seal is.
fn sealed(key: &str) -> Gate {
    let mut gate = pause("shared", START + 60_000, None);
    if let Verdict::Pause(pause) = &mut gate.verdict {
        pause.waiting_for = vec![format!("seal of {key}")];
    }
    gate
}

/// Every request waits for the same change.
fn sharing() -> Arc<Plugin> {
    Plugin::new(|event| {
        let is_report = event::is_delivery_failure(event);
        Some(answered(if is_report { incident() } else { Answer::Gate(sealed(&key(event))) }))
    })
}

/// Two events that wait for one change.
async fn two(limits: Limits) -> Scene {
    let scene = Scene::limited(sharing(), limits).await;
    for key in ["a", "b"] {
        scene.accept(request(key, key)).await;
    }
    scene.until(async |scene| scene.outbox.depth().gates == 2).await;
    scene
}

fn moved(answers: Vec<Result<Gate, Failure>>) -> Called<Review> {
    let moved = answers.into_iter().map(|answer| Reviewed { change: "shared".into(), answer }).collect();
    answered(Review { moved, cursor: "x".into() })
}

/// Of a look at all of them: the change moved, and for whom is not said.
fn one_of_them(waiting: &[Waiting]) -> Option<Called<Review>> {
    (waiting.len() > 1).then(|| moved(vec![Ok(proceed("shared"))]))
}

fn gate(status: Status) -> Gate {
    serde_json::from_value(status.answer.unwrap()).unwrap()
}

#[tokio::test]
async fn each_is_asked_about_alone_with_its_own_last_gate_and_no_hook_is_called_again() {
    let scene = two(Limits { concurrency: 1, ..Limits::default() }).await;
    let edited = Gate { approvals: Vec::new(), ..sealed("b, and somebody edited it") };
    let of_b = edited.clone();
    scene.plugin.now_sees(move |(waiting, _)| {
        one_of_them(waiting).unwrap_or_else(|| match &waiting[0].last.verdict {
            Verdict::Pause(pause) if pause.waiting_for[0] == "seal of a" => moved(vec![Ok(proceed("shared"))]),
            _ => moved(vec![Ok(of_b.clone())]),
        })
    });
    scene.clock.advance(Duration::from_secs(61));
    assert!(matches!(gate(scene.until_state("a", State::Done).await).verdict, Verdict::Proceed(_)));
    scene.until(async |scene| scene.plugin.reviews.lock().unwrap().len() == 2).await;
    assert_eq!(gate(scene.until_state("b", State::Waiting).await), edited);
    assert_eq!(scene.plugin.keys(), ["a", "b"], "no hook was called again");
    let reviews = scene.plugin.reviews.lock().unwrap().clone();
    for ((key, waiting), asked) in reviews.iter().zip(["a", "b"]) {
        assert_eq!((key.as_str(), waiting.since), (asked, START));
        assert_eq!(waiting.last.change, sealed(asked).change);
        assert!(format!("{:?}", waiting.last.verdict).contains(&format!("seal of {asked}")));
    }
    scene.until(async |scene| scene.outbox.depth().gates == 1).await;
}

#[tokio::test]
async fn one_for_which_nothing_moved_waits_on_and_is_looked_at_no_more_often_than_before() {
    let scene = two(Limits::default()).await;
    scene.plugin.now_sees(|(waiting, _)| one_of_them(waiting).unwrap_or_else(|| moved(Vec::new())));
    scene.clock.advance(Duration::from_secs(61));
    scene.until(async |scene| scene.plugin.reviews.lock().unwrap().len() == 2).await;
    scene.until(async |scene| scene.outbox.depth().gates == 2).await;
    for key in ["a", "b"] {
        let status = scene.status(key).await;
        let Verdict::Pause(pause) = gate(status).verdict else { panic!("a pause") };
        assert_eq!((pause.waiting_for, pause.check_after), (vec![format!("seal of {key}")], START + 121_000));
    }
}

#[tokio::test]
async fn one_that_cannot_be_read_is_asked_about_until_it_can_across_a_restart_however_long_it_takes() {
    let scene = two(Limits { attempts: 3, age: HOUR, ..Limits::default() }).await;
    scene.plugin.now_sees(|(waiting, _)| one_of_them(waiting).unwrap_or_else(|| retry(None)));
    scene.clock.advance(3 * HOUR);
    scene.while_time_passes(async |scene| scene.plugin.reviews.lock().unwrap().len() > 8).await;
    let wrong = Plugin::new(|event| panic!("{} was asked of its hook", key(event)));
    wrong.now_sees(|(waiting, _)| one_of_them(waiting).unwrap_or_else(|| moved(Vec::new())));
    let scene = scene.restarted(wrong).await;
    scene.while_time_passes(async |scene| scene.outbox.depth().gates == 2).await;
    for key in ["a", "b"] {
        let status = scene.status(key).await;
        assert_eq!((status.state, status.given_up_at), ("waiting", None));
        let waits_since = status.changed_at;
        let Verdict::Pause(pause) = gate(status).verdict else { panic!("a pause") };
        assert_eq!(pause.waiting_for, [format!("seal of {key}")]);
        assert!(pause.check_after > waits_since, "no look a second because this one was late");
    }
}

#[tokio::test]
async fn one_that_was_given_up_and_is_tried_again_is_judged_by_the_gate_that_it_had() {
    let scene = two(Limits::default()).await;
    scene.plugin.now_sees(|(waiting, _)| {
        one_of_them(waiting).unwrap_or_else(|| moved(vec![Err(Failure::Refused(problem("hidden")))]))
    });
    scene.clock.advance(Duration::from_secs(61));
    for key in ["a", "b"] {
        scene.until_state(key, State::GivenUp).await;
    }
    // Seen again, approved, and edited since: the hook knows of no earlier gate, and lets it through.
    scene.plugin.now_answers(|event: &Event| {
        Some(answered(if event::is_delivery_failure(event) { incident() } else { Answer::Gate(proceed("shared")) }))
    });
    scene.plugin.now_sees(|(waiting, _)| match &waiting[0].last.verdict {
        Verdict::Pause(pause) if pause.waiting_for[0].starts_with("seal of ") => moved(vec![Ok(sealed("an edit"))]),
        _ => moved(vec![Ok(proceed("shared"))]),
    });
    scene.outbox.retry("a").await.unwrap();
    assert_eq!(gate(scene.until_state("a", State::Waiting).await), sealed("an edit"));
    scene.plugin.now_sees(|_| moved(vec![Ok(proceed("shared"))]));
    scene.outbox.retry("b").await.unwrap();
    assert!(matches!(gate(scene.until_state("b", State::Done).await).verdict, Verdict::Proceed(_)));
    let calls = scene.plugin.calls.lock().unwrap().clone();
    let is_again = |event: &&Event| ["a", "b"].contains(&&*key(event)) && event::delivery(event).given_up_at.is_some();
    assert_eq!(calls.iter().filter(is_again).count(), 2, "so that their incidents are resolved");
}

#[tokio::test]
async fn an_answer_for_another_change_is_asked_for_once_more_and_then_told() {
    let scene = Scene::with(sharing()).await;
    scene.accept(request("a", "a")).await;
    scene.until(async |scene| scene.outbox.depth().gates == 1).await;
    scene.plugin.now_sees(|_| moved(vec![Ok(proceed("another"))]));
    scene.clock.advance(Duration::from_secs(61));
    let status = scene.until_state("a", State::GivenUp).await;
    assert_eq!(status.answer.unwrap()["failure"]["refused"]["code"], "host.gate-of-another-change");
    assert_eq!(scene.plugin.reviews.lock().unwrap().len(), 1);
}
