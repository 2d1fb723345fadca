//! One attempt: marks it in the store, calls the hook, and stores what came of it before anybody hears of it.

use super::clock::millis;
use super::core::{Core, hook_name, turn};
use super::event;
use super::gates::Waiter;
use super::hooks::{Answer, Called};
use super::judge::{Again, Attempt, Next, judge};
use super::queue::Turn;
use super::store::{Change, Effect, Id, New, Progress, Record, State};
use super::{reports, review};
use itsm_contract::answers::{Event, Waiting};
use itsm_contract::types::{Failure, Gate, Problem, Timestamp};
use std::sync::Arc;

/// Until an event whose start could not be stored is taken up again, in milliseconds.
const STORE_WAIT_MS: u64 = 1_000;

/// What an attempt means for the event's place in the queue.
#[derive(Debug)]
pub(super) enum After {
    /// It is tried again.
    Again {
        /// Not before.
        due: Timestamp,
        /// So often it was tried.
        attempts: u32,
    },
    /// It is settled.
    Settled {
        /// Who is told of it, if it was given up.
        report: Option<Turn>,
    },
    /// It waits at its gate.
    Waits(Box<Waiter>),
}

/// Tries an event once.
pub(super) async fn deliver(core: Arc<Core>, id: Id, is_probe: bool) -> After {
    let begun = core.clock.now();
    let started = core.journal.commit(vec![Change::Start { id, at: begun }]).await;
    let (record, json) = match started.map(|effects| effects.into_iter().next()) {
        Ok(Some(Effect::Started(record, json))) => (record, json),
        Ok(_) => return give_back_unstarted(&core, is_probe, After::Settled { report: None }),
        Err(_) => {
            let due = begun.saturating_add(STORE_WAIT_MS);
            return give_back_unstarted(&core, is_probe, After::Again { due, attempts: 0 });
        }
    };
    let mut event = match serde_json::from_str::<Event>(&json) {
        Ok(event) => event,
        Err(error) => {
            let after = settle_unreadable(&core, &record, &error).await;
            return give_back_unstarted(&core, is_probe, after);
        }
    };
    let delivery = event::delivery_mut(&mut event);
    delivery.attempt = record.progress.attempts;
    delivery.given_up_at = record.progress.given_up_at;

    if reports::is_moot(&core, &event, record.progress.attempts).await {
        let now = core.clock.now();
        let answer = Some(Answer::to_json(&Ok(Answer::Incident(None))));
        let progress = Progress { state: State::Done, changed_at: now, due: now, answer, ..record.progress.clone() };
        let after = settle(&core, &record, progress, None).await;
        return give_back_unstarted(&core, is_probe, after);
    }

    let permit = tokio::select! {
        permit = core.permits.acquire() => permit.ok(),
        () = core.leaving() => None,
    };
    let Some(permit) = permit else { return untried(&core, &record, is_probe).await };
    let called_at = core.clock.now();
    if !core.pacing.enter(is_probe, called_at) {
        return untried(&core, &record, is_probe).await;
    }
    if let Some(last) = record.gate() {
        let waiting = Waiting { last, since: record.occurred_at };
        let Some(called) = unless_leaving(&core, core.hooks.review(&record.key, &waiting)).await else {
            return give_back(&core, &record, is_probe).await;
        };
        drop(permit);
        let now = core.clock.now();
        core.pacing.ended(&called, is_probe, now);
        core.metrics.looked(&called);
        return review::store(&core, record, &event, waiting.last, called, Times { called_at, now, is_probe }).await;
    }
    let call = async {
        let called = reports::follow(&core, &event, core.hooks.call(&event).await).await;
        review::by_last_gate(&core, &record, called).await
    };
    let Some(called) = unless_leaving(&core, call).await else { return give_back(&core, &record, is_probe).await };
    drop(permit);
    let now = core.clock.now();
    core.pacing.ended(&called, is_probe, now);
    core.metrics.attempted(event::hook(&event), &called, now.saturating_sub(called_at));
    store(&core, record, &event, called, Times { called_at, now, is_probe }).await
}

/// When a call was made, and when it ended.
pub(super) struct Times {
    pub(super) called_at: Timestamp,
    pub(super) now: Timestamp,
    is_probe: bool,
}

/// What a call came to; none where the host goes before that.
async fn unless_leaving<T>(core: &Core, call: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        called = call => Some(called),
        () = core.leaving() => None,
    }
}

/// The attempt was begun, and what became of it is not known.
async fn give_back(core: &Core, record: &Record, is_probe: bool) -> After {
    core.pacing.left(is_probe);
    let now = core.clock.now();
    let progress = Progress { state: State::Queued, due: now, changed_at: now, ..record.progress.clone() };
    core.write(vec![Change::Put(record.id, progress)]).await;
    After::Again { due: now, attempts: record.progress.attempts }
}

async fn store(core: &Core, record: Record, event: &Event, called: Called<Answer>, times: Times) -> After {
    let Times { called_at, now, is_probe } = times;
    let attempt = Attempt { now, strikes: record.progress.strikes, since: record.since(), was_probe: is_probe };
    let next = judge(event, &called.outcome, attempt, &core.limits);
    let answer = called.outcome.map_err(super::hooks::Trouble::into_failure);
    let mut progress = Progress {
        asked_at: Some(called_at),
        changed_at: now,
        due: now,
        answer: Some(Answer::to_json(&answer)),
        ..record.progress.clone()
    };
    let (key, attempts) = (record.key.as_str(), progress.attempts);
    match next {
        Next::Done => {
            progress.state = State::Done;
            tracing::info!(key, attempts, "delivered");
            settle(core, &record, progress, None).await
        }
        Next::Wait(gate) => {
            let change = gate.change.as_ref().map(|change| &change.number);
            tracing::info!(key, attempts, change, "waits at its gate");
            wait(core, &record, progress, gate, called_at).await
        }
        Next::Again(again) => {
            progress.state = State::Queued;
            progress.strikes = progress.strikes.saturating_add(again.is_strike.into());
            progress.due = due(core, again, attempts, now);
            let due = progress.due;
            let left = answer.as_ref().map(|answer| answer.unfinished().first());
            let problem = left.unwrap_or_else(Some).map(Failure::problem);
            let (trouble, remedy) = (problem.map(|problem| &problem.summary), problem.map(|problem| &problem.remedy));
            tracing::warn!(key, attempts, wait_ms = due.saturating_sub(now), trouble, remedy, "not delivered yet");
            core.write(vec![Change::Put(record.id, progress)]).await;
            After::Again { due, attempts }
        }
        Next::GiveUp { report } => {
            progress.state = State::GivenUp;
            progress.strikes = progress.strikes.saturating_add(1);
            let failure = match &answer {
                Ok(answer) => answer.unfinished().first().cloned(),
                Err(failure) => Some(failure.clone()),
            };
            give_up(core, &record, progress, event, failure.filter(|_| report)).await
        }
    }
}

/// Stores that it waits at this gate.
pub(super) async fn wait(core: &Core, record: &Record, progress: Progress, gate: Gate, called_at: Timestamp) -> After {
    let stored_at = progress.changed_at;
    core.write(vec![Change::Put(record.id, Progress { state: State::Waiting, ..progress })]).await;
    core.room.leave(record.bytes);
    let (id, since) = (record.id, record.occurred_at);
    After::Waits(Box::new(Waiter { id, gate, since, asked_at: called_at, stored_at }))
}

/// Gives an event up because it is too old, without asking anybody.
pub(super) async fn expire(core: Arc<Core>, id: Id) -> After {
    let now = core.clock.now();
    let found = core.journal.read(move |store| store.event(id)).await;
    let (record, json) = match found {
        Ok(Some(found)) => found,
        Ok(None) => return After::Settled { report: None },
        Err(_) => return After::Again { due: now.saturating_add(STORE_WAIT_MS), attempts: 0 },
    };
    let event = match serde_json::from_str::<Event>(&json) {
        Ok(event) => event,
        Err(error) => return settle_unreadable(&core, &record, &error).await,
    };
    let mut progress = Progress { state: State::GivenUp, changed_at: now, due: now, ..record.progress.clone() };
    let failure = progress.answer.as_deref().and_then(super::hooks::failure_in).unwrap_or_else(|| {
        Failure::Retry(itsm_contract::types::Later {
            problem: Problem {
                code: "host.expired".into(),
                summary: "its time to be delivered was over before the ITSM system could be asked".into(),
                remedy: "deliver it again once the ITSM system can be reached".into(),
                detail: None,
            },
            retry_after_ms: None,
        })
    });
    if progress.answer.is_none() {
        progress.answer = Some(Answer::to_json(&Err(failure.clone())));
    }
    give_up(&core, &record, progress, &event, Some(failure)).await
}

/// Stores that it was given up, and who is told, at once: neither without the other.
pub(super) async fn give_up(
    core: &Core,
    record: &Record,
    mut progress: Progress,
    event: &Event,
    failure: Option<Failure>,
) -> After {
    let (now, attempts) = (progress.changed_at, progress.attempts);
    tracing::error!(
        key = record.key,
        attempts,
        trouble = failure.as_ref().map(|failure| &failure.problem().summary),
        "given up",
    );
    let report = failure.map(|failure| event::undelivered(event, attempts, now, &failure));
    if report.is_some() {
        progress.given_up_at = Some(now);
    }
    let report = report.and_then(|report| new(&report, None, now).ok());
    settle(core, record, progress, report).await
}

/// Stores that nothing more happens by itself.
pub(super) async fn settle(core: &Core, record: &Record, progress: Progress, report: Option<New>) -> After {
    let state = progress.state;
    let mut changes = vec![Change::Put(record.id, progress)];
    changes.extend(report.map(Change::Insert));
    let effects = core.write(changes).await;
    let report = effects.into_iter().find_map(|effect| match effect {
        Effect::Inserted(report) => Some(turn(&report, report.progress.due)),
        _ => None,
    });
    if let Some(report) = &report {
        core.room.enter_anyway(report.bytes);
    }
    core.room.leave(record.bytes);
    settled(core, record, state);
    After::Settled { report }
}

/// Tells who waits.
pub(super) fn settled(core: &Core, record: &Record, state: State) {
    core.metrics.settled(hook_name(&record.hook), state.name());
    core.bells.ring(&record.key);
    if record.callback.is_some() {
        core.untold.notify_one();
    }
}

/// An event for the store.
///
/// # Errors
/// Where one of its times lies beyond the year 9999.
pub(super) fn new(event: &Event, callback: Option<String>, now: Timestamp) -> Result<New, serde_json::Error> {
    let delivery = event::delivery(event);
    Ok(New {
        key: delivery.key.clone(),
        lane: event::lane(event),
        hook: event::hook(event),
        occurred_at: delivery.occurred_at,
        accepted_at: now,
        event: serde_json::to_string(event)?,
        callback,
    })
}

/// When it is tried again.
pub(super) fn due(core: &Core, again: Again, attempts: u32, now: Timestamp) -> Timestamp {
    let failures = if again.is_slow { u32::MAX } else { attempts };
    let wait = core.pacing.wait(core.limits.backoff, failures);
    now.saturating_add(millis(wait)).max(again.not_before.unwrap_or_default())
}

/// The attempt was counted, and not made.
async fn untried(core: &Core, record: &Record, is_probe: bool) -> After {
    let now = core.clock.now();
    let attempts = record.progress.attempts.saturating_sub(1);
    let due = record.progress.due;
    let progress = Progress { state: State::Queued, attempts, changed_at: now, ..record.progress.clone() };
    core.write(vec![Change::Put(record.id, progress)]).await;
    give_back_unstarted(core, is_probe, After::Again { due, attempts })
}

fn give_back_unstarted(core: &Core, is_probe: bool, after: After) -> After {
    if is_probe {
        core.pacing.probe_again();
    }
    after
}

/// Only an older version's event, or a damaged file, cannot be read.
async fn settle_unreadable(core: &Core, record: &Record, error: &serde_json::Error) -> After {
    let now = core.clock.now();
    let failure = Failure::InvalidEvent(Problem {
        code: "host.event-unreadable".into(),
        summary: "the stored event cannot be read by this version".into(),
        remedy: "deliver it again under another key".into(),
        detail: Some(error.to_string()),
    });
    let answer = Some(Answer::to_json(&Err(failure)));
    let progress = Progress { state: State::GivenUp, changed_at: now, answer, ..record.progress.clone() };
    settle(core, record, progress, None).await
}
