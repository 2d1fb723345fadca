//! Where the outbox is kept. A store is small on purpose: it applies changes, all or nothing, and reads them back. When
//! [`commit`](Store::commit) returns, a power cut changes nothing any more.

mod sqlite;
#[cfg(test)]
mod tests;

pub use sqlite::SqliteStore;

use itsm_contract::types::Timestamp;

/// How far an event has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It waits for its turn, or to be tried again.
    Queued,
    /// It is with the plugin; or was, when the host stopped.
    InFlight,
    /// It was delivered, and its gate says wait.
    Waiting,
    /// It was delivered, and its answer is final.
    Done,
    /// It is not tried again unless somebody asks.
    GivenUp,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::InFlight, Self::Waiting, Self::Done, Self::GivenUp];

    /// As people and the store call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InFlight => "in-flight",
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::GivenUp => "given-up",
        }
    }

    /// Whether nothing more happens by itself.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::GivenUp)
    }

    fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// An event's place in the store: the order in which events came. There may be gaps.
pub type Id = i64;

/// All that is known of an event but the event itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place.
    pub id: Id,
    /// Its delivery key.
    pub key: String,
    /// Events of one lane keep their order.
    pub lane: String,
    /// The hook that it is for.
    pub hook: String,
    /// When it occurred.
    pub occurred_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Timestamp,
    /// How far it has come.
    pub progress: Progress,
    /// Where its answer is sent once it is settled.
    pub callback: Option<String>,
    /// Bytes of the event as JSON.
    pub bytes: u64,
}

/// The part of a record that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// How far it has come.
    pub state: State,
    /// How often the plugin was asked.
    pub attempts: u32,
    /// How many of these count against the bound: not those that failed because ServiceNow was away.
    pub strikes: u32,
    /// Not tried again before.
    pub due: Timestamp,
    /// When the plugin was last asked.
    pub asked_at: Option<Timestamp>,
    /// When this was written.
    pub changed_at: Timestamp,
    /// When it was last given up.
    pub given_up_at: Option<Timestamp>,
    /// The last answer, in the contract's JSON.
    pub answer: Option<String>,
    /// The gate at which it waited when it was given up, in the contract's JSON: tried again, it is judged by that.
    pub gate: Option<String>,
}

/// A new event.
#[derive(Clone, Debug, PartialEq)]
pub struct New {
    /// Its delivery key: no other event has it.
    pub key: String,
    /// See [`Record::lane`].
    pub lane: String,
    /// See [`Record::hook`].
    pub hook: &'static str,
    /// When it occurred.
    pub occurred_at: Timestamp,
    /// Now.
    pub accepted_at: Timestamp,
    /// The event in the contract's JSON.
    pub event: String,
    /// See [`Record::callback`].
    pub callback: Option<String>,
}

/// What has been read of the waiting gates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The plugin's own.
    pub cursor: String,
    /// When the look began that brought it.
    pub began_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Adds an event, unless its key is known.
    Insert(New),
    /// Counts an attempt, which begins now.
    Start {
        /// Which event.
        id: Id,
        /// Now.
        at: Timestamp,
    },
    /// Writes how far an event has come.
    Put(Id, Progress),
    /// Writes what has been read of the waiting gates.
    Cursor(Cursor),
    /// Writes when a settled event's callback is tried next; none when it has been told or never will be.
    Tell(Id, Option<Timestamp>),
    /// Forgets settled events, the oldest first.
    Prune {
        /// Settled before this.
        before: Timestamp,
        /// How many at once.
        at_most: u32,
    },
}

/// What a change did.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The event is new.
    Inserted(Record),
    /// Its key is known: this is the first event with it.
    Known(Record),
    /// The event, in the contract's JSON, with what is known of it now.
    Started(Record, String),
    /// It was done, to so many records.
    Applied(usize),
}

/// A settled event that somebody waits to be told of.
#[derive(Clone, Debug, PartialEq)]
pub struct Untold {
    /// What to tell.
    pub record: Record,
    /// How often it was tried.
    pub tries: u32,
}

/// A store.
pub trait Store: Send + 'static {
    /// Applies every change or none of them. What it did is durable when this returns: not even a power cut undoes it.
    ///
    /// # Errors
    /// Nothing has changed then.
    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Effect>, StoreError>;

    /// The event with this key.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn find(&mut self, key: &str) -> Result<Option<Record>, StoreError>;

    /// The event in this place, in the contract's JSON, with what is known of it.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn event(&mut self, id: Id) -> Result<Option<(Record, String)>, StoreError>;

    /// What is not settled, in the order in which it came.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn unsettled(&mut self) -> Result<Vec<Record>, StoreError>;

    /// Events in this state with an id above `after`, the oldest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn list(&mut self, state: State, after: Id, at_most: u32) -> Result<Vec<Record>, StoreError>;

    /// Settled events whose callback is due, the longest due first; and when the next one is.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn untold(&mut self, now: Timestamp, at_most: u32) -> Result<(Vec<Untold>, Option<Timestamp>), StoreError>;

    /// What has been read of the waiting gates.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn cursor(&mut self) -> Result<Option<Cursor>, StoreError>;
}

/// Why the outbox cannot be written or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has it open.
    #[error("the outbox {0} is in use by another process: stop that one, or give this one an outbox of its own")]
    InUse(String),
    /// It is no outbox, or a newer version wrote it.
    #[error("{file} is no outbox that this version can read: {why}")]
    Foreign {
        /// The file.
        file: String,
        /// What is there instead.
        why: String,
    },
    /// It holds what is another instance's.
    #[error("the outbox is that of {theirs}, and the instance is {ours}: give each instance an outbox of its own")]
    OtherInstance {
        /// Whose it is.
        theirs: String,
        /// Whose it was to be.
        ours: String,
    },
    /// The disk is full.
    #[error("there is no room left for the outbox: free some on its disk")]
    Full,
    /// Anything else.
    #[error("the outbox cannot be written or read: {0}")]
    Failed(String),
}
