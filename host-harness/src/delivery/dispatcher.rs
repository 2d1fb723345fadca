//! The one task that decides whose turn it is: it owns the queue and the waiting gates, and starts attempts and looks as
//! the pace allows.

use super::circuit::Admission;
use super::clock::millis;
use super::core::{Command, Core, UnderWay, turn};
use super::courier::{self, After};
use super::gates::{Gates, Look};
use super::metrics::Depth;
use super::queue::Queue;
use super::store::{Id, Record, State};
use super::watch::{self, Seen};
use itsm_contract::types::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

/// Attempts under way for each call at once: while some call, others mark their start or store their outcome.
const AHEAD: usize = 4;

/// How often events that are too old are looked for.
const EXPIRY_LOOK: Duration = Duration::from_secs(60);

/// What a task ended with.
enum Ended {
    Attempt(Id, After),
    Look(Look, Box<Option<Seen>>),
}

pub(super) struct Dispatcher {
    core: Arc<Core>,
    queue: Queue,
    gates: Gates,
    tasks: JoinSet<Ended>,
    /// For a task that panics: the event must not be lost with it.
    under_way: HashMap<tokio::task::Id, UnderWay>,
    is_looking: bool,
    failed_looks: u32,
    is_stopping: bool,
    expiry_look: Timestamp,
}

impl Dispatcher {
    pub(super) fn new(core: Arc<Core>, queue: Queue, gates: Gates) -> Self {
        Self {
            core,
            queue,
            gates,
            tasks: JoinSet::new(),
            under_way: HashMap::new(),
            is_looking: false,
            failed_looks: 0,
            is_stopping: false,
            expiry_look: 0,
        }
    }

    /// Runs until it is told to stop and nothing is under way.
    pub(super) async fn run(mut self, mut commands: UnboundedReceiver<Command>) {
        let clock = self.core.clock.clone();
        loop {
            let wake = if self.is_stopping { None } else { self.start() };
            self.publish();
            if self.is_stopping && self.tasks.is_empty() {
                return;
            }
            let sleep = async {
                match wake {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = commands.recv() => {
                    self.obey(command.unwrap_or(Command::Stop));
                    while let Ok(command) = commands.try_recv() {
                        self.obey(command);
                    }
                }
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.ended(ended).await,
                () = sleep => {}
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Try(turn) => self.queue.add(turn),
            Command::Stop => self.is_stopping = true,
        }
    }

    /// Starts what may start. Returns when there may be more.
    fn start(&mut self) -> Option<Timestamp> {
        let now = self.core.clock.now();
        self.expire(now);
        let mut wake = self.expiry_look;
        let most = self.core.limits.concurrency.max(1).saturating_mul(AHEAD);
        while self.tasks.len() < most {
            let look_is_due = !self.is_looking && self.gates.due(now).is_some_and(|due| due <= now);
            match self.core.pacing.admits(now) {
                Admission::Open if look_is_due => self.look(now, false),
                Admission::Open => match self.queue.take(now) {
                    Some(id) => self.attempt(id, false),
                    None => break,
                },
                Admission::Probe => {
                    // The gates are asked first: a timeout may have passed, and one look serves all of them.
                    if look_is_due {
                        self.core.pacing.probe();
                        self.look(now, true);
                    } else if let Some(id) = self.queue.take_probe() {
                        self.core.pacing.probe();
                        self.attempt(id, true);
                    } else {
                        break;
                    }
                }
                Admission::NotBefore(at) => return Some(wake.min(at)),
                Admission::AfterProbe => return Some(wake),
            }
        }
        if self.tasks.len() < most {
            let look = if self.is_looking { None } else { self.gates.due(now) };
            for due in [self.queue.next_due(), look].into_iter().flatten() {
                wake = wake.min(due);
            }
        }
        Some(wake)
    }

    fn attempt(&mut self, id: Id, is_probe: bool) {
        let core = self.core.clone();
        let task = self.tasks.spawn(async move { Ended::Attempt(id, courier::deliver(core, id, is_probe).await) });
        self.under_way.insert(task.id(), (id, is_probe));
    }

    fn look(&mut self, now: Timestamp, is_probe: bool) {
        self.is_looking = true;
        let (core, look) = (self.core.clone(), self.gates.look(now));
        self.tasks.spawn(async move {
            let seen = watch::look(&core, &look, is_probe).await;
            Ended::Look(look, Box::new(seen))
        });
    }

    fn expire(&mut self, now: Timestamp) {
        if now < self.expiry_look {
            return;
        }
        self.expiry_look = now.saturating_add(millis(EXPIRY_LOOK));
        let Some(before) = now.checked_sub(millis(self.core.limits.age)) else { return };
        while let Some(id) = self.queue.take_expired(before) {
            let core = self.core.clone();
            let task = self.tasks.spawn(async move { Ended::Attempt(id, courier::expire(core, id).await) });
            self.under_way.insert(task.id(), (id, false));
        }
    }

    async fn ended(&mut self, ended: Result<(tokio::task::Id, Ended), tokio::task::JoinError>) {
        match ended {
            Ok((task, Ended::Attempt(id, after))) => {
                self.under_way.remove(&task);
                self.after(id, after);
            }
            Ok((_, Ended::Look(look, seen))) => self.looked(look, *seen).await,
            Err(error) => {
                let now = self.core.clock.now();
                tracing::error!(%error, "an attempt broke off");
                match self.under_way.remove(&error.id()) {
                    Some((id, is_probe)) => {
                        self.core.pacing.left(is_probe);
                        let wait = millis(self.core.limits.backoff.longest);
                        self.after(id, After::Again { due: now.saturating_add(wait), attempts: u32::MAX });
                    }
                    None => self.is_looking = false,
                }
            }
        }
    }

    fn after(&mut self, id: Id, after: After) {
        match after {
            After::Again { due, attempts } => self.queue.again(id, due, attempts),
            After::Settled { report } => {
                self.queue.finish(id);
                if let Some(report) = report {
                    self.queue.add(report);
                }
            }
            After::Waits(waiter) => {
                self.queue.finish(id);
                self.gates.add(*waiter);
            }
        }
    }

    async fn looked(&mut self, look: Look, seen: Option<Seen>) {
        self.is_looking = false;
        let now = self.core.clock.now();
        let Some(Seen { moved, cursor }) = seen else {
            self.failed_looks = self.failed_looks.saturating_add(1);
            let wait = self.core.pacing.wait(self.core.limits.backoff, self.failed_looks);
            self.gates.look_failed(&look, now, wait);
            return;
        };
        self.failed_looks = 0;
        let told = self.gates.looked(&look, moved, cursor.clone());
        let mut turns = Vec::new();
        for (record, gate) in watch::apply(&self.core, told, cursor).await {
            self.gates.remove(record.id);
            match (record.progress.state, gate) {
                (State::Waiting, Some(waiter)) => self.gates.add(waiter),
                (State::Queued, _) => turns.push(record),
                _ => {}
            }
        }
        for record in turns {
            self.core.room.enter_anyway(record.bytes);
            self.queue.add(turn(&record, record.progress.due));
        }
    }

    /// Tells what it holds.
    pub(super) fn publish(&self) {
        let depth = Depth {
            queued: self.queue.len(),
            bytes: self.queue.bytes(),
            oldest: self.queue.oldest(),
            in_flight: self.under_way.len(),
            gates: self.gates.len(),
            oldest_gate: self.gates.oldest(),
        };
        *self.core.depth.lock().unwrap_or_else(PoisonError::into_inner) = depth;
    }
}

/// Reads what was stored when the host stopped: events to try, gates that wait.
pub(super) fn restore(unsettled: Vec<Record>, cursor: Option<super::store::Cursor>, now: Timestamp) -> (Queue, Gates) {
    let mut queue = Queue::default();
    let mut waiters = Vec::new();
    for record in unsettled {
        match watch::waiter(&record) {
            Some(waiter) => waiters.push(waiter),
            // Delivered again: what was in flight may have been applied, and its hook finds out. A clock that was set
            // back delays nothing by more than it was asked to.
            None => queue.add(turn(&record, record.progress.due.min(now))),
        }
    }
    (queue, Gates::restore(waiters, cursor))
}
