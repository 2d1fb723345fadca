//! Approvals: who has to approve a change in which state, what their answers add up to, and what follows.
//!
//! A row of `sysapproval_approver` for each approver, in a `sysapproval_group` where a group was asked. Rejection sends
//! the change back to New.

use super::flow::Flow;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::{Api, Entry, Options, Values};

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Approvers {
    /// The members of the group of this name.
    Group(String),
    /// The members of the change's own assignment group.
    AssignmentGroup,
    /// These users, by user name.
    Users(Vec<String>),
}

/// How many have to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// The first answer decides; the other rows become `not_required`.
    FirstResponse,
    /// Everybody has to approve.
    AllResponses,
    /// At least this share has to approve, in percent.
    Percentage(u8),
}

/// A change approval policy: in which state of which types who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalPolicy {
    /// Its name, as `approval_history` tells it.
    pub name: String,
    /// The types of change it holds for.
    pub types: Vec<String>,
    /// The state that asks: `-4` Assess or `-3` Authorize.
    pub state: &'static str,
    /// Who is asked.
    pub approvers: Approvers,
    /// How many have to answer.
    pub wait_for: WaitFor,
    /// The changes it holds for, as an encoded query; empty for all.
    pub condition: String,
}

/// What a round of approvals adds up to (*Approval status*).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollup {
    /// Nobody was asked.
    NotRequested,
    /// Somebody has still to answer.
    Requested,
    /// Enough have approved.
    Approved,
    /// Somebody has rejected.
    Rejected,
}

/// The rows of a change's present round of approvals.
fn round(engine: &Engine, change: &str) -> Vec<Record> {
    let rows = engine.having("sysapproval_approver", "sysapproval", change);
    let Some(last) = rows.last().map(|row| row.get("wf_activity").to_owned()) else { return Vec::new() };
    rows.into_iter().filter(|row| row.get("wf_activity") == last).cloned().collect()
}

/// Whether the answers of one group, or of those asked without a group, are enough.
fn satisfied(rows: &[&Record], wait_for: &str) -> bool {
    let approved = rows.iter().filter(|row| row.get("state") == "approved").count();
    let asked = rows.iter().filter(|row| matches!(row.get("state"), "approved" | "requested" | "rejected")).count();
    match wait_for {
        "first" => approved > 0,
        share => match share.strip_suffix('%').and_then(|share| share.parse::<usize>().ok()) {
            Some(share) => asked > 0 && approved * 100 >= share * asked,
            None => asked > 0 && approved == asked,
        },
    }
}

/// The groups of a round with their rows; those asked without a group are one more.
fn groups(rows: &[Record]) -> Vec<(String, Vec<&Record>)> {
    let mut groups: Vec<(String, Vec<&Record>)> = Vec::new();
    for row in rows {
        let group = row.get("group");
        match groups.iter_mut().find(|(known, _)| known == group) {
            Some((_, members)) => members.push(row),
            None => groups.push((group.to_owned(), vec![row])),
        }
    }
    groups
}

/// What the answers of a change's present round add up to.
pub fn rollup(engine: &Engine, change: &str) -> Rollup {
    let rows = round(engine, change);
    if rows.iter().any(|row| row.get("state") == "rejected") {
        return Rollup::Rejected;
    }
    if rows.iter().all(|row| row.get("state") == "not requested") {
        return Rollup::NotRequested;
    }
    let all = groups(&rows).iter().all(|(group, rows)| {
        let wait_for = engine.get("sysapproval_group", group).map_or("all", |group| group.get("wait_for"));
        satisfied(rows, wait_for)
    });
    if all { Rollup::Approved } else { Rollup::Requested }
}

/// Asks everybody whom the policies name for a change in its present state. Tells whether anybody was asked.
pub(super) fn request(engine: &mut Engine, change: &Record) -> Result<bool, Refusal> {
    let system = Caller::system();
    let wf_activity = engine.fresh_sys_id();
    let policies: Vec<ApprovalPolicy> = engine
        .policies
        .iter()
        .filter(|policy| {
            policy.state == change.get("state")
                && policy.types.iter().any(|kind| kind == change.get("type"))
                && (policy.condition.is_empty()
                    || engine
                        .find("change_request", &format!("sys_id={}^{}", change.sys_id(), policy.condition))
                        .iter()
                        .any(|found| found.sys_id() == change.sys_id()))
        })
        .cloned()
        .collect();
    let mut asked = false;
    for policy in policies {
        let (group, users) = match &policy.approvers {
            Approvers::Group(name) => {
                let group =
                    engine.having("sys_user_group", "name", name).first().map(|group| group.sys_id().to_owned());
                let users = group.as_deref().map(|group| engine.members_of(group)).unwrap_or_default();
                (group, users)
            }
            Approvers::AssignmentGroup => {
                let group = change.get("assignment_group").to_owned();
                let users = engine.members_of(&group);
                (Some(group), users)
            }
            Approvers::Users(names) => {
                let users = names.iter().filter_map(|name| engine.user(name)).map(|user| user.sys_id().to_owned());
                (None, users.collect())
            }
        };
        let wait_for = match policy.wait_for {
            WaitFor::FirstResponse => "first".to_owned(),
            WaitFor::AllResponses => "all".to_owned(),
            WaitFor::Percentage(share) => format!("{share}%"),
        };
        let group_row = match group.filter(|_| !users.is_empty()) {
            Some(group) => {
                let values = [
                    ("parent", change.sys_id()),
                    ("assignment_group", group.as_str()),
                    ("approval", "requested"),
                    ("short_description", policy.name.as_str()),
                    ("wait_for", wait_for.as_str()),
                ];
                engine.create(&system, "sysapproval_group", &values)?.sys_id().to_owned()
            }
            None => String::new(),
        };
        for user in users {
            let values = [
                ("sysapproval", change.sys_id()),
                ("document_id", change.sys_id()),
                ("source_table", "change_request"),
                ("approver", user.as_str()),
                ("state", "requested"),
                ("group", group_row.as_str()),
                ("wf_activity", wf_activity.as_str()),
            ];
            engine.create(&system, "sysapproval_approver", &values)?;
            asked = true;
        }
    }
    Ok(asked)
}

/// Sets every row of a change that still waits to another state.
pub(super) fn close_open_rows(engine: &mut Engine, change: &str, state: &str) -> Result<(), Refusal> {
    let rows: Vec<Record> = engine
        .having("sysapproval_approver", "sysapproval", change)
        .into_iter()
        .filter(|row| matches!(row.get("state"), "requested" | "not requested"))
        .cloned()
        .collect();
    for row in rows {
        engine.alter(&Caller::system(), row.with("state", state), Vec::new())?;
    }
    Ok(())
}

/// Asks again those who were no longer asked while the change was on hold.
pub(super) fn ask_again(engine: &mut Engine, change: &str) -> Result<(), Refusal> {
    let open: Vec<String> = groups(&round(engine, change))
        .into_iter()
        .filter(|(_, rows)| !rows.iter().any(|row| matches!(row.get("state"), "approved" | "rejected")))
        .flat_map(|(_, rows)| rows.into_iter().map(|row| row.sys_id().to_owned()))
        .collect();
    for row in open {
        if let Some(row) = engine.get("sysapproval_approver", &row).cloned() {
            engine.alter(&Caller::system(), row.with("state", "requested"), Vec::new())?;
        }
    }
    Ok(())
}

/// Closes what a decided group leaves open, and marks the group.
pub(super) fn settle_groups(engine: &mut Engine, change: &str) -> Result<(), Refusal> {
    let rows = round(engine, change);
    let system = Caller::system();
    for (group, members) in groups(&rows) {
        let Some(row) = engine.get("sysapproval_group", &group).cloned() else { continue };
        let rejected = members.iter().any(|member| member.get("state") == "rejected");
        if !rejected && !satisfied(&members, row.get("wait_for")) {
            continue;
        }
        for member in members.into_iter().filter(|member| member.get("state") == "requested").cloned() {
            engine.alter(&system, member.with("state", "not_required"), Vec::new())?;
        }
        let verdict = if rejected { "rejected" } else { "approved" };
        if row.get("approval") != verdict {
            engine.alter(&system, row.with("approval", verdict), Vec::new())?;
        }
    }
    Ok(())
}

/// The rules that run before an approval is kept: an answer counts only where one was asked for, and it is all that an
/// approver may write.
pub(crate) fn before(
    caller: &Caller,
    before: Option<&Record>,
    record: &mut Record,
    values: &Values,
) -> Result<(), Refusal> {
    let Some(before) = before.filter(|_| !caller.system) else { return Ok(()) };
    for (element, _) in values.iter().filter(|(element, _)| element != "state" && element != "comments") {
        if element != "sys_id" {
            record.set(element, before.get(element));
        }
    }
    let answered = matches!(record.get("state"), "approved" | "rejected" | "more_info");
    if !answered || before.get("state") != "requested" {
        record.set("state", before.get("state"));
    }
    Ok(())
}

/// The rules that run after an approval was kept: the change hears of it.
pub(crate) fn after(engine: &mut Engine, caller: &Caller, before: Option<&Record>, record: &Record) {
    let answered = matches!(record.get("state"), "approved" | "rejected");
    if before.is_some_and(|before| before.get("state") != record.get("state")) && answered && !caller.system {
        engine.flows.push_back(Flow::Answered {
            change: record.get("sysapproval").to_owned(),
            approval: record.sys_id().to_owned(),
            by: caller.name.clone(),
        });
    }
}

/// Answers for a change as the caller, who has to have an approval pending (or to be the delegate of one who has).
pub fn answer(engine: &mut Engine, caller: &Caller, change: &str, state: &str, comments: &str) -> Result<(), Refusal> {
    let pending = round(engine, change)
        .into_iter()
        .filter(|row| row.get("state") == "requested")
        .find(|row| row.get("approver") == caller.sys_id || engine.is_delegate(row.get("approver"), &caller.sys_id));
    let Some(row) = pending.filter(|_| caller.has(&["approver_user"])) else {
        return Err(Refusal::invalid(engine.properties.no_pending_approval_message.clone()));
    };
    let mut values = vec![("state".to_owned(), state.to_owned())];
    if !comments.is_empty() {
        values.push(("comments".to_owned(), comments.to_owned()));
    }
    engine.update(caller, "sysapproval_approver", row.sys_id(), &values, Options::through(Api::Change))?;
    Ok(())
}

/// What was last said on an approval.
pub(super) fn comment(engine: &Engine, approval: &str) -> String {
    engine
        .having("sys_journal_field", "element_id", approval)
        .last()
        .map(|entry| entry.get("value").to_owned())
        .unwrap_or_default()
}

/// An entry for `approval_history`.
pub(super) fn history(text: impl Into<String>) -> Vec<Entry> {
    vec![Entry { element: "approval_history".into(), text: text.into() }]
}
