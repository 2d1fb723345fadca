//! What an answer means for its event: final, at a gate, to be tried again, or given up.

use super::clock::millis;
use super::event;
use super::hooks::{Answer, Trouble};
use super::limits::Limits;
use itsm_contract::answers::Event;
use itsm_contract::types::{Failure, Gate, Timestamp, Verdict};

/// What happens next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing: the answer is final.
    Done,
    /// It waits at this gate.
    Wait(Gate),
    /// It is tried again.
    Again(Again),
    /// It is given up.
    GiveUp {
        /// Whether ServiceNow is to be told, by an incident.
        report: bool,
    },
}

/// How an event is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again {
    /// Whether it counts against the bound.
    pub is_strike: bool,
    /// The wait that was asked for, in milliseconds; none leaves it to the backoff.
    pub not_before: Option<Timestamp>,
    /// The longest wait of the backoff is taken: time alone mends nothing.
    pub is_slow: bool,
}

/// What is known of the attempt that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Now.
    pub now: Timestamp,
    /// Attempts counted against the bound before this one.
    pub strikes: u32,
    /// When the event was accepted, or when somebody asked for it to be tried again.
    pub since: Timestamp,
    /// Whether it tried if ServiceNow is back.
    pub was_probe: bool,
}

/// Judges an answer.
pub fn judge(event: &Event, outcome: &Result<Answer, Trouble>, attempt: Attempt, limits: &Limits) -> Next {
    let next = match outcome {
        Ok(answer) => of_answer(answer, attempt.now),
        Err(trouble) => of_trouble(trouble, attempt),
    };
    let is_report = event::is_delivery_failure(event);
    match next {
        // A report is tried until ServiceNow takes it: there is nobody else to be told.
        Next::Again(again) if !is_report => {
            let strikes = attempt.strikes.saturating_add(again.is_strike.into());
            let is_old = attempt.now.saturating_sub(attempt.since) >= millis(limits.age);
            if strikes >= limits.attempts || is_old { Next::GiveUp { report: true } } else { next }
        }
        Next::GiveUp { .. } if is_report => Next::GiveUp { report: false },
        next => next,
    }
}

fn of_answer(answer: &Answer, now: Timestamp) -> Next {
    let retry_after = answer.unfinished().iter().filter_map(|failure| match failure {
        Failure::Retry(later) => Some(later.retry_after_ms),
        _ => None,
    });
    if let Some(longest) = retry_after.reduce(|first, second| first.max(second)) {
        let not_before = longest.map(|wait| now.saturating_add(wait));
        return Next::Again(Again { is_strike: true, not_before, is_slow: false });
    }
    // Somebody must put it right; until then the part that is not done is not forgotten.
    if answer.unfinished().iter().any(|failure| matches!(failure, Failure::Misconfigured(_))) {
        return Next::Again(Again { is_strike: true, not_before: None, is_slow: true });
    }
    match answer.gate() {
        Some(gate) => match &gate.verdict {
            Verdict::Pause(_) if gate.change.is_some() => Next::Wait(gate.clone()),
            // Nothing to look at yet: the hook must be asked again.
            Verdict::Pause(pause) => {
                Next::Again(Again { is_strike: false, not_before: Some(pause.check_after), is_slow: false })
            }
            Verdict::Proceed(_) | Verdict::Cancel(_) => Next::Done,
        },
        None => Next::Done,
    }
}

fn of_trouble(trouble: &Trouble, attempt: Attempt) -> Next {
    match trouble {
        Trouble::Failed(Failure::Retry(later)) => Next::Again(Again {
            is_strike: later.retry_after_ms.is_none() && !attempt.was_probe,
            not_before: later.retry_after_ms.map(|wait| attempt.now.saturating_add(wait)),
            is_slow: false,
        }),
        Trouble::Failed(Failure::Misconfigured(_)) => {
            Next::Again(Again { is_strike: !attempt.was_probe, not_before: None, is_slow: true })
        }
        Trouble::Failed(Failure::Refused(_)) => Next::GiveUp { report: true },
        // Whoever made the event must act, and is told by the answer; an incident would tell somebody else.
        Trouble::Failed(Failure::InvalidEvent(_)) => Next::GiveUp { report: false },
        Trouble::Broken(_) => Next::Again(Again { is_strike: true, not_before: None, is_slow: false }),
    }
}
