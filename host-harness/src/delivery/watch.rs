//! One look at the waiting gates, and what it changes: verdict and cursor are stored together, so that a verdict that
//! was read is never passed over.

use super::core::{Core, hook_name};
use super::courier::settled;
use super::event;
use super::gates::{Look, Moved, Waiter};
use super::hooks::{Answer, Trouble};
use super::store::{Change, Cursor, Id, Progress, Record, State};
use itsm_contract::answers::Reviewed;
use itsm_contract::types::{Gate, Timestamp, Verdict};

/// What a look saw.
pub(super) struct Seen {
    pub(super) moved: Vec<Reviewed>,
    pub(super) cursor: Cursor,
}

/// Looks once; none where there is nothing to be learned now.
pub(super) async fn look(core: &Core, look: &Look, is_probe: bool) -> Option<Seen> {
    let permit = tokio::select! {
        permit = core.permits.acquire() => permit.ok(),
        () = core.leaving() => None,
    };
    if permit.is_none() || !core.pacing.enter(is_probe, core.clock.now()) {
        if is_probe {
            core.pacing.probe_again();
        }
        return None;
    }
    let called = tokio::select! {
        called = core.hooks.check(&look.waiting, look.cursor.as_deref()) => called,
        () = core.leaving() => {
            core.pacing.left(is_probe);
            return None;
        }
    };
    let now = core.clock.now();
    core.pacing.ended(&called, is_probe, now);
    core.metrics.looked(&called);
    match called.outcome {
        Ok(review) => {
            let cursor = Cursor { cursor: review.cursor, began_at: look.began_at, ended_at: now };
            Some(Seen { moved: review.moved, cursor })
        }
        Err(trouble) => {
            let failure = Trouble::into_failure(trouble);
            tracing::warn!(gates = look.waiting.len(), trouble = %failure.problem().summary, "no look at the gates");
            None
        }
    }
}

/// Stores what a look means. Returns each event as it is now, with its gate where it still waits.
pub(super) async fn apply(core: &Core, told: Vec<(Id, Moved)>, cursor: Cursor) -> Vec<(Record, Option<Waiter>)> {
    let now = cursor.ended_at;
    let mut changes = vec![Change::Cursor(cursor)];
    let mut results = Vec::new();
    for (id, moved) in told {
        let found = loop {
            match core.journal.read(move |store| store.event(id)).await {
                Ok(found) => break found,
                Err(error) => {
                    tracing::error!(%error, "a gate's event cannot be read; it is read again");
                    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                }
            }
        };
        let Some((mut record, json)) = found else { continue };
        if record.progress.state != State::Waiting {
            continue;
        }
        let (progress, gate, report) = change(&record, &json, moved, now);
        changes.push(Change::Put(id, progress.clone()));
        changes.extend(report.map(Change::Insert));
        let waiter = gate.filter(|_| progress.state == State::Waiting).map(|gate| Waiter {
            id,
            gate,
            since: record.occurred_at,
            asked_at: now,
            stored_at: now,
        });
        record.progress = progress;
        results.push((record, waiter));
    }
    let effects = core.write(changes).await;
    for effect in effects {
        if let super::store::Effect::Inserted(report) = effect {
            results.push((report, None));
        }
    }
    for (record, _) in results.iter().filter(|(record, _)| record.progress.state.is_settled()) {
        settled(core, record, record.progress.state);
        let gate = record.progress.answer.as_deref().and_then(|json| Answer::gate_in(&record.hook, json));
        tell(core, record, gate.as_ref(), now);
    }
    results
}

/// Says of an event that it waits no more; without a gate, because that was lost.
pub(super) fn tell(core: &Core, record: &Record, gate: Option<&Gate>, now: Timestamp) {
    let verdict = gate.map_or("lost", |gate| verdict_name(&gate.verdict));
    core.metrics.moved(verdict, now.saturating_sub(record.occurred_at));
    tracing::info!(key = record.key, hook = hook_name(&record.hook), verdict, "its gate was answered");
}

fn change(record: &Record, json: &str, moved: Moved, now: u64) -> (Progress, Option<Gate>, Option<super::store::New>) {
    let progress = Progress { changed_at: now, due: now, ..record.progress.clone() };
    let answer = progress.answer.as_deref().unwrap_or_default();
    match moved {
        Moved::To(gate) => match Answer::with_gate(&record.hook, answer, gate.clone()) {
            Some(answer) => {
                let state = if matches!(gate.verdict, Verdict::Pause(_)) { State::Waiting } else { State::Done };
                (Progress { state, answer: Some(answer), ..progress }, Some(gate), None)
            }
            None => (Progress { state: State::Queued, ..progress }, None, None),
        },
        // It keeps the gate: by that it is asked about, not by its event.
        Moved::Ask => {
            let answer = postponed(record, now).or_else(|| progress.answer.clone());
            (Progress { state: State::Queued, answer, ..progress }, None, None)
        }
        Moved::Lost(failure) => {
            let report = serde_json::from_str(json).ok().and_then(|event| {
                let report = event::undelivered(&event, progress.attempts, now, &failure);
                super::courier::new(&report, None, now).ok()
            });
            let given_up_at = report.as_ref().map(|_| now).or(progress.given_up_at);
            let answer = Some(Answer::to_json(&Err(failure)));
            let gate = record.gate().as_ref().and_then(|gate| serde_json::to_string(gate).ok());
            (Progress { state: State::GivenUp, given_up_at, answer, gate, ..progress }, None, report)
        }
    }
}

/// An event's answer, with the next look at its gate as far off as when it was answered.
fn postponed(record: &Record, now: Timestamp) -> Option<String> {
    let progress = &record.progress;
    let answer = progress.answer.as_deref()?;
    let mut gate = Answer::gate_in(&record.hook, answer)?;
    if let Verdict::Pause(pause) = &mut gate.verdict {
        let interval = pause.check_after.saturating_sub(progress.changed_at);
        pause.check_after = now.saturating_add(interval);
    }
    Answer::with_gate(&record.hook, answer, gate)
}

/// The gate that a stored event waits at; none where it does not wait.
pub(super) fn waiter(record: &Record) -> Option<Waiter> {
    let progress = &record.progress;
    if progress.state != State::Waiting {
        return None;
    }
    let gate = record.gate()?;
    Some(Waiter {
        id: record.id,
        gate,
        since: record.occurred_at,
        asked_at: progress.asked_at.unwrap_or_default(),
        stored_at: progress.changed_at,
    })
}

fn verdict_name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Proceed(_) => "proceed",
        Verdict::Pause(_) => "pause",
        Verdict::Cancel(_) => "cancel",
    }
}
