//! What the instance does by itself once a change moves: asks for approvals, adds them up, steps on, makes and cancels
//! tasks. On an instance these flows run after the reply was sent; a client that believes the reply has missed them.

use super::approvals::{self, Rollup};
use super::model::{self, ASSESS, AUTHORIZE, CANCELED, IMPLEMENT, NEW, REVIEW, SCHEDULED, has_active_tasks, is_open};
use super::rules;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;

/// Something that happened to a change and that has consequences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// It came into a state.
    Entered {
        /// The change.
        change: String,
        /// The state before.
        from: String,
        /// The state now.
        state: String,
    },
    /// Somebody approved or rejected.
    Answered {
        /// The change.
        change: String,
        /// The row of `sysapproval_approver`.
        approval: String,
        /// Who answered.
        by: String,
    },
    /// It was put on hold or released.
    Held {
        /// The change.
        change: String,
        /// Whether it is on hold now.
        held: bool,
    },
    /// One of its tasks was closed.
    TaskClosed {
        /// The change.
        change: String,
    },
}

/// Flows that wake one another more often than this are a mistake of ours; an instance stops such a loop too.
const MOST_STEPS: usize = 1000;

impl Engine {
    /// Lets the flows do what there is to do.
    pub fn run_flows(&mut self) {
        for _ in 0..MOST_STEPS {
            let Some(flow) = self.flows.pop_front() else { return };
            // A flow that fails on an instance is logged there, and the change stays where it is.
            if let Err(refusal) = run(self, flow) {
                tracing::warn!(%refusal, "a flow of the simulated instance failed");
            }
        }
    }
}

fn run(engine: &mut Engine, flow: Flow) -> Result<(), Refusal> {
    match flow {
        Flow::Entered { change, from, state } => entered(engine, &change, &from, &state),
        Flow::Answered { change, approval, by } => answered(engine, &change, &approval, &by),
        Flow::Held { change: sys_id, held } => match held {
            true => approvals::close_open_rows(engine, &sys_id, "not_required"),
            // Nobody is asked about a change that is cancelled, which ends its hold too.
            false if change(engine, &sys_id).is_some_and(|change| is_asking(change.get("state"))) => {
                approvals::ask_again(engine, &sys_id)?;
                step_on(engine, &sys_id)
            }
            false => Ok(()),
        },
        Flow::TaskClosed { change } => task_closed(engine, &change),
    }
}

fn change(engine: &Engine, sys_id: &str) -> Option<Record> {
    engine.get("change_request", sys_id).cloned()
}

/// Whether somebody is asked for approval in this state.
fn is_asking(state: &str) -> bool {
    matches!(state, ASSESS | AUTHORIZE)
}

fn entered(engine: &mut Engine, sys_id: &str, from: &str, state: &str) -> Result<(), Refusal> {
    let Some(record) = change(engine, sys_id).filter(|record| record.get("state") == state) else { return Ok(()) };
    match state {
        ASSESS | AUTHORIZE => ask(engine, record),
        NEW => {
            approvals::close_open_rows(engine, sys_id, "cancelled")?;
            // A rejection stays to be seen; a change that somebody took back starts afresh.
            if record.get("approval") != "rejected" {
                let afresh = rules::answer(engine, record, "not requested");
                engine.alter(&Caller::system(), afresh, Vec::new())?;
            }
            Ok(())
        }
        IMPLEMENT if from == SCHEDULED => {
            for (description, kind) in [("Implement", "implementation"), ("Post implementation testing", "testing")] {
                let values = [
                    ("change_request", sys_id),
                    ("parent", sys_id),
                    ("short_description", description),
                    ("change_task_type", kind),
                    ("created_from", "workflow"),
                    ("assignment_group", record.get("assignment_group")),
                ];
                engine.create(&Caller::system(), "change_task", &values)?;
            }
            Ok(())
        }
        REVIEW => cancel_tasks(engine, sys_id, true),
        CANCELED => {
            approvals::close_open_rows(engine, sys_id, "cancelled")?;
            cancel_tasks(engine, sys_id, false)
        }
        _ => Ok(()),
    }
}

/// Asks for the approvals of a state; where nobody has to be asked, the state counts as approved.
fn ask(engine: &mut Engine, record: Record) -> Result<(), Refusal> {
    let system = Caller::system();
    let asked = approvals::request(engine, &record)?;
    let approval = if asked { "requested" } else { "approved" };
    engine.alter(&system, rules::answer(engine, record.clone(), approval), Vec::new())?;
    if asked { Ok(()) } else { step_on(engine, record.sys_id()) }
}

/// Takes the automatic step after an approval.
fn step_on(engine: &mut Engine, sys_id: &str) -> Result<(), Refusal> {
    let Some(mut record) = change(engine, sys_id) else { return Ok(()) };
    let next = model::transitions(record.get("type"))
        .find(|step| step.automatic && step.from == record.get("state") && is_open(engine, &record, step));
    let Some(step) = next else { return Ok(()) };
    let system = Caller::system();
    rules::enter(engine, &system, &mut record, step.to);
    engine.alter(&system, record, Vec::new())
}

fn answered(engine: &mut Engine, sys_id: &str, approval: &str, by: &str) -> Result<(), Refusal> {
    let Some(record) = change(engine, sys_id) else { return Ok(()) };
    if !is_asking(record.get("state")) {
        return Ok(());
    }
    let said = approvals::comment(engine, approval);
    let group = engine
        .get("sysapproval_approver", approval)
        .and_then(|row| engine.get("sysapproval_group", row.get("group")))
        .map(|group| format!("Group approval for {} ", group.get("short_description")))
        .unwrap_or_default();
    let verdict = engine.get("sysapproval_approver", approval).map_or("", |row| row.get("state")).to_owned();
    let mut line = format!("{group}{verdict} by user {by}");
    if !said.is_empty() {
        line.push_str(&format!("\nComment: {said}"));
    }
    let entry = approvals::history(line);
    let system = Caller::system();
    approvals::settle_groups(engine, sys_id)?;
    match approvals::rollup(engine, sys_id) {
        Rollup::Rejected => {
            approvals::close_open_rows(engine, sys_id, "not_required")?;
            let mut back = rules::answer(engine, record, "rejected");
            rules::enter(engine, &system, &mut back, NEW);
            engine.alter(&system, back, entry)
        }
        Rollup::Approved => {
            let approved = rules::answer(engine, record, "approved");
            engine.alter(&system, approved, entry)?;
            step_on(engine, sys_id)
        }
        Rollup::Requested | Rollup::NotRequested => engine.alter(&system, record, entry),
    }
}

/// Cancels the open tasks of a change; those that people made stay where only the flow's own are meant.
fn cancel_tasks(engine: &mut Engine, sys_id: &str, only_own: bool) -> Result<(), Refusal> {
    let tasks: Vec<Record> = engine
        .having("change_task", "change_request", sys_id)
        .into_iter()
        .filter(|task| task.is("active") && (!only_own || task.get("created_from") == "workflow"))
        .cloned()
        .collect();
    for task in tasks {
        let cancelled = task.with("state", CANCELED).with("active", "false").with("on_hold", "false");
        engine.alter(&Caller::system(), cancelled, Vec::new())?;
    }
    Ok(())
}

/// With its last task closed, a model-driven change in Implement goes to Review by itself.
fn task_closed(engine: &mut Engine, sys_id: &str) -> Result<(), Refusal> {
    let Some(record) = change(engine, sys_id) else { return Ok(()) };
    let modelled = engine.properties.change_models && !record.lacks("chg_model");
    if record.get("state") == IMPLEMENT && modelled && !record.is("on_hold") && !has_active_tasks(engine, &record) {
        return step_on(engine, sys_id);
    }
    Ok(())
}
