//! Opens an outbox: reads what is stored, and starts the tasks that deliver it.

use super::clock::{Clock, SystemClock, millis};
use super::core::Core;
use super::dispatcher::{self, Dispatcher};
use super::hooks::Hooks;
use super::journal::Journal;
use super::limits::Limits;
use super::metrics::Metrics;
use super::outbox::Outbox;
use super::pacing::Pacing;
use super::store::{Change, Effect, State, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc, watch};

/// How often settled events that have been kept long enough are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// Events forgotten in one commit: it must not hold up the others.
const PRUNE_AT_ONCE: u32 = 500;

/// Makes an [`Outbox`].
pub struct Builder {
    store: Box<dyn Store>,
    hooks: Arc<dyn Hooks>,
    limits: Limits,
    clock: Arc<dyn Clock>,
    pacing: Option<Arc<Pacing>>,
    callbacks: Option<reqwest::Client>,
}

impl Builder {
    pub(super) fn new(store: Box<dyn Store>, hooks: Arc<dyn Hooks>) -> Self {
        let (limits, clock) = (Limits::default(), Arc::new(SystemClock));
        Self { store, hooks, limits, clock, pacing: None, callbacks: None }
    }

    /// How hard it tries.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The time.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The pace that sees the replies.
    pub fn pacing(mut self, pacing: Arc<Pacing>) -> Self {
        self.pacing = Some(pacing);
        self
    }

    /// What callbacks are told with; without it nobody is.
    pub fn callbacks(mut self, client: reqwest::Client) -> Self {
        self.callbacks = Some(client);
        self
    }

    /// Opens the outbox: what was in flight when the host stopped is delivered again, and the waiting gates are looked
    /// at.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn start(self) -> Result<Outbox, StoreError> {
        let Self { store, hooks, limits, clock, pacing, callbacks } = self;
        let journal = Journal::start(store)?;
        let unsettled = journal.read(|store| store.unsettled()).await?;
        let cursor = journal.read(|store| store.cursor()).await?;
        let (commands, obeyed) = mpsc::unbounded_channel();
        let core = Arc::new(Core {
            journal,
            hooks,
            pacing: pacing.unwrap_or_else(|| Pacing::new(&limits, clock.clone())),
            permits: Semaphore::new(limits.concurrency.max(1)),
            limits,
            bells: Default::default(),
            metrics: Metrics::default(),
            room: Default::default(),
            commands,
            leave: watch::Sender::new(false),
            untold: Notify::new(),
            depth: Default::default(),
            clock,
        });
        let now = core.clock.now();
        for record in unsettled.iter().filter(|record| record.progress.state != State::Waiting) {
            core.room.enter_anyway(record.bytes);
        }
        let (queue, gates) = dispatcher::restore(unsettled, cursor, now);
        tracing::info!(events = queue.len(), gates = gates.len(), "the outbox is open");
        let (end, ended) = watch::channel(false);
        let dispatcher = Dispatcher::new(core.clone(), queue, gates);
        dispatcher.publish();
        let running = dispatcher.run(obeyed);
        let dispatcher = tokio::spawn(async move {
            running.await;
            end.send_replace(true);
        });
        let mut helpers = vec![tokio::spawn(prune(core.clone()))];
        if let Some(client) = callbacks {
            helpers.push(tokio::spawn(super::callback::run(core.clone(), client)));
        }
        Ok(Outbox { core, dispatcher, ended, helpers })
    }
}

async fn prune(core: Arc<Core>) {
    loop {
        let now = core.clock.now();
        if let Some(before) = now.checked_sub(millis(core.limits.keep)) {
            let prune = Change::Prune { before, at_most: PRUNE_AT_ONCE };
            let effects = core.journal.commit(vec![prune]).await;
            if matches!(effects.as_deref(), Ok([Effect::Applied(1..)])) {
                continue;
            }
        }
        core.clock.sleep_until(now.saturating_add(millis(PRUNE_EVERY))).await;
    }
}
