//! When an event is given up, who is told, and how it comes back.

use super::support::*;
use crate::delivery::store::{Change, Effect, Progress, Store as _};
use crate::delivery::*;
use itsm_contract::answers::{Event, Receipt};
use itsm_contract::events::{FailedStep, FailureEvent};
use itsm_contract::types::{Failure, Later};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn reports(plugin: &Plugin) -> Vec<FailureEvent> {
    let calls = plugin.calls.lock().unwrap();
    let report = |event: &Event| match event {
        Event::Failed(event) if event.step == FailedStep::Delivery => Some(event.clone()),
        _ => None,
    };
    calls.iter().filter_map(report).collect()
}

/// Everything but reports fails like this.
fn failing(outcome: impl Fn() -> Called<Answer> + Send + 'static) -> Arc<Plugin> {
    Plugin::new(move |event| Some(if event::is_delivery_failure(event) { answered(incident()) } else { outcome() }))
}

#[tokio::test]
async fn after_the_last_attempt_an_event_becomes_a_delivery_failure_that_names_it() {
    let broken = || Called { outcome: Err(Trouble::Broken(problem("trapped"))), requests: 0 };
    let limits = Limits { attempts: 5, ..Limits::default() };
    let scene = Scene::limited(failing(broken), limits).await;
    scene.accept(request("a", "b1")).await;
    scene.while_time_passes(async |scene| !reports(&scene.plugin).is_empty()).await;
    let status = scene.status("a").await;
    assert_eq!((status.state, status.attempts), ("given-up", 5));
    assert_eq!(status.answer.unwrap()["failure"]["retry"]["problem"]["code"], "trapped");
    let [report] = &reports(&scene.plugin)[..] else { panic!("one report") };
    assert_eq!(report.thing.as_deref(), Some("a"));
    assert_eq!(report.delivery.occurred_at, status.given_up_at.unwrap());
    assert_eq!(report.message, "the request for a build `a` was given up after 5 attempts: trapped happened");
    assert!(
        scene.outbox.metrics().contains("itsm_events_settled_total{hook=\"on-build-requested\",state=\"given-up\"} 1")
    );
}

#[tokio::test]
async fn an_event_that_was_given_up_and_is_tried_again_by_hand_says_when_it_was_given_up() {
    let scene = Scene::with(failing(|| failed(Failure::Refused(problem("mandatory"))))).await;
    scene.accept(request("a", "b1")).await;
    let given_up_at = scene.until_state("a", State::GivenUp).await.given_up_at;
    assert!(given_up_at.is_some());
    scene.plugin.now_answers(|_| Some(answered(Answer::Gate(proceed("c1")))));
    scene.outbox.retry("a").await.unwrap();
    scene.until_state("a", State::Done).await;
    let calls = scene.plugin.calls.lock().unwrap().clone();
    let last = calls.iter().rev().find(|event| event::delivery(event).key == "a").unwrap();
    assert_eq!(event::delivery(last).given_up_at, given_up_at);
    assert!(matches!(scene.outbox.retry("a").await, Err(RetryError::NotGivenUp { .. })));
    assert!(matches!(scene.outbox.retry("z").await, Err(RetryError::Unknown(_))));
}

#[tokio::test]
async fn a_refused_event_is_reported_and_one_that_makes_no_sense_is_its_senders_to_mend() {
    let scene = Scene::with(failing(|| failed(Failure::Refused(problem("refused"))))).await;
    scene.accept(failure("a", "b1")).await;
    scene.until(async |scene| reports(&scene.plugin).len() == 1).await;
    scene.plugin.now_answers(|_| Some(failed(Failure::InvalidEvent(problem("invalid")))));
    scene.accept(failure("b", "b2")).await;
    let status = scene.until_state("b", State::GivenUp).await;
    assert_eq!(status.answer.unwrap()["failure"]["invalid-event"]["code"], "invalid");
    scene.until(async |scene| scene.outbox.depth().queued == 0).await;
    assert_eq!(reports(&scene.plugin).len(), 1);
}

#[tokio::test]
async fn a_report_is_tried_until_it_is_taken_and_never_reported_itself() {
    let limits = Limits { attempts: 2, age: Duration::from_secs(3600), ..Limits::default() };
    let scene = Scene::limited(Plugin::new(|_| Some(retry(None))), limits).await;
    scene.accept(failure("a", "b1")).await;
    // Beyond every bound of an ordinary event: its age, and its attempts many times over.
    let is_beyond = async |scene: &Scene| reports(&scene.plugin).len() > 30 && scene.clock.now() - START > 3_600_000;
    scene.while_time_passes(is_beyond).await;
    let keys: std::collections::BTreeSet<String> = scene.plugin.keys().into_iter().collect();
    assert_eq!(keys.len(), 2, "the event and one report: {keys:?}");
    scene.plugin.now_answers(|_| Some(failed(Failure::Refused(problem("refused")))));
    scene.while_time_passes(async |scene| scene.outbox.depth().queued == 0).await;
    assert_eq!(scene.plugin.keys().into_iter().collect::<std::collections::BTreeSet<_>>().len(), 2);
}

#[tokio::test]
async fn while_servicenow_is_away_events_grow_too_old_without_being_tried_and_are_reported_when_it_is_back() {
    let scene = Scene::with(Plugin::new(|_| Some(retry(None)))).await;
    for number in 0..20 {
        scene.accept(failure(&format!("e{number}"), &format!("b{number}"))).await;
    }
    scene.while_time_passes(async |scene| scene.outbox.pace().is_away).await;
    scene.clock.advance(limits::AGE);
    scene.while_time_passes(async |scene| scene.outbox.list(State::GivenUp, 0, 100).await.unwrap().0.len() == 20).await;
    let tried: std::collections::BTreeSet<String> =
        scene.plugin.keys().into_iter().filter(|key| !key.contains("undelivered")).collect();
    assert!(tried.len() < 20, "some were never tried: {tried:?}");
    scene.plugin.now_answers(|_| Some(answered(incident())));
    scene.while_time_passes(async |scene| scene.outbox.depth().queued == 0).await;
    let told: std::collections::BTreeSet<_> = reports(&scene.plugin).into_iter().map(|report| report.thing).collect();
    assert_eq!(told.len(), 20);
}

#[tokio::test]
async fn attempts_that_failed_because_servicenow_was_away_do_not_use_up_an_events_attempts() {
    let limits = Limits { attempts: 6, ..Limits::default() };
    let scene = Scene::limited(Plugin::new(|_| Some(retry(None))), limits).await;
    scene.accept(failure("a", "b1")).await;
    scene.while_time_passes(async |scene| scene.status("a").await.attempts > 40).await;
    scene.plugin.now_answers(|_| Some(answered(incident())));
    scene.while_time_passes(async |scene| scene.status("a").await.state == "done").await;
}

#[tokio::test]
async fn a_part_that_somebody_must_put_right_is_tried_until_it_is_done_or_given_up() {
    let unfinished = |failure| {
        let (digest, attached, resolved) = ("sha256:1".into(), Vec::new(), Vec::new());
        let receipt = Receipt { digest, attached, resolved, unfinished: vec![failure] };
        answered(Answer::Receipt(receipt))
    };
    let plugin = failing(move || unfinished(Failure::Misconfigured(problem("no-role"))));
    let scene = Scene::limited(plugin, Limits { attempts: 3, ..Limits::default() }).await;
    scene.accept(failure("a", "b1")).await;
    scene.while_time_passes(async |scene| !reports(&scene.plugin).is_empty()).await;
    assert_eq!((scene.status("a").await.state, scene.status("a").await.attempts), ("given-up", 3));
    // What ServiceNow read and refused is not asked for again: the answer says so.
    scene.plugin.now_answers(move |_| Some(unfinished(Failure::Refused(problem("extension")))));
    scene.accept(failure("b", "b2")).await;
    scene.until_state("b", State::Done).await;
}

#[tokio::test]
async fn an_event_that_is_delivered_while_its_report_is_under_way_is_asked_once_more_after_it() {
    let is_back = Arc::new(AtomicBool::new(false));
    let back = is_back.clone();
    let later = || Failure::Retry(Later { problem: problem("busy"), retry_after_ms: Some(1) });
    let plugin = Plugin::new(move |event| {
        Some(match event::is_delivery_failure(event) {
            _ if back.load(Ordering::SeqCst) => answered(Answer::Gate(proceed("c1"))),
            true => failed(later()),
            false => failed(Failure::Refused(problem("refused"))),
        })
    });
    let scene = Scene::with(plugin).await;
    scene.accept(request("a", "b1")).await;
    scene.until(async |scene| reports(&scene.plugin).len() == 1).await;
    is_back.store(true, Ordering::SeqCst);
    scene.outbox.retry("a").await.unwrap();
    scene.while_time_passes(async |scene| scene.outbox.depth().queued == 0).await;
    // Whichever came first: what the report opened, a later call of the event resolves.
    let calls = scene.plugin.calls.lock().unwrap().clone();
    let last = event::delivery(calls.last().unwrap());
    assert_eq!((last.key.as_str(), last.given_up_at.is_some()), ("a", true), "{:?}", scene.plugin.keys());
    assert_eq!(scene.status("a").await.state, "done");
}

#[tokio::test]
async fn a_report_that_was_not_tried_before_its_event_was_delivered_is_not_told_any_more() {
    let event = request("a", "b1");
    let report = event::undelivered(&event, 1, START, &Failure::Refused(problem("refused")));
    let report_key = event::delivery(&report).key.clone();
    let folder = tempfile::tempdir().unwrap();
    let mut store = SqliteStore::open(&folder.path().join("outbox.db")).unwrap();
    let new = |event: &Event| Change::Insert(courier::new(event, None, START).unwrap());
    let effects = store.commit(&[new(&event), new(&report)]).unwrap();
    let Effect::Inserted(record) = &effects[0] else { panic!("{effects:?}") };
    let done = Progress { state: State::Done, given_up_at: Some(START), ..record.progress.clone() };
    store.commit(&[Change::Put(record.id, done)]).unwrap();
    let plugin = Plugin::new(|_| Some(answered(incident())));
    let outbox = Outbox::builder(store, plugin.clone()).start().await.unwrap();
    let status = outbox.wait(&report_key, Duration::from_secs(30)).await.unwrap().unwrap();
    assert_eq!((status.state, status.answer), ("done", Some(serde_json::Value::Null)));
    assert!(plugin.keys().is_empty());
}
