//! Tells callbacks of settled events, at least once: a POST of the event's status, tried again until it is taken.

use super::backoff::Backoff;
use super::clock::millis;
use super::core::Core;
use super::status::Status;
use super::store::{Change, Untold};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Callbacks told at once: one receiver that hangs holds up few others.
const AT_ONCE: u32 = 16;

/// Until the store, or what was due, is looked at again after trouble, in milliseconds.
const LOOK_AGAIN_MS: u64 = 5_000;

/// Tells whoever is to be told, until the task is aborted.
pub(super) async fn run(core: Arc<Core>, client: reqwest::Client) {
    loop {
        // Listened to before the store is asked: what settles meanwhile rings.
        let rung = core.untold.notified();
        let now = core.clock.now();
        let (due, next) = match core.journal.read(move |store| store.untold(now, AT_ONCE)).await {
            Ok(untold) => untold,
            Err(error) => {
                tracing::error!(%error, "callbacks cannot be read");
                (Vec::new(), Some(now.saturating_add(LOOK_AGAIN_MS)))
            }
        };
        if due.is_empty() {
            match next {
                Some(at) => tokio::select! {
                    () = rung => {}
                    () = core.clock.sleep_until(at) => {}
                },
                None => rung.await,
            }
            continue;
        }
        let mut telling = JoinSet::new();
        for untold in due {
            let (core, client) = (core.clone(), client.clone());
            telling.spawn(async move { tell(&core, &client, untold).await });
        }
        // Gone with this task, if it is aborted.
        while telling.join_next().await.is_some() {}
    }
}

async fn tell(core: &Core, client: &reqwest::Client, untold: Untold) {
    let Untold { record, tries } = untold;
    let Some(url) = &record.callback else { return };
    let body = serde_json::to_vec(&Status::of(&record)).unwrap_or_default();
    let sent = client
        .post(url)
        .header(http::header::CONTENT_TYPE, "application/json")
        .timeout(core.limits.callback_timeout)
        .body(body)
        .send()
        .await;
    let now = core.clock.now();
    let tries = tries.saturating_add(1);
    let next = match sent {
        Ok(reply) if reply.status().is_success() => {
            core.metrics.called_back("taken");
            None
        }
        failed if tries < core.limits.callback_attempts => {
            // The URL may hold a secret of the receiver's: it is not logged.
            let status = failed.ok().map(|reply| reply.status().as_u16());
            tracing::warn!(key = record.key, tries, status, "a callback was not taken");
            core.metrics.called_back("tried-again");
            Some(now.saturating_add(millis(core.pacing.wait(wait(core), tries))).saturating_add(1))
        }
        _ => {
            tracing::error!(key = record.key, tries, "a callback was never taken");
            core.metrics.called_back("given-up");
            None
        }
    };
    core.write(vec![Change::Tell(record.id, next)]).await;
}

fn wait(core: &Core) -> Backoff {
    core.limits.backoff
}
