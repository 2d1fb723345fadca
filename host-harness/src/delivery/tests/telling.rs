//! Who is told of a settled event: whoever waits, and its callback.

use super::support::*;
use crate::delivery::State;
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
