//! The judgement itself: facts in, decision out, no request in between.
//!
//! A rejection is looked at first: it sends a change back to New, where it would look as if nobody had been asked. Work
//! proceeds only on an approved change (a standard one was approved beforehand) in Scheduled or Implement, not on hold,
//! inside its window, without conflicts, and unedited since. Everything else waits or stops.

use super::approvers::{self, Row};
use super::beside::may_proceed;
use super::policy::Policy;
use crate::change::{Answer, Change, Kind, State};
use crate::servicenow::datetime;
use crate::settings::{OnRejected, OnTimeout};
use itsm_contract::types::{Decision as Said, Timestamp};

/// What a decision rests on.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The right record, as it was last read.
    pub change: &'a Change,
    /// Its approvers, as far as they were read.
    pub approvers: &'a [Row],
    /// Scheduling conflicts, in words.
    pub conflicts: &'a [String],
    /// What ServiceNow has yet to do before approval can be asked for, in words.
    pub preparing: &'a [String],
    /// Conditions of the next step that do not hold, by name, where they were read.
    pub conditions: &'a [String],
    /// What was edited since it was approved, in words.
    pub edited: Option<&'a str>,
    /// The artifact that approval was asked for and the one that this is, where they differ.
    pub exchanged: Option<(&'a str, &'a str)>,
}

/// What becomes of the work.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// It goes on.
    Proceed {
        /// In words for a person.
        reason: String,
        /// Nobody approved.
        by_policy: bool,
    },
    /// It waits.
    Wait {
        /// What for, in words for a person.
        reasons: Vec<String>,
        /// When the policy decides instead; none where it does not.
        expires_at: Option<Timestamp>,
        /// When it is worth asking again.
        check_after: Timestamp,
        /// Somebody or something said wait: no policy goes on.
        is_held: bool,
    },
    /// It is given up.
    Stop {
        /// In words for a person.
        reason: String,
        /// The time to answer is over: the change is given up too.
        is_timeout: bool,
    },
}

/// Why work waits, and what a policy may do about it.
enum Obstacle {
    /// Nobody answered yet: the policy may decide.
    Unanswered(String),
    /// Somebody or something said wait: the policy may give up, never go on.
    Halt(String),
    /// Approved, for later: no policy decides.
    Later(String, Timestamp),
}

/// Judges one gate.
pub fn judge(facts: &Facts, policy: &Policy, now: Timestamp) -> Decision {
    if !policy.gates {
        return Decision::Proceed { reason: "approval gates are switched off".into(), by_policy: true };
    }
    let change = facts.change;
    // One that waits for approval to be asked for again waits no more once the change has ended.
    let is_final = policy.on_rejected == OnRejected::Cancel || !change.state.is_over();
    if change.approval == Answer::Rejected && is_final {
        return rejected(facts, policy);
    }
    if change.state.is_over() {
        let reason = match change.state {
            State::Canceled if change.withdrawn().is_some() => change.withdrawn().unwrap_or_default().to_owned(),
            State::Canceled => format!("{} was cancelled in ServiceNow", change.number),
            _ => format!("{} is in {}: its work is over", change.number, change.state.label()),
        };
        return Decision::Stop { reason, is_timeout: false };
    }
    let obstacles = obstacles(facts, policy, now);
    if obstacles.is_empty() {
        return Decision::Proceed { reason: approved(facts), by_policy: false };
    }
    wait(change, obstacles, policy, now)
}

fn rejected(facts: &Facts, policy: &Policy) -> Decision {
    let voices = approvers::voices(facts.approvers, &Said::Rejected);
    let by = if voices.is_empty() { String::new() } else { format!(" by {}", voices.join("; ")) };
    let reason = format!("{} was rejected{by}", facts.change.number);
    match policy.on_rejected {
        OnRejected::Cancel => Decision::Stop { reason, is_timeout: false },
        OnRejected::Pause => Decision::Wait {
            reasons: vec![format!("{reason}; ask for approval again in ServiceNow")],
            expires_at: None,
            check_after: policy.check_after,
            is_held: true,
        },
    }
}

fn approved(facts: &Facts) -> String {
    let change = facts.change;
    if change.kind == Kind::Standard {
        return format!("{} is a standard change, approved beforehand", change.number);
    }
    match approvers::voices(facts.approvers, &Said::Approved) {
        voices if voices.is_empty() => format!("{} is approved", change.number),
        voices => format!("{} was approved by {}", change.number, voices.join("; ")),
    }
}

fn obstacles(facts: &Facts, policy: &Policy, now: Timestamp) -> Vec<Obstacle> {
    let change = facts.change;
    let mut obstacles = Vec::new();
    if change.is_on_hold {
        let why = if change.hold_reason.is_empty() { String::new() } else { format!(": {}", change.hold_reason) };
        obstacles.push(Obstacle::Halt(format!("{} is on hold{why}", change.number)));
    }
    obstacles.extend(unanswered(facts).into_iter().map(Obstacle::Unanswered));
    let is_standard = change.kind == Kind::Standard;
    if is_standard && !policy.takes_standard {
        let number = &change.number;
        obstacles.push(Obstacle::Halt(format!(
            "{number} to be of the type that was asked for: it was made a standard change, which nobody approves"
        )));
    }
    if policy.window {
        match (change.start, change.end) {
            (_, Some(end)) if end <= now => {
                let again = match may_proceed(change) {
                    true => format!("have a new one approved, or {}", anew(change)),
                    false => "plan it again".into(),
                };
                obstacles.push(Obstacle::Halt(format!("the planned window ended at {}: {again}", at(end))));
            }
            (Some(start), _) if now < start => {
                obstacles.push(Obstacle::Later(format!("the planned start at {}", at(start)), start));
            }
            _ => {}
        }
    }
    if policy.conflicts && !facts.conflicts.is_empty() {
        obstacles.push(Obstacle::Halt(format!("no scheduling conflicts: {}", facts.conflicts.join(", "))));
    }
    if let Some((was, is)) = facts.exchanged {
        obstacles.push(Obstacle::Halt(format!("approval of the artifact {is}: it was asked for {was}")));
    }
    if let Some(words) = facts.edited {
        obstacles.push(Obstacle::Halt(format!("{words}; or {}", anew(change))));
    }
    obstacles
}

/// What is left where ServiceNow asks for no approval again: from Scheduled its stock rules lead back to New for nobody.
fn anew(change: &Change) -> String {
    format!("cancel {} and have the work requested anew", change.number)
}

/// What is missing of an approval; empty where it is complete.
fn unanswered(facts: &Facts) -> Vec<String> {
    let change = facts.change;
    if may_proceed(change) {
        return Vec::new();
    }
    if change.state == State::New && !facts.preparing.is_empty() {
        return facts.preparing.to_vec();
    }
    let pending = approvers::pending(facts.approvers);
    if !pending.is_empty() {
        return pending;
    }
    let number = &change.number;
    vec![match (&change.state, &change.approval) {
        (State::Other(state), _) => format!("{number} to leave the state {state}, which this plugin does not know"),
        (State::New, Answer::NotRequested) => format!("somebody to ask for approval of {number}"),
        // Its flow asks them in a moment.
        (State::Assess | State::Authorize, Answer::NotRequested) => {
            format!("ServiceNow to say who has to approve {number}")
        }
        (state, Answer::Approved) if facts.conditions.is_empty() => {
            format!("{number} to leave {}, now that it is approved", state.label())
        }
        (state, Answer::Approved) => format!(
            "{number} to leave {}, now that it is approved; these conditions do not hold: {}",
            state.label(),
            facts.conditions.join(", ")
        ),
        (state, approval) => format!("approval of {number} (in {}, {})", state.label(), approval.value()),
    }]
}

fn wait(change: &Change, obstacles: Vec<Obstacle>, policy: &Policy, now: Timestamp) -> Decision {
    let is_answered = !obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::Unanswered(_)));
    let is_halted = obstacles.iter().any(|obstacle| matches!(obstacle, Obstacle::Halt(_)));
    let start = obstacles.iter().find_map(|obstacle| match obstacle {
        Obstacle::Later(_, start) => Some(*start),
        _ => None,
    });
    // Approved for later: the answer came in time.
    let may_expire = !is_answered || is_halted;
    let mut reasons: Vec<String> = obstacles
        .into_iter()
        .map(|obstacle| match obstacle {
            Obstacle::Unanswered(words) | Obstacle::Halt(words) | Obstacle::Later(words, _) => words,
        })
        .collect();
    if may_expire && policy.is_expired(now) {
        match policy.on_timeout {
            OnTimeout::Cancel => {
                let reason = format!("{} waited too long for: {}", change.number, reasons.join("; "));
                return Decision::Stop { reason, is_timeout: true };
            }
            OnTimeout::Proceed if !is_halted && start.is_none() => {
                let reason = format!("nobody answered {} in time, and the settings let work proceed", change.number);
                return Decision::Proceed { reason, by_policy: true };
            }
            OnTimeout::Proceed | OnTimeout::Pause => reasons.push("the time to answer is over".into()),
        }
    }
    Decision::Wait {
        reasons,
        expires_at: policy.expires_at.filter(|_| may_expire),
        check_after: start.filter(|start| is_answered && *start < policy.check_after).unwrap_or(policy.check_after),
        is_held: is_halted,
    }
}

/// A moment for people.
fn at(time: Timestamp) -> String {
    datetime::text(time).map(|text| format!("{text} UTC")).unwrap_or_default()
}
