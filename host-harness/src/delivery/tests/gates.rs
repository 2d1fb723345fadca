//! Gates that wait: looked at in one call, from a cursor on disk, across restarts.

use super::support::*;
use crate::delivery::*;
use itsm_contract::answers::{Deployment, Review, Reviewed};
use itsm_contract::types::{Failure, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// Every request waits for a change of its own.
fn waiting() -> Arc<Plugin> {
    Plugin::new(|event| {
        let change = format!("c-{}", event::delivery(event).key);
        Some(answered(Answer::Gate(pause(&change, START + 60_000, Some(START + 3_600_000)))))
    })
}

fn reviewed(change: &str, answer: Result<itsm_contract::types::Gate, Failure>) -> Reviewed {
    Reviewed { change: change.into(), answer }
}

#[tokio::test]
async fn waiting_gates_are_looked_at_in_one_call_and_told_apart() {
    let scene = Scene::with(waiting()).await;
    for key in ["a", "b", "c"] {
        scene.accept(request(key, key)).await;
    }
    scene.until(async |scene| scene.outbox.depth().gates == 3).await;
    let status = scene.status("b").await;
    assert_eq!(
        (status.state, status.answer.unwrap()["verdict"]["pause"]["waiting-for"][0].as_str()),
        ("waiting", Some("CAB"))
    );
    scene.plugin.now_sees(|_| {
        let cancelled = itsm_contract::types::Gate { verdict: Verdict::Cancel("no".into()), ..proceed("c-c") };
        let moved = vec![reviewed("c-b", Ok(proceed("c-b"))), reviewed("c-c", Ok(cancelled))];
        answered(Review { moved, cursor: "second".into() })
    });
    scene.clock.advance(Duration::from_secs(61));
    let status = scene.until_state("b", State::Done).await;
    assert_eq!(status.answer.unwrap()["verdict"]["proceed"]["reason"], "approved by Ada");
    assert_eq!(scene.until_state("c", State::Done).await.answer.unwrap()["verdict"]["cancel"], "no");
    assert_eq!(scene.status("a").await.state, "waiting");
    assert_eq!(*scene.plugin.checks.lock().unwrap(), [(3, None)]);
    scene.until(async |scene| scene.outbox.depth().gates == 1).await;
    scene.clock.advance(Duration::from_secs(61));
    scene.until(async |scene| scene.plugin.checks.lock().unwrap().len() == 2).await;
    assert_eq!(scene.plugin.checks.lock().unwrap()[1], (1, Some("second".into())));
    assert_eq!(scene.plugin.keys().len(), 3, "no hook was called again");
}

#[tokio::test]
async fn a_deployments_gate_moves_within_its_answer() {
    let event = itsm_contract::events::DeployEvent {
        delivery: event::delivery(&request("d", "b")).clone(),
        deployment_id: "d1".into(),
        build: event::build(&request("d", "b")).clone(),
        environment: itsm_contract::types::Environment {
            name: "prod".into(),
            tier: itsm_contract::types::Tier::Production,
        },
        systems: Vec::new(),
        phase: itsm_contract::events::DeployPhase::Requested,
        change_number: None,
        gate: None,
        schedule: None,
        labels: Vec::new(),
    };
    let scene = Scene::with(Plugin::new(|_| {
        let gate = Some(pause("c1", START + 60_000, None));
        Some(answered(Answer::Deployment(Deployment {
            gate,
            items: vec![],
            resolved: vec![ticket("i7")],
            unfinished: vec![],
        })))
    }))
    .await;
    scene.accept(itsm_contract::answers::Event::Deploy(event)).await;
    scene.until(async |scene| scene.outbox.depth().gates == 1).await;
    scene.plugin.now_sees(|_| answered(Review { moved: vec![reviewed("c1", Ok(proceed("c1")))], cursor: "x".into() }));
    scene.clock.advance(Duration::from_secs(61));
    let answer = scene.until_state("d", State::Done).await.answer.unwrap();
    assert_eq!(answer["gate"]["verdict"]["proceed"]["by-policy"], false);
    assert_eq!(answer["resolved"][0]["id"], "i7");
}

#[tokio::test]
async fn gates_their_cursor_and_their_timeouts_survive_a_restart() {
    let scene = Scene::with(waiting()).await;
    scene.accept(request("a", "a")).await;
    scene.accept(request("b", "b")).await;
    scene.until(async |scene| scene.outbox.depth().gates == 2).await;
    scene.plugin.now_sees(|_| answered(Review { moved: vec![], cursor: "kept".into() }));
    scene.clock.advance(Duration::from_secs(61));
    scene.until(async |scene| scene.plugin.log.lock().unwrap().iter().any(|line| line.contains("kept"))).await;
    let scene = scene.restarted(waiting()).await;
    scene.while_time_passes(async |scene| scene.plugin.checks.lock().unwrap().len() == 1).await;
    assert_eq!(scene.plugin.checks.lock().unwrap()[0], (2, Some("kept".into())));
    // The timeout is the plugin's to judge; the host asks when it has come.
    scene.plugin.now_sees(|(waiting, _)| {
        let moved = waiting.iter().map(|waiting| {
            assert_eq!(waiting.since, START);
            let change = waiting.last.change.as_ref().unwrap().id.clone();
            reviewed(
                &change,
                Ok(itsm_contract::types::Gate { verdict: Verdict::Cancel("timed out".into()), ..waiting.last.clone() }),
            )
        });
        answered(Review { moved: moved.collect(), cursor: "late".into() })
    });
    scene.clock.advance(Duration::from_secs(3600));
    for key in ["a", "b"] {
        assert_eq!(scene.until_state(key, State::Done).await.answer.unwrap()["verdict"]["cancel"], "timed out");
    }
    assert_eq!(scene.plugin.keys(), [""; 0], "no hook was called after the restart");
}

#[tokio::test]
async fn a_verdict_and_the_cursor_that_passed_it_are_stored_together() {
    let scene = Scene::with(waiting()).await;
    scene.accept(request("a", "a")).await;
    scene.until(async |scene| scene.outbox.depth().gates == 1).await;
    scene
        .plugin
        .now_sees(|_| answered(Review { moved: vec![reviewed("c-a", Ok(proceed("c-a")))], cursor: "x".into() }));
    let is_full = scene.is_full.clone();
    *is_full.lock().unwrap() = true;
    scene.clock.advance(Duration::from_secs(61));
    scene.until(async |scene| !scene.plugin.checks.lock().unwrap().is_empty()).await;
    // The host goes while its disk is full: the verdict was read and is not stored; nor is the cursor.
    let scene = scene.restarted(waiting()).await;
    assert_eq!(scene.status("a").await.state, "waiting");
    scene.while_time_passes(async |scene| !scene.plugin.checks.lock().unwrap().is_empty()).await;
    assert_eq!(scene.plugin.checks.lock().unwrap()[0], (1, None));
}

#[tokio::test]
async fn a_gate_that_cannot_be_read_for_the_moment_goes_on_waiting_and_one_that_is_gone_is_given_up() {
    let scene = Scene::with(waiting()).await;
    scene.accept(request("a", "a")).await;
    scene.accept(request("b", "b")).await;
    scene.until(async |scene| scene.outbox.depth().gates == 2).await;
    scene.plugin.now_sees(|_| {
        let moved = vec![
            reviewed("c-a", Err(Failure::Misconfigured(problem("acl")))),
            reviewed("c-b", Err(Failure::Refused(problem("not-found")))),
        ];
        answered(Review { moved, cursor: "x".into() })
    });
    scene.clock.advance(Duration::from_secs(61));
    let status = scene.until_state("b", State::GivenUp).await;
    assert_eq!(status.answer.unwrap()["failure"]["refused"]["code"], "not-found");
    assert_eq!(scene.status("a").await.state, "waiting");
    scene.until(async |scene| scene.plugin.keys().len() == 3).await;
    assert!(scene.plugin.keys()[2].starts_with("b/undelivered/"));
}

#[tokio::test]
async fn a_pause_without_a_change_is_asked_of_its_hook_again() {
    let gate = itsm_contract::types::Gate { change: None, ..pause("x", START + 120_000, None) };
    let scene = Scene::with(Plugin::new(move |_| Some(answered(Answer::Gate(gate.clone()))))).await;
    scene.accept(request("a", "a")).await;
    scene.until(async |scene| scene.status("a").await.due >= Some(START + 120_000)).await;
    scene.plugin.now_answers(|_| Some(answered(Answer::Gate(proceed("c")))));
    scene.while_time_passes(async |scene| scene.status("a").await.state == "done").await;
    assert!(scene.plugin.checks.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_look_that_fails_is_tried_again_with_the_same_cursor() {
    let scene = Scene::with(waiting()).await;
    scene.accept(request("a", "a")).await;
    scene.until(async |scene| scene.outbox.depth().gates == 1).await;
    scene.plugin.now_sees(|_| retry(None));
    scene.while_time_passes(async |scene| scene.plugin.checks.lock().unwrap().len() > 8).await;
    assert!(scene.outbox.pace().is_away, "looks count for the circuit as calls do");
    scene
        .plugin
        .now_sees(|_| answered(Review { moved: vec![reviewed("c-a", Ok(proceed("c-a")))], cursor: "x".into() }));
    scene.while_time_passes(async |scene| scene.status("a").await.state == "done").await;
    assert!(scene.plugin.checks.lock().unwrap().iter().all(|(gates, cursor)| (*gates, cursor) == (1, &None)));
    assert!(!scene.outbox.pace().is_away);
}

#[tokio::test]
async fn no_event_is_accepted_while_as_many_gates_wait_as_one_look_may_hold() {
    let scene = Scene::limited(waiting(), Limits { gates: 2, ..Limits::default() }).await;
    for key in ["a", "b"] {
        scene.accept(request(key, key)).await;
    }
    scene.until(async |scene| scene.outbox.depth().gates == 2).await;
    let refused = scene.outbox.accept(request("c", "c"), None).await;
    assert_eq!(refused, Err(AcceptError::Full("too many gates wait")));
    assert!(matches!(scene.outbox.accept(request("a", "a"), None).await, Ok(Accepted::Known(_))));
    let moved = || vec![reviewed("c-a", Ok(proceed("c-a")))];
    scene.plugin.now_sees(move |_| answered(Review { moved: moved(), cursor: "x".into() }));
    scene.while_time_passes(async |scene| scene.outbox.depth().gates == 1).await;
    scene.accept(request("c", "c")).await;
    // After a restart, too, before anything has been looked at.
    scene.until(async |scene| scene.outbox.depth().gates == 2).await;
    let scene = scene.restarted(waiting()).await;
    assert_eq!(scene.outbox.accept(request("d", "d"), None).await, Err(AcceptError::Full("too many gates wait")));
}
