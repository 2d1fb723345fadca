//! Answers that would have the host write more than it should, or what nobody asked.

use super::scene::{Scene, Setting, request};
use crate::grant::audit::{Entry, LINE_BYTES, Who};
use crate::runtime::limits::{Limit, Limits};
use crate::runtime::{Blame, CallError};
use itsm_contract::answers::Waiting;
use itsm_contract::types::{Gate, Pause, Ticket, Verdict};

const CHANGE: &str = "0123456789abcdef0123456789abcdef";

fn waiting() -> Waiting {
    let change = Ticket {
        kind: "change_request".into(),
        id: CHANGE.into(),
        number: "CHG0030001".into(),
        url: "http://127.0.0.1".into(),
        key: None,
    };
    let verdict = Verdict::Pause(Pause { waiting_for: Vec::new(), check_after: 0, expires_at: None });
    Waiting { last: Gate { change: Some(change), verdict, approvals: Vec::new(), window: None }, since: 0 }
}

/// What the host wrote of the last call.
fn hosts(scene: &Scene, action: &str) -> Vec<Entry> {
    scene.audit().into_iter().filter(|entry| entry.who == Who::Host && entry.action == action).collect()
}

fn detail(entry: &Entry, name: &str) -> String {
    entry.details.iter().find(|(other, _)| other == name).unwrap().1.clone()
}

async fn check(setting: Setting, cursor: String) -> (Scene, Result<usize, CallError>) {
    let scene = setting.start().await;
    let answer = scene.plugin.check(&[waiting()], Some(&cursor)).await;
    (scene, answer.map(|review| review.unwrap().moved.len()))
}

/// It is refused with its limit, the plugin is blamed, and the log says so.
async fn is_refused(cursor: String, limit: Limit, tighten: fn(&mut Limits)) -> usize {
    let (scene, answer) = check(Scene::setting().limits(tighten), cursor).await;
    let allowed = limit.allowed(scene.plugin.limits());
    assert_eq!(answer, Err(CallError::Limit { limit, allowed, blame: Blame::Guest }));
    assert_eq!(detail(&hosts(&scene, "call.failed")[0], "blame"), "the plugin");
    hosts(&scene, "gate.moved").len()
}

#[tokio::test]
async fn an_answer_leaves_no_more_entries_than_a_call_may() {
    let few = |limits: &mut Limits| limits.audit_entries = 10;
    let (scene, answer) = check(Scene::setting().limits(few), format!("moved\t9\t{CHANGE}")).await;
    assert_eq!((answer, hosts(&scene, "gate.moved").len()), (Ok(9), 9));
    assert_eq!(is_refused(format!("moved\t10\t{CHANGE}"), Limit::AuditEntries, few).await, 0, "none is written");
    assert_eq!(is_refused(format!("moved\t30000\t{CHANGE}"), Limit::AuditEntries, |_| ()).await, 0);
}

#[tokio::test]
async fn an_answer_fills_no_more_of_the_log_than_a_call_may() {
    let small = |limits: &mut Limits| limits.audit_bytes = 10_000;
    let written = is_refused(format!("moved\t1000\t{CHANGE}"), Limit::AuditBytes, small).await;
    assert!((10..100).contains(&written), "{written}");
    // One entry that is larger than a line may be.
    assert_eq!(is_refused(format!("waits\t100000\t{CHANGE}"), Limit::AuditBytes, |_| ()).await, 0);
}

#[tokio::test]
async fn an_answer_for_a_gate_that_was_not_asked_about_is_none() {
    let (scene, answer) = check(Scene::setting(), "moved\t1\tanother".into()).await;
    let error = answer.unwrap_err();
    assert_eq!(error.blame(), Blame::Guest);
    assert!(error.to_string().contains("`another`, which it was not asked about"), "{error}");
    assert_eq!((hosts(&scene, "gate.moved").len(), hosts(&scene, "call.failed").len()), (0, 1));
}

#[tokio::test]
async fn a_guests_many_words_are_few_in_the_hosts_entries() {
    let scene = Scene::setting().start().await;
    let said = scene.run("say\t2000000\tx").await.unwrap();
    assert_eq!(said.len(), 2_000_000);
    let entry = &hosts(&scene, "call.answered")[0];
    assert!(detail(entry, "reason").ends_with("x… (2000000 bytes)"));
    assert!(serde_json::to_vec(entry).unwrap().len() < 8192);
}

/// Six bytes each in the plugin's own entry, which is just short of a line, and seven in the host's words.
#[tokio::test]
async fn a_panic_of_many_escapes_is_the_plugins_and_is_written_down() {
    let scene = Scene::setting().start().await;
    let words = "\u{1b}".repeat(174_000);
    assert!(words.len() * 6 < LINE_BYTES && words.len() * 7 > LINE_BYTES);
    let error = scene.plugin.on_build_requested(&request(&format!("panic\t{words}"))).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Guest, "{error:.200}");
    let failed = &hosts(&scene, "call.failed")[0];
    assert_eq!(detail(failed, "blame"), "the plugin");
    assert!(detail(failed, "why").starts_with("the plugin panicked at "), "{failed:?}");
}
