//! A gate from its facts to the host's answer.

use super::approvers::{self, Row};
use super::judge::{Decision, Facts, judge};
use super::policy::Policy;
use super::seal::Seal;
use crate::change::{self, Answer, Change, Held, Kind, State, Work};
use crate::plugin::Plugin;
use crate::settings::OnTimeout;
use itsm_contract::types::{Clearance, Decision as Said, Failure, Gate, Pause, Ticket, Timestamp, Verdict, Window};

/// 9999-12-31 23:59:59, the last moment that ServiceNow can write.
const END_OF_TIME: Timestamp = 253_402_300_799_000;

/// Who asks, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The delivery key of the event that led to it.
    pub key: &'a str,
    /// When that event occurred.
    pub since: Timestamp,
    /// The last gate answered for this work.
    pub last: Option<&'a Gate>,
}

/// The gate of work that is about to start: its change request is made or linked, submitted, and judged.
///
/// # Errors
/// Where ServiceNow cannot be asked before the time to answer is over, or refuses the change request.
pub fn open(plugin: &Plugin, work: Work) -> Result<Gate, Failure> {
    if let Err(reason) = change::is_controlled(plugin.settings(), work) {
        plugin.audit("gate.uncontrolled", &work.delivery().key, None, &[("reason", &reason)]);
        let clearance = Clearance { reason, by_policy: false, seal: None };
        return Ok(Gate { change: None, verdict: Verdict::Proceed(clearance), approvals: Vec::new(), window: None });
    }
    let delivery = work.delivery();
    let asked = Asked { key: &delivery.key, since: delivery.occurred_at, last: work.gate() };
    let known = change::handed_back(plugin, work);
    match judged(plugin, work, &asked) {
        Err(Failure::Retry(later)) => {
            let failure = Failure::Retry(later);
            unreachable(plugin, known, &asked, &failure).ok_or(failure)
        }
        answer => answer,
    }
}

fn judged(plugin: &Plugin, work: Work, asked: &Asked) -> Result<Gate, Failure> {
    let mut held = match (work.number(), change::handed_back(plugin, work)) {
        (Some(number), _) => change::link(plugin, work, number)?,
        (None, Some(ticket)) => Held::read(plugin, ticket)?,
        (None, None) => change::create(plugin, work)?,
    };
    let is_fresh = held.change.state == State::New && held.change.approval == Answer::NotRequested;
    if is_fresh && !held.change.is_on_hold && plugin.settings().change.submit {
        held = change::submit(plugin, held, asked.key)?;
    }
    let rows = match has_approvers(&held) {
        true => approvers::read(plugin, &[&held.change.sys_id])?,
        false => Vec::new(),
    };
    decide(plugin, &held, asked, &rows)
}

/// Whether anybody can have been asked. Before that there is nothing to read.
pub fn has_approvers(held: &Held) -> bool {
    let change = &held.change;
    change.kind != Kind::Standard && change.approval != Answer::NotRequested
}

/// The gate of a change request that was just read, with its approvers.
///
/// # Errors
/// Where the change of work that timed out cannot be given up.
pub fn decide(plugin: &Plugin, held: &Held, asked: &Asked, rows: &[Row]) -> Result<Gate, Failure> {
    let change = &held.change;
    let approved = rows.iter().filter(|row| row.approval.decision == Said::Approved);
    let approved_at = approved.filter_map(|row| row.approval.at).max().unwrap_or(0);
    let seal = Seal::of(change, &[], &change.origin, approved_at);
    let sealed = asked.last.and_then(sealed);
    let facts = Facts { change, approvers: rows, conflicts: &[], seal: &seal, sealed: sealed.as_ref() };
    let decision = judge(&facts, &Policy::of(plugin, asked.since), plugin.now());
    if let Decision::Stop { reason, is_timeout: true } = &decision {
        change::give_up(plugin, held.clone(), reason, asked.key)?;
    }
    let verdict = verdict(decision, &seal);
    audit(plugin, held, asked, &verdict);
    Ok(Gate {
        change: Some(held.ticket.clone()),
        verdict,
        approvals: rows.iter().map(|row| row.approval.clone()).collect(),
        window: window(change),
    })
}

/// The planned window. One that is open to a side reaches to the end of ServiceNow's time on it.
fn window(change: &Change) -> Option<Window> {
    let is_planned = change.start.is_some() || change.end.is_some();
    is_planned.then(|| Window { start: change.start.unwrap_or(0), end: change.end.unwrap_or(END_OF_TIME) })
}

/// The gate when ServiceNow cannot be asked and the time to answer is over: the policy decides. None before that.
pub fn unreachable(plugin: &Plugin, change: Option<&Ticket>, asked: &Asked, failure: &Failure) -> Option<Gate> {
    let policy = Policy::of(plugin, asked.since);
    if !policy.is_expired(plugin.now()) {
        return None;
    }
    let why = match failure {
        Failure::Retry(later) => later.problem.summary.as_str(),
        Failure::Misconfigured(problem) | Failure::Refused(problem) | Failure::InvalidEvent(problem) => {
            problem.summary.as_str()
        }
    };
    let verdict = match policy.on_timeout {
        OnTimeout::Pause => Verdict::Pause(Pause {
            waiting_for: vec![format!("ServiceNow: {why}"), "the time to answer is over".into()],
            check_after: policy.check_after,
            expires_at: policy.expires_at,
        }),
        OnTimeout::Cancel => Verdict::Cancel(format!("ServiceNow gave no answer in time: {why}")),
        OnTimeout::Proceed => Verdict::Proceed(Clearance {
            reason: format!("ServiceNow gave no answer in time ({why}), and the settings let work proceed"),
            by_policy: true,
            seal: None,
        }),
    };
    let facts = [("because", why), ("state", "unknown")];
    plugin.audit(action(&verdict), asked.key, change, &facts);
    let last = asked.last;
    Some(Gate {
        change: change.cloned(),
        verdict,
        approvals: last.map(|gate| gate.approvals.clone()).unwrap_or_default(),
        window: last.and_then(|gate| gate.window.clone()),
    })
}

/// What was approved at the last look.
fn sealed(last: &Gate) -> Option<Seal> {
    match &last.verdict {
        Verdict::Proceed(clearance) => Seal::parse(clearance.seal.as_deref()?),
        Verdict::Pause(pause) => Seal::from_words(&pause.waiting_for),
        Verdict::Cancel(_) => None,
    }
}

fn verdict(decision: Decision, seal: &Seal) -> Verdict {
    match decision {
        Decision::Proceed { reason, by_policy } => {
            let seal = (!by_policy).then(|| seal.text());
            Verdict::Proceed(Clearance { reason, by_policy, seal })
        }
        Decision::Wait { reasons, expires_at, check_after } => {
            Verdict::Pause(Pause { waiting_for: reasons, check_after, expires_at })
        }
        Decision::Stop { reason, .. } => Verdict::Cancel(reason),
    }
}

fn action(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Proceed(clearance) if clearance.by_policy => "gate.proceed-by-policy",
        Verdict::Proceed(_) => "gate.proceed",
        Verdict::Pause(_) => "gate.pause",
        Verdict::Cancel(_) => "gate.cancel",
    }
}

/// The facts that the verdict rests on.
fn audit(plugin: &Plugin, held: &Held, asked: &Asked, verdict: &Verdict) {
    let change = &held.change;
    let because = match verdict {
        Verdict::Proceed(clearance) => clearance.reason.clone(),
        Verdict::Pause(pause) => pause.waiting_for.join("; "),
        Verdict::Cancel(why) => why.clone(),
    };
    let facts = [
        ("because", because.as_str()),
        ("type", change.kind.value()),
        ("state", change.state.label()),
        ("approval", change.approval.value()),
        ("on-hold", if change.is_on_hold { "true" } else { "false" }),
        ("changes", &change.changes),
    ];
    plugin.audit(action(verdict), asked.key, Some(&held.ticket), &facts);
}
