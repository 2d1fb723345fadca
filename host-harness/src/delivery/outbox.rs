//! The outbox as its owner holds it: events in, answers out.

use super::builder::Builder;
use super::clock::millis;
use super::core::{Command, Core, turn};
use super::courier;
use super::event::{self, EventError};
use super::hooks::Hooks;
use super::metrics::Depth;
use super::pacing::Pace;
use super::status::Status;
use super::store::{Change, Effect, Id, Progress, Record, State, Store, StoreError};
use itsm_contract::answers::Event;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running outbox.
pub struct Outbox {
    pub(super) core: Arc<Core>,
    pub(super) dispatcher: JoinHandle<()>,
    /// True once the dispatcher has ended.
    pub(super) ended: watch::Receiver<bool>,
    pub(super) helpers: Vec<JoinHandle<()>>,
}

/// Why an event is not accepted. Nothing is stored then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// It lacks what the outbox relies on.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Its key is another event's, whose answer is not this one's.
    #[error("the key `{key}` is that of another event, which differs in `{field}`")]
    KeyTaken {
        /// The key.
        key: String,
        /// The first field that differs.
        field: String,
    },
    /// One of its times cannot be written.
    #[error("the event cannot be stored: {0}")]
    Unwritable(String),
    /// So much waits already.
    #[error("the outbox is full: {0}; send the event again later")]
    Full(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of an event that was handed in.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// It is stored.
    New(Status),
    /// Its key is known: this is the first event with it.
    Known(Status),
}

impl Accepted {
    /// The event's status.
    pub fn status(&self) -> &Status {
        let (Self::New(status) | Self::Known(status)) = self;
        status
    }
}

/// Why a given-up event is not tried again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// No event has this key.
    #[error("no event has the key `{0}`")]
    Unknown(String),
    /// It was not given up.
    #[error("`{key}` is {state}: only an event that was given up is tried again by hand")]
    NotGivenUp {
        /// Its key.
        key: String,
        /// Where it is.
        state: &'static str,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Outbox {
    /// Begins with where it is kept and what it calls.
    pub fn builder(store: impl Store, hooks: Arc<dyn Hooks>) -> Builder {
        Builder::new(Box::new(store), hooks)
    }

    /// Stores an event, and tries it when its turn comes. When this returns, the event survives whatever happens to the
    /// host.
    ///
    /// # Errors
    /// See [`AcceptError`].
    pub async fn accept(&self, mut event: Event, callback: Option<String>) -> Result<Accepted, AcceptError> {
        event::check(&event)?;
        let delivery = event::delivery_mut(&mut event);
        // The outbox's own.
        delivery.attempt = 1;
        delivery.given_up_at = None;
        let now = self.core.clock.now();
        let unwritable = |error: serde_json::Error| AcceptError::Unwritable(error.to_string());
        let new = courier::new(&event, callback, now).map_err(unwritable)?;
        let (hook, bytes) = (new.hook, u64::try_from(new.event.len()).unwrap_or(u64::MAX));
        if let Err(full) = self.room(bytes) {
            // A repeat needs no room.
            if let Some(known) = self.core.journal.read(move |store| store.find(&new.key)).await? {
                return self.known(&event, known).await;
            }
            self.core.metrics.turned_away("full");
            return Err(AcceptError::Full(full));
        }
        match self.core.journal.commit(vec![Change::Insert(new)]).await.map(|effects| effects.into_iter().next()) {
            Ok(Some(Effect::Inserted(record))) => {
                self.core.metrics.accepted(hook);
                tracing::info!(key = record.key, hook, "accepted");
                let _ = self.core.commands.send(Command::Try(turn(&record, now)));
                Ok(Accepted::New(Status::of(&record)))
            }
            Ok(Some(Effect::Known(record))) => {
                self.core.room.leave(bytes);
                self.known(&event, record).await
            }
            Ok(_) => {
                self.core.room.leave(bytes);
                Err(StoreError::Failed("the store did not say what became of the event".into()).into())
            }
            Err(error) => {
                self.core.room.leave(bytes);
                self.core.metrics.turned_away("store");
                Err(error.into())
            }
        }
    }

    /// What is answered to an event whose key is known: where it is the first event with it, what that one is.
    async fn known(&self, event: &Event, record: Record) -> Result<Accepted, AcceptError> {
        let id = record.id;
        let stored = self.core.journal.read(move |store| store.event(id)).await?;
        // What another version wrote and this one cannot read any more is taken for the same.
        let first: Option<Event> = stored.and_then(|(_, json)| serde_json::from_str(&json).ok());
        if let Some(field) = first.and_then(|first| event::difference(&first, event)) {
            self.core.metrics.turned_away("key-taken");
            return Err(AcceptError::KeyTaken { key: record.key, field });
        }
        self.core.metrics.repeated();
        Ok(Accepted::Known(Status::of(&record)))
    }

    fn room(&self, bytes: u64) -> Result<(), &'static str> {
        if self.core.depth().gates >= self.core.limits.gates {
            return Err("too many gates wait");
        }
        if self.core.room.enter(bytes, &self.core.limits) { Ok(()) } else { Err("too many events wait") }
    }

    /// An event's status; none where no event has this key.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn status(&self, key: &str) -> Result<Option<Status>, StoreError> {
        let key = key.to_owned();
        Ok(self.core.journal.read(move |store| store.find(&key)).await?.as_ref().map(Status::of))
    }

    /// An event's status once it is settled, or when so much time is over.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn wait(&self, key: &str, longest: Duration) -> Result<Option<Status>, StoreError> {
        let until = self.core.clock.now().saturating_add(millis(longest));
        loop {
            let bell = self.core.bells.of(key);
            let mut rung = std::pin::pin!(bell.notified());
            rung.as_mut().enable();
            let status = self.status(key).await;
            let is_over = self.core.clock.now() >= until;
            match status {
                Ok(Some(status)) if !status.is_settled() && !is_over => {
                    tokio::select! {
                        () = rung => {}
                        () = self.core.clock.sleep_until(until) => {}
                        () = self.core.leaving() => return Ok(Some(status)),
                    }
                    self.core.bells.leave(key, bell.clone());
                }
                status => {
                    self.core.bells.leave(key, bell.clone());
                    return status;
                }
            }
        }
    }

    /// Events in a state, the oldest first, from behind this one on; and where the next page begins.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn list(&self, state: State, after: Id, at_most: u32) -> Result<(Vec<Status>, Option<Id>), StoreError> {
        let records = self.core.journal.read(move |store| store.list(state, after, at_most)).await?;
        let is_full = u32::try_from(records.len()).is_ok_and(|length| length == at_most);
        let next = records.last().filter(|_| is_full).map(|record| record.id);
        Ok((records.iter().map(Status::of).collect(), next))
    }

    /// Tries an event again that was given up: the administrator has put right what stood in its way.
    ///
    /// # Errors
    /// See [`RetryError`].
    pub async fn retry(&self, key: &str) -> Result<Status, RetryError> {
        let wanted = key.to_owned();
        let found = self.core.journal.read(move |store| store.find(&wanted)).await?;
        let mut record: Record = found.ok_or_else(|| RetryError::Unknown(key.to_owned()))?;
        if record.progress.state != State::GivenUp {
            return Err(RetryError::NotGivenUp { key: key.to_owned(), state: record.progress.state.name() });
        }
        let now = self.core.clock.now();
        let progress =
            Progress { state: State::Queued, strikes: 0, due: now, changed_at: now, ..record.progress.clone() };
        self.core.journal.commit(vec![Change::Put(record.id, progress.clone())]).await?;
        record.progress = progress;
        self.core.room.enter_anyway(record.bytes);
        tracing::info!(key, "tried again by hand");
        let _ = self.core.commands.send(Command::Try(turn(&record, now)));
        Ok(Status::of(&record))
    }

    /// What it holds.
    pub fn depth(&self) -> Depth {
        self.core.depth()
    }

    /// How fast ServiceNow is asked.
    pub fn pace(&self) -> Pace {
        self.core.pacing.pace()
    }

    /// What keeps events from being accepted or delivered, in words; none where nothing of this host's does. What a disk
    /// or a log refused last is taken to be so until it takes something again.
    pub fn trouble(&self) -> Option<String> {
        let store = self.core.journal.trouble().map(|error| error.to_string());
        let ended =
            || self.dispatcher.is_finished().then(|| "nothing is delivered any more: start the host again".into());
        store.or_else(ended).or_else(|| self.core.hooks.trouble())
    }

    /// Its metrics, in Prometheus' text form.
    pub fn metrics(&self) -> String {
        self.core.metrics.text(self.depth(), self.pace(), self.core.clock.now())
    }

    /// Starts nothing more; lets what is under way end within `grace`, and gives the rest back. Whoever waits gets the
    /// status as it is.
    pub async fn stop(&self, grace: Duration) {
        let _ = self.core.commands.send(Command::Stop);
        let mut ended = self.ended.clone();
        // It fails where the dispatcher has ended already.
        let ended = async move { ended.wait_for(|ended| *ended).await.is_ok() };
        let mut ended = std::pin::pin!(ended);
        if tokio::time::timeout(grace, &mut ended).await.is_err() {
            self.core.leave.send_replace(true);
            let _ = ended.await;
        }
        self.core.leave.send_replace(true);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.dispatcher.abort();
        self.helpers.iter().for_each(JoinHandle::abort);
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbox").field("depth", &self.depth()).field("pace", &self.pace()).finish_non_exhaustive()
    }
}
