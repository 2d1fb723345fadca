//! A change request that this work holds: proved to be the one that was asked for.

use super::{Change, FIELDS, State, TABLE, Work, close, handed_back, link};
use crate::identity::Identity;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind, Query};
use itsm_contract::types::{Failure, Ticket};

/// Change requests with one key that are looked at: two hosts at once make two; more would need as many hosts at the same
/// second.
const RIVALS_LIMIT: usize = 20;

/// Keys in one search: longer lists make addresses that front ends refuse.
const KEYS_LIMIT: usize = 50;

/// How the record that counts is found by its key: [`Held::search`], or [`Held::peek`] for what may only be read.
pub(super) type Search = fn(&Plugin, &str) -> Result<Option<Held>, Error>;

/// A change request, and the ticket that stands for it.
///
/// One that we made is believed by its `sys_id` and our key, a linked one by its `sys_id` and number.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// As it was last read.
    pub change: Change,
    /// As the contract calls it. It has a key where the record is ours.
    pub ticket: Ticket,
}

impl Held {
    /// A record that carries our key.
    ///
    /// # Errors
    /// `ReplyUnexpected` where it carries another one.
    pub fn ours(plugin: &Plugin, change: Change, correlation_id: &str) -> Result<Self, Error> {
        if change.correlation_id != correlation_id {
            return Err(another("it does not carry our correlation_id"));
        }
        let ticket = plugin.ticket(TABLE, &change.sys_id, &change.number, Some(correlation_id));
        Ok(Self { change, ticket })
    }

    /// A record that was linked by its number.
    pub fn linked(plugin: &Plugin, change: Change) -> Self {
        let ticket = plugin.ticket(TABLE, &change.sys_id, &change.number, None);
        Self { change, ticket }
    }

    /// Whether the record is ours to withdraw.
    pub fn is_ours(&self) -> bool {
        self.ticket.key.is_some()
    }

    /// The record that `ticket` stands for, out of a reply.
    ///
    /// # Errors
    /// `ReplyUnexpected` where it is another one.
    pub fn believe(plugin: &Plugin, change: Change, ticket: &Ticket) -> Result<Self, Error> {
        if change.sys_id != ticket.id {
            return Err(another("it has another sys_id"));
        }
        match &ticket.key {
            Some(key) => Self::ours(plugin, change, key),
            None if change.number == ticket.number => Ok(Self::linked(plugin, change)),
            None => Err(another("it has another number")),
        }
    }

    /// Reads the record that `ticket` stands for. Where the instance gave our record a `sys_id` of its own, all that
    /// carry the key are read, and the one that counts is returned.
    ///
    /// # Errors
    /// `NotFound` too where the user may not read it; `ReplyUnexpected` where it is another one.
    pub fn read(plugin: &Plugin, ticket: &Ticket) -> Result<Self, Error> {
        Self::read_by(plugin, ticket, Self::search)
    }

    pub(super) fn read_by(plugin: &Plugin, ticket: &Ticket, search: Search) -> Result<Self, Error> {
        match ticket.key.as_deref().filter(|_| is_renamed(ticket)) {
            Some(key) => search(plugin, key)?.ok_or_else(|| not_found(&ticket.number)),
            None => Self::believe(plugin, Change::get(plugin, &ticket.id)?, ticket),
        }
    }

    /// The record that carries this key; of several the oldest, by (`sys_created_on`, `sys_id`), the others being
    /// cancelled with a note. None where there is none.
    ///
    /// # Errors
    /// `ReplyUnexpected` where records come that do not carry the key: the instance did not understand the search.
    pub fn search(plugin: &Plugin, correlation_id: &str) -> Result<Option<Self>, Error> {
        Ok(Self::search_all(plugin, &[correlation_id])?.pop())
    }

    /// As [`search`](Self::search), and cancels nothing.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn peek(plugin: &Plugin, correlation_id: &str) -> Result<Option<Self>, Error> {
        let found = contenders(plugin, &[correlation_id])?;
        found.first().map(|found| Self::ours(plugin, found.winner.clone(), correlation_id)).transpose()
    }

    /// As [`search`](Self::search), for many keys: the records that count, of those keys that have any.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub fn search_all(plugin: &Plugin, keys: &[&str]) -> Result<Vec<Self>, Error> {
        let mut winners = Vec::new();
        for keys in keys.chunks(KEYS_LIMIT) {
            for Contenders { winner, losers } in contenders(plugin, keys)? {
                for loser in losers.iter().filter(|loser| loser.state != State::Canceled) {
                    cancel_double(plugin, loser, &winner)?;
                }
                let key = winner.correlation_id.clone();
                winners.push(Self::ours(plugin, winner, &key)?);
            }
        }
        Ok(winners)
    }

    /// The change request of work that may have asked for one earlier: as linked, as in the gate handed back, or as this
    /// deployment would have made it. None where there is none.
    ///
    /// # Errors
    /// Where ServiceNow cannot be asked, or what is handed back is not the record that it says.
    pub fn locate(plugin: &Plugin, work: Work) -> Result<Option<Self>, Failure> {
        Self::locate_by(plugin, work, Self::search)
    }

    pub(super) fn locate_by(plugin: &Plugin, work: Work, search: Search) -> Result<Option<Self>, Failure> {
        if let Some(number) = work.number() {
            return link::find(plugin, number)?.of(plugin, work).map(Some);
        }
        let Some(ticket) = handed_back(plugin, work)? else { return Self::own(plugin, work, search) };
        let handed = Self::read_by(plugin, ticket, search)?.of(plugin, work)?;
        // It ended with another deployment: this one may have asked for its own since.
        match is_used_up(plugin, work, &handed) {
            true => Ok(Some(Self::own(plugin, work, search)?.unwrap_or(handed))),
            false => Ok(Some(handed)),
        }
    }

    /// The change request that this work would have made; none where it made none.
    pub(super) fn own(plugin: &Plugin, work: Work, search: Search) -> Result<Option<Self>, Failure> {
        let identity = work.identity(plugin);
        match Change::get(plugin, &identity.sys_id) {
            Ok(change) => Ok(Some(Self::ours(plugin, change, &identity.correlation_id)?)),
            Err(Error { kind: Kind::NotFound, .. }) => Ok(search(plugin, &identity.correlation_id)?),
            Err(error) => Err(error.into()),
        }
    }
}

/// The records that carry one key: the one that counts, and the others.
struct Contenders {
    winner: Change,
    losers: Vec<Change>,
}

/// Of those of these keys that have any, no more than [`KEYS_LIMIT`].
fn contenders(plugin: &Plugin, keys: &[&str]) -> Result<Vec<Contenders>, Error> {
    let query = Query::new().one_of("correlation_id", keys.iter().copied());
    let query = query.ordered_by("sys_created_on").ordered_by("sys_id");
    let found = plugin.client().list(TABLE, &query, FIELDS, RIVALS_LIMIT * keys.len())?;
    let changes = found.iter().map(Change::read).collect::<Result<Vec<_>, _>>()?;
    if changes.iter().any(|change| !keys.contains(&&*change.correlation_id)) {
        return Err(another("the search by correlation_id found something else"));
    }
    let of_key = |key: &&str| {
        let rivals = || changes.iter().filter(|change| change.correlation_id == *key);
        let winner = rivals().min_by_key(|change| (&change.created, &change.sys_id))?.clone();
        let losers = rivals().filter(|loser| loser.sys_id != winner.sys_id).cloned().collect();
        Some(Contenders { winner, losers })
    };
    Ok(keys.iter().filter_map(of_key).collect())
}

/// Whether a build's change request has ended with another deployment of the build: this one needs its own. One that was
/// cancelled or rejected ends them all.
pub fn is_used_up(plugin: &Plugin, work: Work, held: &Held) -> bool {
    let Work::Deployment(event) = work else { return false };
    let own = work.identity(plugin).correlation_id;
    let is_own = held.ticket.key.as_deref() == Some(&own);
    let is_over = matches!(held.change.state, State::Review | State::Closed);
    is_over && !is_own && !held.change.close_notes.contains(&close::deployment_line(&event.deployment_id))
}

/// Whether the instance gave this record of ours a `sys_id` of its own.
pub fn is_renamed(ticket: &Ticket) -> bool {
    ticket.key.as_deref().is_some_and(|key| !Identity::names(key, &ticket.id))
}

/// Two hosts made a record each. This one lost; nothing rests on it.
fn cancel_double(plugin: &Plugin, loser: &Change, winner: &Change) -> Result<(), Error> {
    let note =
        format!("A double of {}, made by another delivery of the same event. Nothing rests on it.", winner.number);
    let mut values = serde_json::Map::new();
    values.insert("state".into(), State::Canceled.value().into());
    values.insert("work_notes".into(), note.into());
    plugin.client().update(TABLE, &loser.sys_id, values, "state")?;
    let ticket = plugin.ticket(TABLE, &loser.sys_id, &loser.number, Some(&loser.correlation_id));
    plugin.audit("change.double-cancelled", &loser.correlation_id, Some(&ticket), &[("kept", &winner.number)]);
    Ok(())
}

fn another(why: &str) -> Error {
    Error::new(Kind::ReplyUnexpected, format!("GET {TABLE}")).with_detail(why)
}

pub(super) fn not_found(number: &str) -> Error {
    Error::new(Kind::NotFound, format!("GET {TABLE}")).with_detail(format!("{number} is gone"))
}
