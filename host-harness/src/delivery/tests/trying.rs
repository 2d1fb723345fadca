//! How an event is tried: stored first, in order, again after failures, at the pace that is asked for.

use super::support::*;
use crate::delivery::*;
use itsm_contract::types::Failure;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn an_event_is_stored_before_it_is_tried_and_its_outcome_before_it_is_told() {
    let scene = Scene::with(Plugin::new(|_| Some(answered(incident())))).await;
    scene.accept(failure("a", "b1")).await;
    let status = scene.outbox.wait("a", Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!((status.state, status.attempts), ("done", 1));
    assert_eq!(status.answer.unwrap()["ticket"]["id"], "i1");
    let log = scene.plugin.log.lock().unwrap().clone();
    assert_eq!(
        log.iter().filter(|line| !line.starts_with("Prune")).collect::<Vec<_>>(),
        ["insert a", "start a", "call a", "put done"]
    );
}

#[tokio::test]
async fn a_repeat_of_a_key_is_answered_with_the_first_answer_and_called_no_second_time() {
    let scene = Scene::with(Plugin::new(|_| Some(answered(incident())))).await;
    scene.accept(failure("a", "b1")).await;
    let first = scene.until_state("a", State::Done).await;
    scene.plugin.now_answers(|_| Some(failed(Failure::Refused(problem("other")))));
    let again = scene.outbox.accept(failure("a", "b1"), None).await.unwrap();
    assert_eq!(again, Accepted::Known(first));
    assert_eq!(scene.plugin.keys(), ["a"]);
}

#[tokio::test]
async fn another_event_under_a_known_key_is_refused_and_changes_nothing() {
    let limits = Limits { queue_events: 1, ..Limits::default() };
    let scene = Scene::limited(Plugin::new(|_| None), limits).await;
    scene.accept(failure("a", "b1")).await;
    // With room for it or without.
    let taken = Err(AcceptError::KeyTaken { key: "a".into(), field: "build.id".into() });
    assert_eq!(scene.outbox.accept(failure("a", "b2"), None).await, taken);
    let scene = scene.restarted(Plugin::new(|_| Some(answered(incident())))).await;
    scene.until_state("a", State::Done).await;
    assert_eq!(scene.outbox.accept(failure("a", "b2"), None).await, taken);
    assert_eq!(scene.plugin.keys(), ["a"]);
}

#[tokio::test]
async fn an_event_that_fails_is_tried_again_with_its_attempts_counted_until_it_succeeds() {
    let scene = Scene::with(Plugin::new(|event| {
        Some(if event::delivery(event).attempt < 4 { retry(None) } else { answered(incident()) })
    }))
    .await;
    scene.accept(failure("a", "b1")).await;
    scene.while_time_passes(async |scene| scene.status("a").await.state == "done").await;
    let attempts: Vec<u32> =
        scene.plugin.calls.lock().unwrap().iter().map(|event| event::delivery(event).attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
}

#[tokio::test]
async fn retry_after_holds_back_every_event_of_the_instance() {
    let scene = Scene::with(Plugin::new(|_| Some(retry(Some(600_000))))).await;
    scene.accept(failure("a", "b1")).await;
    scene.until(async |scene| scene.status("a").await.trouble.is_some()).await;
    scene.plugin.now_answers(|_| Some(answered(incident())));
    scene.accept(failure("b", "b2")).await;
    scene.clock.advance(Duration::from_millis(599_999));
    // Long enough for an attempt to have begun, if one were to.
    scene.outbox.list(State::Queued, 0, 9).await.unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(scene.plugin.keys(), ["a"]);
    assert_eq!(scene.outbox.pace().hold_until, START + 600_000);
    scene.clock.advance(Duration::from_millis(1));
    scene.while_time_passes(async |scene| scene.status("a").await.state == "done").await;
    scene.until_state("b", State::Done).await;
    assert!(!scene.outbox.pace().is_away, "an instance that says when to come back is there");
}

#[tokio::test]
async fn as_many_calls_are_under_way_at_once_as_servicenow_has_threads_for_and_no_more() {
    let scene = Scene::with(Plugin::together(limits::CONCURRENCY, |_| Some(answered(incident())))).await;
    let events = 50 * limits::CONCURRENCY;
    for number in 0..events {
        scene.accept(failure(&format!("e{number}"), &format!("b{number}"))).await;
    }
    scene.until(async |scene| scene.outbox.depth().queued == 0).await;
    assert_eq!(scene.plugin.calls.lock().unwrap().len(), events);
    assert_eq!(scene.plugin.most_at_once.load(Ordering::SeqCst), limits::CONCURRENCY);
}

#[tokio::test]
async fn one_builds_events_succeed_in_their_order_and_a_build_that_fails_holds_up_no_other() {
    // Every third attempt fails; build 0 fails its first ten.
    let mut count = 0;
    let scene = Scene::with(Plugin::new(move |event| {
        count += 1;
        let delivery = event::delivery(event);
        let is_stubborn = event::build(event).id == "b0" && delivery.attempt < 10;
        Some(if count % 3 == 0 || is_stubborn { retry(None) } else { answered(incident()) })
    }))
    .await;
    for number in 0..10 {
        for build in 0..6 {
            scene.accept(failure(&format!("b{build}-{number}"), &format!("b{build}"))).await;
        }
    }
    scene.while_time_passes(async |scene| scene.outbox.depth().queued == 0).await;
    let mut last: HashMap<String, (String, u32)> = HashMap::new();
    let mut ends = Vec::new();
    for event in scene.plugin.calls.lock().unwrap().iter() {
        let (build, delivery) = (event::build(event).id.clone(), event::delivery(event).clone());
        let number: u32 = delivery.key.split_once('-').unwrap().1.parse().unwrap();
        if let Some((key, previous)) = last.insert(build.clone(), (delivery.key.clone(), number)) {
            // The same one again, or the next: none left out, none overtaken.
            assert!(key == delivery.key || number == previous + 1, "{key} then {}", delivery.key);
        }
        if number == 9 && !ends.contains(&build) {
            ends.push(build);
        }
    }
    assert_eq!(ends.len(), 6);
    assert_eq!(ends.last().unwrap(), "b0", "the others did not wait for the build that fails");
}

#[tokio::test]
async fn an_event_that_breaks_the_plugin_does_not_make_servicenow_look_away() {
    let scene = Scene::with(Plugin::new(|event| {
        let broken = Called { outcome: Err(Trouble::Broken(problem("trapped"))), requests: 0 };
        Some(if event::delivery(event).key == "bad" { broken } else { answered(incident()) })
    }))
    .await;
    scene.accept(failure("bad", "b1")).await;
    scene.while_time_passes(async |scene| scene.status("bad").await.attempts > 8).await;
    assert!(!scene.outbox.pace().is_away);
    scene.accept(failure("good", "b2")).await;
    scene.until_state("good", State::Done).await;
}

#[tokio::test]
async fn a_full_outbox_turns_new_events_away_and_still_answers_repeats() {
    let limits = Limits { queue_events: 2, ..Limits::default() };
    let scene = Scene::limited(Plugin::new(|_| None), limits).await;
    scene.accept(failure("a", "b1")).await;
    scene.accept(failure("b", "b1")).await;
    let refused = scene.outbox.accept(failure("c", "b1"), None).await;
    assert!(matches!(refused, Err(AcceptError::Full(_))), "{refused:?}");
    assert!(matches!(scene.outbox.accept(failure("a", "b1"), None).await, Ok(Accepted::Known(_))));
    assert_eq!(scene.outbox.status("c").await.unwrap(), None);
    assert!(scene.outbox.metrics().contains("itsm_events_turned_away_total{reason=\"full\"} 1"));
}

#[tokio::test]
async fn events_larger_than_the_outbox_has_room_for_are_turned_away() {
    let limits = Limits { queue_bytes: 1_000, ..Limits::default() };
    let scene = Scene::limited(Plugin::new(|_| None), limits).await;
    let mut accepted = 0;
    let refused = loop {
        match scene.outbox.accept(failure(&format!("e{accepted}"), "b1"), None).await {
            Ok(_) => accepted += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, AcceptError::Full(_)), "{refused:?}");
    assert!(accepted > 1);
    // The depth follows what was accepted a moment later.
    let is_full = |bytes: u64| bytes <= 1_000 && bytes + bytes / accepted > 1_000;
    scene.until(async |scene| is_full(scene.outbox.depth().bytes)).await;
}

#[tokio::test]
async fn an_event_without_a_key_or_a_build_is_not_accepted() {
    let scene = Scene::with(Plugin::new(|_| None)).await;
    for (event, error) in [
        (failure(" ", "b1"), EventError::Empty("delivery.key")),
        (failure("a", ""), EventError::Empty("build.id")),
        (failure(&"k".repeat(KEY_BYTES + 1), "b1"), EventError::KeyTooLong),
        (failure("a\nb", "b1"), EventError::KeyUnprintable),
    ] {
        assert_eq!(scene.outbox.accept(event, None).await, Err(AcceptError::Event(error)));
    }
}

#[tokio::test]
async fn a_full_disk_accepts_nothing_and_loses_no_outcome() {
    let scene = Scene::with(Plugin::new(|_| Some(answered(incident())))).await;
    let is_full = scene.is_full.clone();
    scene.plugin.now_answers(move |_| {
        *is_full.lock().unwrap() = true;
        Some(answered(incident()))
    });
    scene.accept(failure("a", "b1")).await;
    scene.until(async |scene| scene.outbox.trouble().is_some()).await;
    let refused = scene.outbox.accept(failure("b", "b2"), None).await;
    assert_eq!(refused, Err(AcceptError::Store(StoreError::Full)));
    *scene.is_full.lock().unwrap() = false;
    scene.until_state("a", State::Done).await;
    assert_eq!(scene.plugin.keys(), ["a"]);
}
