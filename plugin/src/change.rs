//! One change request as ServiceNow holds it, and what is done with it.
//!
//! A reply is parsed here, once: what is missing from it is an error, so that nothing later takes an absent field for an
//! empty one.

mod close;
mod controlled;
mod create;
mod foretold;
mod handed;
mod held;
mod items;
mod link;
mod note;
mod plan;
pub mod prepare;
mod result;
mod state;
mod step;
mod work;

pub use close::{Ending, NOT_APPROVED, deployment_line, finish, give_up, implement};
pub use controlled::is_controlled;
pub use create::{Made, create};
pub use handed::{handed_back, of_build};
pub use held::{Held, is_renamed, is_used_up};
pub use items::{Items, find as find_items};
pub use link::link;
pub use note::note;
pub use plan::{plan, plan_result};
pub use result::after_build;
pub use state::{Answer, Kind, State};
pub use step::{failing_conditions, submit};
pub use work::Work;

use crate::gate;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind as ErrorKind, List, Query, Record};
use itsm_contract::types::{Approval, Build, Failure, Ticket, Timestamp};

/// The table.
pub const TABLE: &str = "change_request";

/// What is read of a change request: what its gate rests on, and nothing else.
pub const FIELDS: &str = "sys_id,number,type,state,approval,on_hold,on_hold_reason,start_date,end_date,cmdb_ci,close_notes,\
                          correlation_id,correlation_display,approval_set,sys_created_on,sys_updated_on,sys_mod_count";

/// Those of [`FIELDS`] that may be left out of a reply without a gate resting on less.
const OPTIONAL: &[&str] = &["on_hold_reason", "close_notes", "correlation_display", "approval_set"];

/// A change request.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// ServiceNow's identity of it.
    pub sys_id: String,
    /// What people call it.
    pub number: String,
    /// Normal, standard, emergency, or an instance's own.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// What the approvers said, all in all.
    pub approval: Answer,
    /// When they said it. ServiceNow stamps it when `approval` becomes approved or rejected, and clears it otherwise (business
    /// rule "Stamp Approvals" of `task`): a comment of an approver does not move it.
    pub approved_at: Option<Timestamp>,
    /// Nothing may be done for the moment.
    pub is_on_hold: bool,
    /// Why it is on hold, in somebody's words.
    pub hold_reason: String,
    /// Planned start, in milliseconds since the epoch.
    pub start: Option<Timestamp>,
    /// Planned end.
    pub end: Option<Timestamp>,
    /// The configuration item that it is about, by `sys_id`; empty for none.
    pub item: String,
    /// What was written when it ended.
    pub close_notes: String,
    /// The key that it carries; ours only where it equals what we expect.
    pub correlation_id: String,
    /// What it says it comes from, with the digest of the artifact that approval was asked for.
    pub origin: String,
    /// When it was made, as ServiceNow writes it: it sorts as time does.
    pub created: String,
    /// When it was last changed.
    pub updated: Timestamp,
    /// How often it was changed.
    pub changes: String,
}

impl Change {
    /// Reads a change request from a reply.
    ///
    /// # Errors
    /// `AclDenied` where a field is missing: ServiceNow leaves out what the user may not read. `ReplyUnexpected` where one
    /// holds what it cannot hold.
    pub fn read(record: &Record) -> Result<Self, Error> {
        let request = format!("GET {TABLE}");
        if let Some(missing) = FIELDS.split(',').find(|field| !record.has(field) && !OPTIONAL.contains(field)) {
            return Err(Error::new(ErrorKind::AclDenied, request)
                .with_detail(format!("the reply has no `{missing}`: let the integration user read it")));
        }
        let wrong = |field: &str| {
            Error::new(ErrorKind::ReplyUnexpected, request.clone())
                .with_detail(format!("`{field}` holds `{}`", record.text(field)))
        };
        let time = |field: &str| match record.text(field).is_empty() {
            true => Ok(None),
            false => record.time(field).map(Some).ok_or_else(|| wrong(field)),
        };
        let text = |field: &str| record.text(field).into_owned();
        let filled = |field: &str| match text(field) {
            text if text.is_empty() => Err(wrong(field)),
            text => Ok(text),
        };
        let is_on_hold = match &*record.text("on_hold") {
            "true" => true,
            "false" => false,
            _ => return Err(wrong("on_hold")),
        };
        Ok(Self {
            sys_id: filled("sys_id")?,
            number: filled("number")?,
            kind: Kind::parse(&filled("type")?),
            state: State::parse(&filled("state")?),
            approval: Answer::parse(&filled("approval")?),
            approved_at: record.time("approval_set"),
            is_on_hold,
            hold_reason: text("on_hold_reason"),
            start: time("start_date")?,
            end: time("end_date")?,
            item: text("cmdb_ci"),
            close_notes: text("close_notes"),
            correlation_id: text("correlation_id"),
            origin: text("correlation_display"),
            created: filled("sys_created_on")?,
            updated: time("sys_updated_on")?.ok_or_else(|| wrong("sys_updated_on"))?,
            changes: filled("sys_mod_count")?,
        })
    }

    /// The digest of the artifact that approval was asked for, where it was known.
    pub fn artifact(&self) -> Option<&str> {
        self.origin.strip_prefix(create::ORIGIN)?.strip_prefix(' ')
    }

    /// Why we gave it up; none where somebody else cancelled it, or nobody did.
    pub fn withdrawn(&self) -> Option<&str> {
        (self.state == State::Canceled).then(|| self.close_notes.strip_prefix(close::WITHDRAWN)).flatten()
    }

    /// Reads the change request with this `sys_id`.
    ///
    /// # Errors
    /// `NotFound` too where the user may not read it.
    pub fn get(plugin: &Plugin, sys_id: &str) -> Result<Self, Error> {
        Self::read(&plugin.client().get(TABLE, sys_id, FIELDS)?)
    }
}

/// Every approver's answer to the change request of this build that a host hands back, oldest first; or why they cannot be
/// told.
///
/// # Errors
/// Where ServiceNow cannot be asked, or the record is another one than `ticket` says.
pub fn approvers(plugin: &Plugin, ticket: &Ticket, build: &Build) -> Result<Result<Vec<Approval>, Error>, Failure> {
    let rows = if is_renamed(ticket) {
        let held = Held::read(plugin, ticket)?.of_build(plugin, build)?;
        gate::approvers::read(plugin, &held.change.sys_id)
    } else {
        let query = Query::new().equals("sys_id", &ticket.id);
        let change = List { table: TABLE, query, fields: FIELDS, limit: 2, is_displayed: false };
        let mut found = plugin.client().lists(&[change, gate::approvers::of(&[&ticket.id])])?.into_iter();
        let changes = found.next().unwrap_or_else(|| Ok(Vec::new()))?;
        let change = changes
            .iter()
            .find(|change| change.text("sys_id") == ticket.id)
            .ok_or_else(|| held::not_found(&ticket.number))?;
        Held::believe(plugin, Change::read(change)?, ticket)?.of_build(plugin, build)?;
        found.next().unwrap_or_else(|| Ok(Vec::new())).map(|rows| gate::approvers::rows(&rows, &ticket.id))
    };
    Ok(rows.map(|rows| rows.into_iter().map(|row| row.approval).collect()))
}
