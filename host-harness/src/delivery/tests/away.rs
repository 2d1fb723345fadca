//! ServiceNow away for an hour, while events go on arriving.

use super::support::*;
use crate::delivery::*;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Fewer than a busy factory makes in an hour, as many as a debug build plays in seconds.
const EVENTS: u64 = 600;

#[tokio::test]
async fn events_of_an_hour_without_servicenow_are_all_delivered_after_it_in_order_per_build() {
    let is_away = Arc::new(AtomicBool::new(true));
    let away = is_away.clone();
    let scene = Scene::with(Plugin::new(move |_| {
        Some(if away.load(Ordering::SeqCst) { retry(None) } else { answered(incident()) })
    }))
    .await;
    for number in 0..EVENTS {
        scene.accept(failure(&format!("e{number}"), &format!("b{}", number % 50))).await;
        scene.clock.advance(Duration::from_millis(3_600_000 / EVENTS));
        if number % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let during = scene.plugin.calls.lock().unwrap().len();
    // Every two minutes at the most, once the pauses have grown.
    assert!(during < 60, "{during} attempts while ServiceNow was away");
    assert!(scene.outbox.pace().is_away);
    is_away.store(false, Ordering::SeqCst);
    scene.while_time_passes(async |scene| scene.outbox.depth().queued == 0).await;
    let mut delivered: HashMap<String, Vec<u64>> = HashMap::new();
    for event in &scene.plugin.calls.lock().unwrap()[during..] {
        let number = event::delivery(event).key[1..].parse().unwrap();
        delivered.entry(event::build(event).id.clone()).or_default().push(number);
    }
    assert_eq!(delivered.values().map(Vec::len).sum::<usize>() as u64, EVENTS, "each once, after its return");
    assert!(delivered.values().all(|numbers| numbers.is_sorted()));
}

/// An instance that counts each hour's requests of its one user, as its rate limit rules do.
struct Hourly {
    limit: u64,
    hours: BTreeMap<u64, u64>,
    refused: u64,
}

#[tokio::test]
async fn the_events_of_an_outage_are_delivered_within_the_budget_that_servicenow_announces() {
    const REQUESTS_OF_A_CALL: u64 = 3;
    let instance = Arc::new(Mutex::new(Hourly { limit: 500, hours: BTreeMap::new(), refused: 0 }));
    let scene = Scene::with(Plugin::new(|_| Some(retry(None)))).await;
    for number in 0..EVENTS {
        scene.accept(failure(&format!("e{number}"), &format!("b{}", number % 50))).await;
    }
    let (pacing, clock, counts) = (scene.pacing.clone(), scene.clock.clone(), instance.clone());
    scene.plugin.now_answers(move |_| {
        let now = clock.now() / 1000;
        let (hour, mut counts) = (now / 3600, counts.lock().unwrap());
        let resets_at = (hour + 1) * 3600;
        for _ in 0..REQUESTS_OF_A_CALL {
            let limit = counts.limit;
            let used = counts.hours.entry(hour).or_default();
            if *used >= limit {
                counts.refused += 1;
                return Some(retry(Some((resets_at - now) * 1000)));
            }
            *used += 1;
            let mut headers = http::HeaderMap::new();
            headers.insert("x-ratelimit-limit", limit.into());
            headers.insert("x-ratelimit-reset", resets_at.into());
            headers.insert("x-ratelimit-rule", "0a1b2c3d4e5f60718293a4b5c6d7e8f9".parse().unwrap());
            pacing.replied(&headers);
        }
        Some(answered(incident()))
    });
    scene.while_time_passes(async |scene| scene.outbox.depth().queued == 0).await;
    let instance = instance.lock().unwrap();
    assert_eq!(instance.refused, 0, "no request had to be refused");
    assert!(instance.hours.values().all(|used| *used <= instance.limit));
    assert!(instance.hours.values().sum::<u64>() >= EVENTS * REQUESTS_OF_A_CALL);
    assert!(instance.hours.len() >= 4, "{:?}", instance.hours);
}
