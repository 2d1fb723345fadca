//! The limits of an event and of the sandbox agree: whatever may come in fits in.

use super::party::Party;
use super::scene::{cache, request};
use crate::runtime::limits::{EVENT_BYTES, EVENT_FIELD_BYTES, Limit, Limits};
use crate::runtime::{Call, CallError, EventError, Hook, Host};
use serde_json::{Value, json};

impl Party {
    /// Runs a call, which must not end at a limit of the sandbox.
    async fn fits(&self, what: &str, hook: Hook, text: &str) {
        let call = Call::from_json(hook, text, self.plugin.limits()).unwrap();
        let outcome = self.plugin.call(&call).await;
        let usage = *self.watched.calls.lock().unwrap().last().unwrap();
        if let Err(CallError::Limit { limit: Limit::Memory | Limit::HostcallBytes | Limit::Fuel, .. }) = outcome {
            panic!("{what}: {:?}, {usage:?}", outcome);
        }
        println!("{what}: {} bytes of JSON, {usage:?}", text.len());
    }
}

async fn party() -> Party {
    Party::on(&Host::new(Limits::default()).unwrap().with_cache(&cache()).unwrap()).await
}

/// A request for a build, made larger in one place, to a limit's last byte or so.
fn requests() -> Vec<(&'static str, Value)> {
    const ROOM: usize = EVENT_FIELD_BYTES - 1024;
    let mut plain = serde_json::to_value(request("build-1")).unwrap();
    plain["environment"] = json!({"name": "prod", "tier": "production"});
    let with = |name: &str, value: Value| {
        let mut event = plain.clone();
        event[name] = value;
        event
    };
    let labels: serde_json::Map<_, _> = (0..ROOM / 13).map(|number| (format!("{number:07}"), "".into())).collect();
    let system = json!({"name": "a", "kind": "virtual", "identifiers": {}});
    let identifiers = json!({"x": vec![""; ROOM / 3]});
    vec![
        ("one long label", with("labels", json!({"a": "x".repeat(ROOM)}))),
        ("one long label of characters that JSON escapes", with("labels", json!({"a": "\u{1}".repeat(ROOM / 6)}))),
        ("many short labels", with("labels", labels.into())),
        ("many systems", with("systems", vec![system; ROOM / 47].into())),
        (
            "a list of empty texts",
            with("systems", json!([{"name": "a", "kind": "virtual", "identifiers": identifiers}])),
        ),
    ]
}

#[tokio::test]
async fn an_event_as_large_as_one_may_be_fits_into_the_sandbox_whatever_its_shape() {
    let party = party().await;
    for (number, (what, mut event)) in requests().into_iter().enumerate() {
        event["delivery"]["key"] = format!("event-{number}").into();
        event["build"]["id"] = format!("build-{number}").into();
        party.fits(what, Hook::OnBuildRequested, &event.to_string()).await;
    }
}

#[tokio::test]
async fn a_file_and_a_list_of_gates_as_large_as_an_event_may_be_fit_into_the_sandbox() {
    let party = party().await;
    let file = json!({"name": "sbom.json", "media-type": "application/json", "content": {"bytes": "QUJD".repeat(EVENT_BYTES / 4 - 250)}});
    let request = serde_json::to_value(request("build-1")).unwrap();
    let finished = json!({"delivery": request["delivery"], "build": request["build"], "outcome": "passed", "files": [file], "labels": {}});
    party.fits("a file", Hook::OnBuildFinished, &finished.to_string()).await;
    let gate = json!({"last": {"verdict": {"cancel": ""}, "approvals": []}, "since": "2026-11-24T16:20:00Z"});
    let waiting = vec![gate.clone(); EVENT_BYTES / (gate.to_string().len() + 1) - 1];
    party.fits("gates", Hook::Check, &json!({"waiting": waiting, "cursor": null}).to_string()).await;
}

#[test]
fn a_larger_event_is_refused_before_it_reaches_the_sandbox() {
    let limits = Limits::default();
    let mut event = serde_json::to_value(request("build-1")).unwrap();
    event["labels"] = json!({"a": "x".repeat(EVENT_FIELD_BYTES)});
    let error = Call::from_json(Hook::OnBuildRequested, &event.to_string(), &limits).unwrap_err();
    assert!(matches!(error, EventError::FieldsTooLarge { most: EVENT_FIELD_BYTES, .. }), "{error}");
    let error = Call::from_json(Hook::Check, &" ".repeat(EVENT_BYTES + 1), &limits).unwrap_err();
    assert!(matches!(error, EventError::TooLarge { most: EVENT_BYTES, .. }), "{error}");
}
