//! What a host finds in its outbox when it comes back.

use super::support::*;
use crate::delivery::*;
use std::time::Duration;

#[tokio::test]
async fn what_was_in_flight_when_the_host_died_is_delivered_again_as_another_attempt() {
    let scene = Scene::with(Plugin::new(|_| None)).await;
    scene.accept(failure("a", "b1")).await;
    scene.accept(failure("b", "b1")).await;
    scene.until(async |scene| scene.plugin.keys() == ["a"]).await;
    assert_eq!(scene.status("a").await.state, "in-flight");
    let scene = scene.restarted(Plugin::new(|_| Some(answered(incident())))).await;
    assert_eq!(scene.until_state("b", State::Done).await.attempts, 1);
    assert_eq!(scene.status("a").await.attempts, 2);
    assert_eq!(scene.plugin.keys(), ["a", "b"]);
}

#[tokio::test]
async fn a_graceful_stop_lets_what_is_under_way_end() {
    let plugin = Plugin::new(|_| Some(answered(incident())));
    let scene = Scene::with(plugin.clone()).await;
    for number in 0..50 {
        scene.accept(failure(&format!("e{number}"), &format!("b{number}"))).await;
    }
    let Scene { outbox, folder, .. } = scene;
    outbox.stop(Duration::from_secs(60)).await;
    drop(outbox);
    let mut store = outbox_is_closed(&folder).await;
    let called = plugin.calls.lock().unwrap().len();
    let left = store::Store::unsettled(&mut store).unwrap();
    assert_eq!(called + left.len(), 50);
    assert!(left.iter().all(|record| record.progress.state == State::Queued), "{left:?}");
}

#[tokio::test]
async fn a_stop_whose_time_is_over_gives_back_what_is_under_way() {
    let scene = Scene::with(Plugin::new(|_| None)).await;
    scene.accept(failure("a", "b1")).await;
    scene.until(async |scene| scene.plugin.keys() == ["a"]).await;
    let Scene { outbox, folder, .. } = scene;
    outbox.stop(Duration::ZERO).await;
    drop(outbox);
    let mut store = outbox_is_closed(&folder).await;
    let record = store::Store::find(&mut store, "a").unwrap().unwrap();
    assert_eq!((record.progress.state, record.progress.attempts), (State::Queued, 1));
}

async fn outbox_is_closed(folder: &tempfile::TempDir) -> SqliteStore {
    loop {
        match SqliteStore::open(&folder.path().join("outbox.db")) {
            Err(StoreError::InUse(_)) => tokio::time::sleep(Duration::from_millis(1)).await,
            store => return store.unwrap(),
        }
    }
}
