//! The gate while ServiceNow cannot be asked. Until the time to answer is over the event is delivered again; after it the
//! policy decides, as far as what the last look saw leaves anything to decide.

use super::open::{Asked, action};
use super::policy::Policy;
use super::seal::Seal;
use crate::change::prepare;
use crate::plugin::Plugin;
use crate::settings::OnTimeout;
use itsm_contract::types::{Clearance, Failure, Gate, Pause, Ticket, Timestamp, Verdict};

/// The gate of work whose change request, if there is one, cannot be read. None where it is to be asked for again: before the
/// time to answer is over, and where the last look found an approval for later, or a rejection that waits, of which no policy
/// decides.
pub fn unreachable(plugin: &Plugin, change: Option<&Ticket>, asked: &Asked, failure: &Failure) -> Option<Gate> {
    let policy = Policy::of(plugin, asked.since);
    if !policy.is_expired(plugin.now()) {
        return None;
    }
    // The gate of another change says nothing of this one.
    let id = |ticket: Option<&Ticket>| ticket.map(|ticket| ticket.id.clone());
    let last = asked.last.filter(|last| id(last.change.as_ref()) == id(change));
    match last.map(|last| &last.verdict) {
        _ if !policy.gates => {}
        Some(Verdict::Cancel(_)) => return last.cloned(),
        Some(Verdict::Pause(pause)) if pause.expires_at.is_none() => return None,
        _ => {}
    }
    let why = failure.problem().summary.clone();
    let seal = last.and_then(Seal::carried_by);
    let verdict = match policy.on_timeout {
        _ if !policy.gates => Verdict::Proceed(Clearance {
            reason: "approval gates are switched off".into(),
            by_policy: true,
            seal: asked.build.map(|build| Seal::unseen(plugin.build_mark(build)).text()),
        }),
        OnTimeout::Cancel => Verdict::Cancel(format!("ServiceNow gave no answer in time: {why}")),
        OnTimeout::Proceed if last.is_none_or(|last| nobody_said_wait(last, &policy, plugin.now())) => {
            let seal = seal.or_else(|| Some(Seal::unseen(plugin.build_mark(asked.build?))));
            Verdict::Proceed(Clearance {
                reason: format!("ServiceNow gave no answer in time ({why}), and the settings let work proceed"),
                by_policy: true,
                seal: seal.map(|seal| seal.text()),
            })
        }
        OnTimeout::Proceed | OnTimeout::Pause => Verdict::Pause(Pause {
            waiting_for: [format!("ServiceNow: {why}"), "the time to answer is over".into()]
                .into_iter()
                .chain(last.map(kept).unwrap_or_default())
                .collect(),
            check_after: policy.check_after,
            expires_at: policy.expires_at,
        }),
    };
    let facts = [("because", why.as_str()), ("state", "unknown")];
    plugin.audit(action(&verdict), asked.key, change, &facts);
    Some(Gate {
        change: change.cloned(),
        verdict,
        approvals: last.map(|gate| gate.approvals.clone()).unwrap_or_default(),
        window: last.and_then(|gate| gate.window.clone()),
    })
}

/// Whether the last look found nothing but silence, or an approval, and the window is open.
fn nobody_said_wait(last: &Gate, policy: &Policy, now: Timestamp) -> bool {
    let is_open = |start: Timestamp, end: Timestamp| start <= now && now < end;
    let is_in_window = last.window.as_ref().is_none_or(|window| is_open(window.start, window.end));
    (is_in_window || !policy.window) && Seal::carried_by(last).is_some_and(|seal| !seal.is_held())
}

/// Of the words of the last gate those that a later look goes on from: its seal, and the workers that it waits for.
fn kept(last: &Gate) -> Vec<String> {
    let workers = match &last.verdict {
        Verdict::Pause(pause) => {
            pause.waiting_for.iter().filter(|words| prepare::names_worker(words)).cloned().collect()
        }
        _ => Vec::new(),
    };
    workers.into_iter().chain(Seal::carried_by(last).map(|seal| seal.words())).collect()
}
