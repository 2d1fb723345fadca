//! The states of a change request and the steps between them, by type (*Change state model*).

use crate::servicenow::engine::Engine;
use crate::servicenow::engine::record::Record;

/// New.
pub const NEW: &str = "-5";
/// Assess.
pub const ASSESS: &str = "-4";
/// Authorize.
pub const AUTHORIZE: &str = "-3";
/// Scheduled.
pub const SCHEDULED: &str = "-2";
/// Implement.
pub const IMPLEMENT: &str = "-1";
/// Review.
pub const REVIEW: &str = "0";
/// Closed.
pub const CLOSED: &str = "3";
/// Canceled.
pub const CANCELED: &str = "4";

/// What a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Somebody has to be responsible.
    AssignmentGroup,
    /// It is not on hold.
    NotOnHold,
    /// Its tasks are closed or cancelled.
    NoActiveTasks,
    /// Its approvals are given.
    Approved,
    /// It says when it is planned.
    PlannedDates,
}

impl Condition {
    /// Name and `sys_id`, as `nextstates` tells them.
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Condition::AssignmentGroup => ("Assignment group is not empty", "9f52deb6c303101035ae3f52c1d3ae61"),
            Condition::NotOnHold => ("Not On hold", "2132deb6c303101035ae3f52c1d3ae8c"),
            Condition::NoActiveTasks => ("No active Change Tasks", "3c1d2ccdc343101035ae3f52c1d3aea4"),
            Condition::Approved => ("Approved", "5d62deb6c303101035ae3f52c1d3ae0b"),
            Condition::PlannedDates => ("Planned dates are not empty", "b172deb6c303101035ae3f52c1d3ae3e"),
        }
    }

    /// Whether it holds.
    pub fn holds(self, engine: &Engine, change: &Record) -> bool {
        match self {
            Condition::AssignmentGroup => !change.lacks("assignment_group"),
            Condition::NotOnHold => !change.is("on_hold"),
            Condition::NoActiveTasks => !has_active_tasks(engine, change),
            Condition::Approved => change.get("approval") == "approved",
            Condition::PlannedDates => {
                !engine.properties.planned_dates_required || (!change.lacks("start_date") && !change.lacks("end_date"))
            }
        }
    }
}

/// Whether a change has tasks that are neither closed nor cancelled.
pub fn has_active_tasks(engine: &Engine, change: &Record) -> bool {
    engine.having("change_task", "change_request", change.sys_id()).iter().any(|task| task.is("active"))
}

/// A step from one state to another.
#[derive(Debug, Clone, Copy)]
pub struct Transition {
    /// Its `sys_id`.
    pub sys_id: &'static str,
    /// The state before.
    pub from: &'static str,
    /// The state after.
    pub to: &'static str,
    /// The instance takes it by itself once its conditions hold.
    pub automatic: bool,
    /// What has to hold.
    pub conditions: &'static [Condition],
}

const fn step(
    sys_id: &'static str,
    from: &'static str,
    to: &'static str,
    automatic: bool,
    conditions: &'static [Condition],
) -> Transition {
    Transition { sys_id, from, to, automatic, conditions }
}

use Condition::{Approved, AssignmentGroup, NoActiveTasks, NotOnHold, PlannedDates};

const FROM_SCHEDULED: &[Transition] = &[
    step("0d2f1481c343101035ae3f52c1d3ae41", SCHEDULED, IMPLEMENT, false, &[NotOnHold]),
    step("1b2f1481c343101035ae3f52c1d3ae4c", SCHEDULED, CANCELED, false, &[]),
    step("7a0d2ccdc343101035ae3f52c1d3ae2e", IMPLEMENT, REVIEW, true, &[NoActiveTasks]),
    step("db401481c343101035ae3f52c1d3aedd", IMPLEMENT, REVIEW, false, &[NotOnHold]),
    step("e6b29c81c343101035ae3f52c1d3ae11", IMPLEMENT, CANCELED, false, &[]),
    step("f1c2d481c343101035ae3f52c1d3ae77", REVIEW, CLOSED, false, &[NotOnHold, NoActiveTasks]),
];
const NORMAL: &[Transition] = &[
    step("a0a2d481c343101035ae3f52c1d3ae01", NEW, ASSESS, false, &[AssignmentGroup, NotOnHold]),
    step("a0a2d481c343101035ae3f52c1d3ae02", NEW, CANCELED, false, &[]),
    step("a0a2d481c343101035ae3f52c1d3ae03", ASSESS, AUTHORIZE, true, &[Approved, NotOnHold]),
    step("a0a2d481c343101035ae3f52c1d3ae04", ASSESS, NEW, false, &[NotOnHold]),
    step("a0a2d481c343101035ae3f52c1d3ae05", ASSESS, CANCELED, false, &[]),
    step("a0a2d481c343101035ae3f52c1d3ae06", AUTHORIZE, SCHEDULED, true, &[Approved, NotOnHold, PlannedDates]),
    step("a0a2d481c343101035ae3f52c1d3ae07", AUTHORIZE, NEW, false, &[NotOnHold]),
    step("a0a2d481c343101035ae3f52c1d3ae08", AUTHORIZE, CANCELED, false, &[]),
];
const EMERGENCY: &[Transition] = &[
    step("b0a2d481c343101035ae3f52c1d3ae01", NEW, AUTHORIZE, false, &[AssignmentGroup, NotOnHold]),
    step("b0a2d481c343101035ae3f52c1d3ae02", NEW, CANCELED, false, &[]),
    step("b0a2d481c343101035ae3f52c1d3ae03", AUTHORIZE, SCHEDULED, true, &[Approved, NotOnHold, PlannedDates]),
    step("b0a2d481c343101035ae3f52c1d3ae04", AUTHORIZE, NEW, false, &[NotOnHold]),
    step("b0a2d481c343101035ae3f52c1d3ae05", AUTHORIZE, CANCELED, false, &[]),
];
const STANDARD: &[Transition] = &[
    step("c0a2d481c343101035ae3f52c1d3ae01", NEW, SCHEDULED, false, &[AssignmentGroup, NotOnHold, PlannedDates]),
    step("c0a2d481c343101035ae3f52c1d3ae02", NEW, CANCELED, false, &[]),
];

/// The steps of a type of change. Review and Closed cannot be cancelled.
pub fn transitions(kind: &str) -> impl Iterator<Item = &'static Transition> {
    let first = match kind {
        "standard" => STANDARD,
        "emergency" => EMERGENCY,
        _ => NORMAL,
    };
    first.iter().chain(FROM_SCHEDULED)
}

/// The steps from a change's state to another.
pub fn steps(kind: &str, from: &str, to: &str) -> Vec<&'static Transition> {
    transitions(kind).filter(|step| step.from == from && step.to == to).collect()
}

/// Whether a change may take a step at present.
pub fn is_open(engine: &Engine, change: &Record, step: &Transition) -> bool {
    let held = change.is("on_hold") && step.to != CANCELED;
    !held && step.conditions.iter().all(|condition| condition.holds(engine, change))
}
