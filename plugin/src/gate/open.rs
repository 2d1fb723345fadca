//! A gate from its facts to the host's answer.

use super::away::unreachable;
use super::beside::{Beside, may_proceed};
use super::judge::{Decision, Facts, judge};
use super::policy::Policy;
use super::seal::{Affected, Comparison, Seal};
use crate::change::{self, Answer, Change, Held, Kind, Made, State, Work, prepare};
use crate::identity::Identity;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind as ErrorKind, Record};
use crate::settings::OnTimeout;
use crate::transport::Method;
use itsm_contract::types::{Build, Clearance, Failure, Gate, Pause, Ticket, Timestamp, Verdict, Window};

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
    /// The build that the work is about, where it is known.
    pub build: Option<&'a Build>,
    /// The digest of its artifact, where that is known.
    pub artifact: Option<&'a str>,
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
    let build = work.build();
    let asked = Asked {
        key: &delivery.key,
        since: delivery.occurred_at,
        last: work.gate(),
        build: Some(build),
        artifact: build.image.digest.as_deref(),
    };
    let known = change::handed_back(plugin, work)?;
    match judged(plugin, work, known, &asked) {
        // One request that is lost is made good by the next delivery; the policy is for an instance that is away.
        Err(Failure::Retry(later)) if delivery.attempt > 1 => {
            let failure = Failure::Retry(later);
            // What is named by its number is the gate's, where that has the number too.
            let named = || work.gate()?.change.as_ref().filter(|ticket| work.number() == Some(&ticket.number));
            unreachable(plugin, known.or_else(named), &asked, &failure).ok_or(failure)
        }
        answer => answer,
    }
}

fn judged(plugin: &Plugin, work: Work, handed: Option<&Ticket>, asked: &Asked) -> Result<Gate, Failure> {
    let known = |held| Made { held, items: None, is_new: false };
    let made = match (work.number(), handed) {
        (Some(number), _) => known(change::link(plugin, work, number)?),
        (None, Some(ticket)) => match Held::read(plugin, ticket)?.of(plugin, work)? {
            held if change::is_used_up(plugin, work, &held) => change::create(plugin, work)?,
            held => known(held),
        },
        (None, None) => change::create(plugin, work)?,
    };
    let Made { mut held, items, is_new } = made;
    let mut preparing = Vec::new();
    // What a linked one affects, and when, is for those who made it to say.
    if is_fresh(&held.change) && held.is_ours() {
        let items = match items {
            Some(items) => items,
            None => change::find_items(plugin, plugin.client(), work)?,
        };
        (held, preparing) = prepare::prepare(plugin, work, held, &items, is_new)?;
    }
    go_on(plugin, held, asked, &preparing)
}

/// Whether nobody was asked for approval yet.
pub(crate) fn is_fresh(change: &Change) -> bool {
    change.state == State::New && change.approval == Answer::NotRequested && !change.is_on_hold
}

/// Asks for approval of a change that has all it needs, if nobody has been asked yet and there is time, and judges its gate. `preparing` is
/// what it does not have yet.
///
/// # Errors
/// Where ServiceNow cannot be asked, or does not let the change leave New.
pub fn go_on(plugin: &Plugin, held: Held, asked: &Asked, preparing: &[String]) -> Result<Gate, Failure> {
    let mut held = held;
    let policy = Policy::of(plugin, asked.since);
    // Nobody is bothered about work that is given up in the same breath.
    let is_too_late = policy.is_expired(plugin.now()) && policy.on_timeout == OnTimeout::Cancel;
    if is_fresh(&held.change) && preparing.is_empty() && plugin.settings().change.submit && !is_too_late {
        prepare::look_for_conflicts(plugin, &held)?;
        held = change::submit(plugin, held, asked.key)?;
    }
    let beside = Beside::read(plugin, std::iter::once(&held.change))?;
    decide(plugin, &held, asked, &beside, preparing)
}

/// The gate of a change request that was just read.
///
/// # Errors
/// Where ServiceNow cannot be asked for conflicts, or the change of work that timed out cannot be given up.
pub fn decide(
    plugin: &Plugin,
    held: &Held,
    asked: &Asked,
    beside: &Beside,
    preparing: &[String],
) -> Result<Gate, Failure> {
    let change = &held.change;
    let rows = beside.approvers(&change.sys_id);
    let items = beside.items(&change.sys_id);
    let exchanged = change.artifact().zip(asked.artifact).filter(|(was, is)| was != is);
    let artifact = asked.artifact.or(change.artifact()).filter(|_| exchanged.is_none());
    let carried = asked.last.and_then(Seal::carried_by);
    let build = asked.build.map(|build| plugin.build_mark(build));
    let build = build.or_else(|| carried.as_ref().map(|carried| carried.build().to_owned()));
    let build = build.or_else(|| Identity::build(&change.correlation_id).map(str::to_owned)).unwrap_or_default();
    let now = Seal::of(change, build, items, artifact);
    let last = carried.filter(|_| asked.last.is_some_and(|last| is_of(last, change)));
    // Nobody can approve a standard change anew, and one that is not approved now waits for that anyhow.
    let is_judged = may_proceed(change) && change.kind != Kind::Standard;
    let compared = last.as_ref().filter(|_| is_judged).and_then(|last| last.compare(&now, change, items));
    let Comparison { edited, unseen } = compared.unwrap_or_default();
    if !unseen.is_empty() {
        plugin.audit("gate.edit-approved", asked.key, Some(&held.ticket), &[("edited", &unseen.join(", "))]);
    }
    let policy = Policy::of(plugin, asked.since);
    let facts = Facts {
        change,
        approvers: rows,
        conflicts: &conflicts(plugin, change, items.unwrap_or_default(), &policy)?,
        preparing,
        conditions: &conditions(plugin, change),
        edited: edited.as_deref(),
        exchanged,
    };
    let mut decision = judge(&facts, &policy, plugin.now());
    if let Decision::Stop { reason, is_timeout: true } = &mut decision {
        give_up(plugin, held, reason, asked.key)?;
    }
    let seal = match last {
        Some(last) if edited.is_some() => last,
        Some(last) => last.next(now, change),
        None => now,
    };
    let verdict = verdict(decision, seal);
    audit(plugin, held, asked, &verdict);
    Ok(Gate {
        change: Some(held.ticket.clone()),
        verdict,
        approvals: rows.iter().map(|row| row.approval.clone()).collect(),
        window: window(change),
    })
}

/// Scheduling conflicts of a change that would proceed otherwise, in words. They are judged by themselves: the status says
/// `Conflict` even where there is none.
fn conflicts(plugin: &Plugin, change: &Change, items: &[Affected], policy: &Policy) -> Result<Vec<String>, Error> {
    let has_items = !change.item.is_empty() || !items.is_empty();
    let is_planned = change.start.is_some() && change.end.is_some() && has_items;
    if !policy.gates || !policy.conflicts || !is_planned || !may_proceed(change) {
        return Ok(Vec::new());
    }
    let label = "GET change conflict";
    let target = format!("/api/sn_chg_rest/change/{}/conflict", change.sys_id);
    let reply = plugin.client().call(Method::Get, target, None, label)?;
    let found = reply.get("conflicts").and_then(serde_json::Value::as_array);
    let found = found.ok_or_else(|| Error::new(ErrorKind::ReplyUnexpected, label))?;
    Ok(found
        .iter()
        .map(|conflict| {
            let conflict = Record::new(conflict.clone()).unwrap_or_default();
            let item = conflict.display("configuration_item");
            let of = if item.is_empty() { String::new() } else { format!(" ({item})") };
            format!("{}{of}", conflict.display("type"))
        })
        .collect())
}

/// The failing conditions of a change that is approved and has not moved on. Nothing rests on them: they explain.
fn conditions(plugin: &Plugin, change: &Change) -> Vec<String> {
    let is_stuck = change.approval == Answer::Approved && change.kind != Kind::Standard && !change.is_on_hold;
    let next = match change.state {
        State::Assess => State::Authorize,
        State::Authorize => State::Scheduled,
        _ => return Vec::new(),
    };
    match is_stuck {
        true => change::failing_conditions(plugin, change, &next).unwrap_or_default(),
        false => Vec::new(),
    }
}

/// The planned window. One that is open to a side reaches to the end of ServiceNow's time on it.
fn window(change: &Change) -> Option<Window> {
    let is_planned = change.start.is_some() || change.end.is_some();
    is_planned.then(|| Window { start: change.start.unwrap_or(0), end: change.end.unwrap_or(END_OF_TIME) })
}

/// Gives up the change of work that waited too long. One that ServiceNow does not let go stays, and the reason says so.
fn give_up(plugin: &Plugin, held: &Held, reason: &mut String, key: &str) -> Result<(), Failure> {
    match change::give_up(plugin, held.clone(), reason, key) {
        Ok(_) => Ok(()),
        Err(Failure::Retry(later)) => Err(Failure::Retry(later)),
        Err(failure) => {
            let why = &failure.problem().summary;
            plugin.audit("change.not-cancelled", key, Some(&held.ticket), &[("because", why)]);
            reason.push_str(&format!("; cancel it in ServiceNow: {why}"));
            Ok(())
        }
    }
}

/// Whether a gate was of this change. Where an instance gives our records ids of its own, another of them may count by now.
fn is_of(last: &Gate, change: &Change) -> bool {
    let ticket = last.change.as_ref();
    ticket.is_some_and(|ticket| ticket.id == change.sys_id || ticket.key.as_ref() == Some(&change.correlation_id))
}

fn verdict(decision: Decision, seal: Seal) -> Verdict {
    match decision {
        Decision::Proceed { reason, by_policy } => {
            Verdict::Proceed(Clearance { reason, by_policy, seal: Some(seal.held(false).text()) })
        }
        Decision::Wait { mut reasons, expires_at, check_after, is_held } => {
            reasons.push(seal.held(is_held).words());
            Verdict::Pause(Pause { waiting_for: reasons, check_after, expires_at })
        }
        Decision::Stop { reason, is_timeout } => {
            // In words of other people's it would be one that they made up.
            let reason = reason.replace("(seal ", "(");
            // Asked again by this gate, an edit since its approval still shows.
            match seal.is_approved() && is_timeout {
                true => Verdict::Cancel(format!("{reason}\n{}", seal.held(true).words())),
                false => Verdict::Cancel(reason),
            }
        }
    }
}

pub(super) fn action(verdict: &Verdict) -> &'static str {
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
