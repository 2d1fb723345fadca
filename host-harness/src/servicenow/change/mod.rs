//! Change management: the states and who moves them, approvals and how they roll up, tasks, conflicts, schedules and
//! the work that takes a while.

pub mod approvals;
pub mod conflict;
pub mod flow;
pub mod model;
pub mod rules;
pub mod schedule;
pub mod template;
pub mod typed;
pub mod worker;
