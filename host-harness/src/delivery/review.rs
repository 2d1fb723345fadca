//! An event that waits at its gate, asked about by itself.
//!
//! A look says of a change that it moved, not for which event: where several wait for it, each is asked about alone. Its last
//! gate goes along, so that the plugin sees what somebody edited since. Its hook, called once more, has no such gate, and
//! would let through what nobody approved. Nothing is given up on the way: a gate that cannot be read for the moment goes on
//! waiting, as long as its policy lets it.

use super::core::Core;
use super::courier::{After, Times, due, give_up, settle, wait};
use super::gates::is_of;
use super::hooks::{Answer, Called, Trouble};
use super::judge::Again;
use super::store::{Change, Progress, Record, State};
use super::watch;
use itsm_contract::answers::{Event, Review, Waiting};
use itsm_contract::types::{Failure, Gate, Problem, Timestamp, Verdict};

/// How soon a gate is looked at whose plugin named a time that is over: its own default, a minute, since a look asks for all
/// gates at once and the most eager of them decides.
const LOOK_AGAIN_MS: u64 = 60_000;

/// What one gate says now.
#[derive(Debug, PartialEq)]
enum Found {
    /// What it said before.
    Same,
    /// This.
    Moved(Gate),
    /// It cannot be read any more, and will not be.
    Lost(Failure),
    /// It cannot be read for the moment.
    Unread(Failure),
}

/// Stores what became of an event whose last gate this is.
pub(super) async fn store(
    core: &Core,
    record: Record,
    event: &Event,
    last: Gate,
    called: Called<Review>,
    times: Times,
) -> After {
    let Times { called_at, now, .. } = times;
    let progress = Progress { asked_at: Some(called_at), changed_at: now, due: now, ..record.progress.clone() };
    let stored = progress.answer.as_deref().unwrap_or_default();
    let with = |gate: &Gate| Answer::with_gate(&record.hook, stored, gate.clone()).or_else(|| progress.answer.clone());
    match found(&last, called.outcome) {
        Found::Same => {
            let gate = in_time(last, now);
            let progress = Progress { answer: with(&gate), ..progress };
            wait(core, &record, progress, gate, called_at).await
        }
        Found::Moved(gate) => {
            let progress = Progress { answer: with(&gate), ..progress };
            if matches!(gate.verdict, Verdict::Pause(_)) {
                return wait(core, &record, progress, gate, called_at).await;
            }
            let after = settle(core, &record, Progress { state: State::Done, ..progress }, None).await;
            watch::tell(core, &record, Some(&gate), now);
            after
        }
        Found::Lost(failure) => {
            let answer = Some(Answer::to_json(&Err(failure.clone())));
            let gate = serde_json::to_string(&last).ok();
            let progress = Progress { state: State::GivenUp, answer, gate, ..progress };
            let after = give_up(core, &record, progress, event, Some(failure)).await;
            watch::tell(core, &record, None, now);
            after
        }
        Found::Unread(failure) => again(core, &record, progress, &failure).await,
    }
}

/// The answer to an event that was given up at its gate and is tried again: judged by the gate that it had, as one that
/// never ceased to wait.
pub(super) async fn by_last_gate(core: &Core, record: &Record, called: Called<Answer>) -> Called<Answer> {
    let last = record.progress.gate.as_deref().and_then(|json| serde_json::from_str::<Gate>(json).ok());
    let (Some(last), Ok(answer)) = (last, &called.outcome) else { return called };
    if !answer.gate().is_some_and(|gate| is_of(&last, gate)) {
        return called;
    }
    let waiting = Waiting { last, since: record.occurred_at };
    let reviewed = core.hooks.review(&record.key, &waiting).await;
    let requests = called.requests.saturating_add(reviewed.requests);
    let gate = match found(&waiting.last, reviewed.outcome) {
        Found::Same => Ok(in_time(waiting.last, core.clock.now())),
        Found::Moved(gate) => Ok(gate),
        Found::Lost(failure) | Found::Unread(failure) => Err(Trouble::Failed(failure)),
    };
    let outcome = match (called.outcome, gate) {
        (Ok(answer), Ok(gate)) => Ok(answer.at(gate)),
        (Err(trouble), _) | (_, Err(trouble)) => Err(trouble),
    };
    Called { outcome, requests }
}

/// It is asked about again, and neither counted nor too old: it has waited, and may.
async fn again(core: &Core, record: &Record, progress: Progress, failure: &Failure) -> After {
    let (now, attempts) = (progress.changed_at, progress.attempts);
    let asked_for = match failure {
        Failure::Retry(later) => later.retry_after_ms.map(|wait| now.saturating_add(wait)),
        _ => None,
    };
    let is_slow = matches!(failure, Failure::Misconfigured(_));
    let due = due(core, Again { is_strike: false, not_before: asked_for, is_slow }, attempts, now);
    let (key, problem) = (record.key.as_str(), failure.problem());
    let (trouble, remedy) = (&problem.summary, &problem.remedy);
    tracing::warn!(key, wait_ms = due.saturating_sub(now), trouble, remedy, "its gate could not be read");
    core.write(vec![Change::Put(record.id, Progress { state: State::Queued, due, ..progress })]).await;
    After::Again { due, attempts }
}

fn found(last: &Gate, outcome: Result<Review, Trouble>) -> Found {
    let review = match outcome {
        Ok(review) => review,
        Err(trouble) => return Found::Unread(trouble.into_failure()),
    };
    let is_asked = |change: &str| last.change.as_ref().is_some_and(|ticket| ticket.id == change);
    match review.moved.into_iter().find(|reviewed| is_asked(&reviewed.change)).map(|reviewed| reviewed.answer) {
        None => Found::Same,
        Some(Ok(gate)) if is_of(last, &gate) => Found::Moved(gate),
        Some(Ok(gate)) => Found::Lost(of_another(last, &gate)),
        Some(Err(failure @ (Failure::Refused(_) | Failure::InvalidEvent(_)))) => Found::Lost(failure),
        Some(Err(failure)) => Found::Unread(failure),
    }
}

fn of_another(last: &Gate, gate: &Gate) -> Failure {
    let number = |gate: &Gate| gate.change.as_ref().map_or_else(|| "no change".into(), |change| change.number.clone());
    Failure::Refused(Problem {
        code: "host.gate-of-another-change".into(),
        summary: format!("the plugin answered for {}, and {} was asked about", number(gate), number(last)),
        remedy: "report it to whoever built the plugin, with the host's audit log".into(),
        detail: None,
    })
}

/// This gate, with a time for the next look that is still to come.
fn in_time(mut gate: Gate, now: Timestamp) -> Gate {
    if let Verdict::Pause(pause) = &mut gate.verdict
        && pause.check_after <= now
    {
        pause.check_after = now.saturating_add(LOOK_AGAIN_MS);
    }
    gate
}
