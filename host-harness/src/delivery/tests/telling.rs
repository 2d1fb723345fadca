//! Who is told of a settled event: whoever waits, and its callback.

use super::support::*;
use crate::delivery::{Clock as _, Limits, State, limits};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

#[tokio::test]
async fn whoever_waits_is_told_at_once_and_when_their_time_is_over() {
    let scene = Scene::with(Plugin::new(|_| None)).await;
    scene.accept(failure("a", "b1")).await;
    let waits = scene.outbox.wait("a", Duration::from_secs(30));
    let passes = async {
        scene.until(async |scene| scene.plugin.keys() == ["a"]).await;
        scene.clock.advance(Duration::from_secs(30));
    };
    let (status, ()) = tokio::join!(waits, passes);
    assert_eq!(status.unwrap().unwrap().state, "in-flight");
    assert_eq!(scene.outbox.wait("z", Duration::from_secs(30)).await.unwrap(), None);
}

#[tokio::test]
async fn a_callback_is_told_of_the_settled_event_until_it_takes_it() {
    let told: Arc<Mutex<Vec<serde_json::Value>>> = Arc::default();
    let heard = told.clone();
    let receiver = axum::Router::new().route(
        "/told",
        axum::routing::post(move |body: axum::Json<serde_json::Value>| async move {
            let mut heard = heard.lock().unwrap();
            heard.push(body.0);
            // Not now, elsewhere, taken.
            [503, 302, 204].get(heard.len() - 1).map(|code| axum::http::StatusCode::from_u16(*code).unwrap()).unwrap()
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/told", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, receiver).await });
    let scene = Scene::with(Plugin::new(|_| Some(answered(incident())))).await;
    scene.outbox.accept(failure("a", "b1"), Some(url)).await.unwrap();
    scene.until_state("a", State::Done).await;
    let taken = "itsm_callbacks_total{outcome=\"taken\"} 1";
    scene.while_time_passes(async |scene| scene.outbox.metrics().contains(taken)).await;
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|status| status["state"] == "done" && status["key"] == "a"));
    server.abort();
}

/// Somebody who answers a callback like this.
async fn receiver(answer: axum::routing::MethodRouter) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/told", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/told", answer);
    (url, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
}

#[tokio::test]
async fn a_callback_that_nobody_ever_takes_is_given_up_and_its_event_stays_delivered() {
    let (url, server) = receiver(axum::routing::post(async || axum::http::StatusCode::SERVICE_UNAVAILABLE)).await;
    let limits = Limits { callback_attempts: 3, ..Limits::default() };
    let scene = Scene::limited(Plugin::new(|_| Some(answered(incident()))), limits).await;
    scene.outbox.accept(failure("a", "b1"), Some(url)).await.unwrap();
    let given_up = "itsm_callbacks_total{outcome=\"given-up\"} 1";
    scene.while_time_passes(async |scene| scene.outbox.metrics().contains(given_up)).await;
    assert!(scene.outbox.metrics().contains("itsm_callbacks_total{outcome=\"tried-again\"} 2"));
    assert_eq!(scene.status("a").await.state, "done");
    server.abort();
}

#[tokio::test]
async fn a_receiver_that_hangs_is_not_waited_for_and_holds_up_no_other() {
    let (hangs, one) = receiver(axum::routing::post(async || std::future::pending::<()>().await)).await;
    let (takes, other) = receiver(axum::routing::post(async || axum::http::StatusCode::NO_CONTENT)).await;
    let limits = Limits { callback_attempts: 1, callback_timeout: Duration::from_millis(300), ..Limits::default() };
    let scene = Scene::limited(Plugin::new(|_| Some(answered(incident()))), limits).await;
    for (key, url) in [("a", &hangs), ("b", &takes)] {
        scene.outbox.accept(failure(key, key), Some(url.clone())).await.unwrap();
    }
    for outcome in ["taken", "given-up"] {
        let line = format!("itsm_callbacks_total{{outcome=\"{outcome}\"}} 1");
        scene.while_time_passes(async |scene| scene.outbox.metrics().contains(&line)).await;
    }
    one.abort();
    other.abort();
}

#[tokio::test]
async fn a_settled_event_is_forgotten_when_it_has_been_kept_long_enough_and_no_sooner() {
    let scene = Scene::with(Plugin::new(|_| Some(answered(incident())))).await;
    scene.accept(failure("old", "b1")).await;
    scene.until_state("old", State::Done).await;
    scene.clock.advance(limits::KEEP - Duration::from_secs(3600));
    scene.accept(failure("new", "b1")).await;
    scene.until_state("new", State::Done).await;
    scene.while_time_passes(async |scene| scene.outbox.status("old").await.unwrap().is_none()).await;
    assert!(scene.clock.now() - START >= 90 * 24 * 3600 * 1000);
    assert_eq!(scene.status("new").await.state, "done");
}
