//! What the parts of a running outbox share.

use super::bells::Bells;
use super::clock::Clock;
use super::hooks::{Answer, Hooks};
use super::journal::Journal;
use super::limits::Limits;
use super::metrics::{Depth, Metrics};
use super::pacing::Pacing;
use super::queue::Turn;
use super::store::{Change, Effect, Id, Record};
use itsm_contract::types::Gate;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

/// Until a write that failed is tried again. Not by the outbox's clock: it is this machine's disk that is waited for.
const DISK_WAIT: Duration = Duration::from_millis(500);

/// What the dispatcher is told.
#[derive(Debug)]
pub(super) enum Command {
    /// An event is in the store, to be tried.
    Try(Turn),
    /// Start nothing more; end when nothing is under way.
    Stop,
}

pub(super) struct Core {
    pub(super) journal: Journal,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) pacing: Arc<Pacing>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) bells: Bells,
    pub(super) metrics: Metrics,
    pub(super) room: Room,
    /// Calls at once.
    pub(super) permits: Semaphore,
    pub(super) commands: mpsc::UnboundedSender<Command>,
    /// True once what is under way must be given back.
    pub(super) leave: watch::Sender<bool>,
    /// Rung when somebody is to be told of a settled event.
    pub(super) untold: Notify,
    pub(super) depth: Mutex<Depth>,
}

/// What may still be accepted.
#[derive(Debug, Default)]
pub(super) struct Room {
    events: AtomicUsize,
    bytes: AtomicU64,
}

impl Room {
    /// Takes room for an event; false where there is none.
    pub(super) fn enter(&self, bytes: u64, limits: &Limits) -> bool {
        self.enter_anyway(bytes);
        let fits = self.events.load(Ordering::Relaxed) <= limits.queue_events
            && self.bytes.load(Ordering::Relaxed) <= limits.queue_bytes;
        if !fits {
            self.leave(bytes);
        }
        fits
    }

    /// Takes room for an event that is in the store already.
    pub(super) fn enter_anyway(&self, bytes: u64) {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives it back.
    pub(super) fn leave(&self, bytes: u64) {
        self.events.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Core {
    /// Writes what must not be forgotten: a disk that is full for an hour delays it for an hour.
    pub(super) async fn write(&self, changes: Vec<Change>) -> Vec<Effect> {
        loop {
            match self.journal.commit(changes.clone()).await {
                Ok(effects) => return effects,
                Err(error) => {
                    tracing::error!(%error, "an outcome is not stored yet; it is written again");
                    tokio::time::sleep(DISK_WAIT).await;
                }
            }
        }
    }

    /// Ends when what is under way must be given back.
    pub(super) async fn leaving(&self) {
        let mut leave = self.leave.subscribe();
        // The sender lives as long as this does.
        let _ = leave.wait_for(|leave| *leave).await;
    }

    pub(super) fn depth(&self) -> Depth {
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record's place in the queue.
pub(super) fn turn(record: &Record, due: u64) -> Turn {
    let progress = &record.progress;
    Turn {
        id: record.id,
        lane: record.lane.clone(),
        due,
        attempts: progress.attempts,
        bytes: record.bytes,
        since: record.since(),
        // What waits at a gate ends by its policy's time, not by ours.
        expires: !record.is_report() && record.gate().is_none(),
    }
}

impl Record {
    /// When it was accepted, or when it was last given up: somebody has asked for it again since.
    pub(super) fn since(&self) -> u64 {
        self.progress.given_up_at.unwrap_or_default().max(self.accepted_at)
    }

    /// The gate at which it waits, or waited when it was last heard of; none where its hook is still to answer.
    pub(super) fn gate(&self) -> Option<Gate> {
        Answer::waits_at(&self.hook, self.progress.answer.as_deref()?)
    }

    fn is_report(&self) -> bool {
        super::event::is_report_lane(&self.lane)
    }
}

/// A hook's name that lives as long as the program.
pub(super) fn hook_name(name: &str) -> &'static str {
    ["on-build-requested", "on-build-finished", "on-failure", "on-deploy"]
        .into_iter()
        .find(|known| *known == name)
        .unwrap_or("unknown")
}

/// An event's id and whether it was a probe.
pub(super) type UnderWay = (Id, bool);
