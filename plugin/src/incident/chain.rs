//! The incidents of one thing, the oldest first failure to the newest. Each but the first follows one that was closed.
//!
//! Their identities follow from the tenant, the thing and the incident before, so that two first failures at once meet
//! in one record. Every `correlation_id` begins with the thing's own, so one search finds them all.

use super::marker::{Marker, Word};
use crate::identity::{Identity, Purpose};
use crate::servicenow::{Client, Error, Kind, Query, Record};
use itsm_contract::types::Timestamp;

/// Incidents of one thing that are looked at, the newest: a redelivery of an event older than the tenth incident before
/// the open one is not known again.
const LIMIT: usize = 10;

/// What is read of an incident.
pub const FIELDS: &str = "sys_id,number,state,active,correlation_id,sys_created_on,work_notes,rfc,caused_by";

/// ServiceNow's states of an incident, as far as they differ for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Somebody works on it, or will.
    Open,
    /// Put right, and may be reopened.
    Resolved,
    /// Closed or cancelled: never touched again.
    Closed,
}

/// `incident.state`: In Progress.
pub const IN_PROGRESS: &str = "2";
/// `incident.state`: Resolved.
pub const RESOLVED: &str = "6";
/// `incident.state`: Closed.
const CLOSED: &str = "7";
/// `incident.state`: Canceled.
pub const CANCELED: &str = "8";

/// One incident of ours.
#[derive(Clone, Debug, PartialEq)]
pub struct Incident {
    /// The record's own id: ours, unless the instance gives ids of its own.
    pub sys_id: String,
    /// Such as `INC0010001`.
    pub number: String,
    /// Its `correlation_id`.
    pub correlation_id: String,
    /// How far its life has come.
    pub state: State,
    /// The change request that puts it right; empty for none.
    pub rfc: String,
    /// The change request that caused it; empty for none.
    pub caused_by: String,
    /// Which of two with one identity came first.
    created: (String, String),
    /// The identity at the end of its `correlation_id`.
    identity: String,
    journal: String,
}

impl Incident {
    fn new(record: &Record, identity: &str) -> Self {
        let state = record.text("state");
        let state = match &*state {
            CLOSED | CANCELED => State::Closed,
            RESOLVED => State::Resolved,
            _ if record.text("active") == "false" => State::Closed,
            _ => State::Open,
        };
        Self {
            sys_id: record.text("sys_id").into_owned(),
            number: record.text("number").into_owned(),
            correlation_id: record.text("correlation_id").into_owned(),
            state,
            rfc: record.text("rfc").into_owned(),
            caused_by: record.text("caused_by").into_owned(),
            created: (record.text("sys_created_on").into_owned(), record.text("sys_id").into_owned()),
            identity: identity.to_owned(),
            journal: record.display("work_notes").into_owned(),
        }
    }

    /// Whether a note about this event is on it.
    pub fn knows(&self, marker: &Marker) -> bool {
        marker.is_in(&self.journal)
    }

    /// When the thing last did this, by this incident's notes.
    pub fn last(&self, word: Word) -> Option<Timestamp> {
        Marker::last(word, &self.journal)
    }
}

/// What counts as one thing in one tenant.
pub struct Chain {
    root: String,
    first: Identity,
}

/// The incidents that a search found.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// One for each identity, in no order.
    pub incidents: Vec<Incident>,
    /// The end of the chain.
    pub current: Option<Incident>,
    /// Not closed, and second to another with the same identity: the instance gave them ids of its own.
    pub doubles: Vec<Incident>,
}

impl Chain {
    /// The chain of this thing.
    pub fn new(tenant: &str, thing: &str) -> Self {
        let root = Identity::derive(tenant, Purpose::Incident, thing).sys_id;
        let first = link(&root, root.clone());
        Self { root, first }
    }

    /// The identity of the incident that follows this one; of the first where there is none.
    pub fn after(&self, incident: Option<&Incident>) -> Identity {
        match incident {
            None => self.first.clone(),
            Some(incident) => self.following(&incident.identity),
        }
    }

    fn following(&self, identity: &str) -> Identity {
        link(&self.root, Identity::derive(&self.root, Purpose::Incident, identity).sys_id)
    }

    /// Reads the newest incidents of this thing.
    ///
    /// # Errors
    /// `ReplyUnexpected` where a record that is none of this thing's comes: the instance did not understand the search.
    pub fn read(&self, client: Client) -> Result<Found, Error> {
        let prefix = prefix(&self.root);
        let query = Query::new().term("correlation_id", "STARTSWITH", &prefix).ordered_down_by("sys_created_on");
        let records = client.list_displayed("incident", &query, FIELDS, LIMIT)?;
        let mut found: Vec<Incident> = Vec::new();
        let mut doubles = Vec::new();
        for record in records {
            let correlation_id = record.text("correlation_id");
            let Some(identity) = correlation_id.strip_prefix(&prefix).filter(|id| crate::plugin::is_sys_id(id)) else {
                return Err(Error::new(Kind::ReplyUnexpected, "GET incident")
                    .with_detail("the search by correlation_id found an incident of somebody else's"));
            };
            let mut incident = Incident::new(&record, identity);
            if let Some(other) = found.iter_mut().find(|other| other.identity == incident.identity) {
                if incident.created < other.created {
                    std::mem::swap(other, &mut incident);
                }
                doubles.push(incident);
            } else {
                found.push(incident);
            }
        }
        doubles.retain(|double| double.state != State::Closed);
        let ends = |incident: &&Incident| {
            let next = self.following(&incident.identity).sys_id;
            !found.iter().any(|other| other.identity == next)
        };
        let current = found.iter().find(ends).cloned();
        Ok(Found { incidents: found, current, doubles })
    }
}

fn prefix(root: &str) -> String {
    format!("openfactory/incident/{root}/")
}

fn link(root: &str, sys_id: String) -> Identity {
    Identity { correlation_id: format!("{}{sys_id}", prefix(root)), sys_id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_incident_of_a_thing_has_its_own_identity_and_a_correlation_that_fits() {
        let chain = Chain::new("acme", "rhel-9/build/prod");
        let first = chain.after(None);
        let second = chain.following(&first.sys_id);
        let third = chain.following(&second.sys_id);
        assert_ne!(first, second);
        assert_ne!(second, third);
        assert_eq!(first, Chain::new("acme", "rhel-9/build/prod").after(None));
        assert_ne!(first, Chain::new("other", "rhel-9/build/prod").after(None));
        assert!(third.correlation_id.len() <= 100);
        assert!(third.correlation_id.starts_with(&prefix(&chain.root)));
    }
}
