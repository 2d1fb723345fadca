//! The gates that wait, and when to look at them: all in one call, since a look tells what changed anywhere since the
//! last one.

use super::clock::millis;
use super::store::{Cursor, Id};
use itsm_contract::answers::{Reviewed, Waiting};
use itsm_contract::types::{Failure, Gate, Timestamp, Verdict};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// A look follows another no sooner, whatever the gates say.
const SHORTEST: u64 = 1_000;

/// And no later: what a plugin asks for beyond it is a slip.
const LONGEST: u64 = 3_600_000;

/// Cursors that are kept. One is enough unless a hook took longer than a look's interval.
const CURSORS: usize = 8;

/// Every gate that waits.
#[derive(Debug, Default)]
pub struct Gates {
    gates: BTreeMap<Id, Entry>,
    by_change: HashMap<String, Vec<Id>>,
    cursors: Vec<Cursor>,
    last_look: Timestamp,
    /// Never later than the next look is due; looked up again when it has come, or where there is none.
    alarm: Option<Timestamp>,
}

#[derive(Debug)]
struct Entry {
    waiting: Waiting,
    /// When the hook was called that answered it: what was approved later, it has not seen.
    asked_at: Timestamp,
    /// No look has had it yet.
    is_new: bool,
    look_at: Timestamp,
    interval: u64,
}

/// A gate that begins to wait.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// Whose gate it is.
    pub id: Id,
    /// As the hook answered it.
    pub gate: Gate,
    /// When its event occurred.
    pub since: Timestamp,
    /// When the hook was called.
    pub asked_at: Timestamp,
    /// When its answer was stored.
    pub stored_at: Timestamp,
}

/// One look at all of them.
#[derive(Debug)]
pub struct Look {
    /// What the plugin is asked.
    pub waiting: Vec<Waiting>,
    /// What it has read so far.
    pub cursor: Option<String>,
    /// When the look began.
    pub began_at: Timestamp,
    ids: Vec<Id>,
    new: Vec<Id>,
}

/// What a look means for one event.
#[derive(Clone, Debug, PartialEq)]
pub enum Moved {
    /// Its gate says this now, and is final unless it says pause.
    To(Gate),
    /// Its change moved, and what that means for this event it must be asked about by itself.
    Ask,
    /// It cannot be read any more, and will not be.
    Lost(Failure),
}

impl Gates {
    /// What was stored when the host stopped.
    pub fn restore(waiters: Vec<Waiter>, cursor: Option<Cursor>) -> Self {
        // A gate that the last look cannot have had is new.
        let began_at = cursor.as_ref().map_or(0, |cursor| cursor.began_at);
        let mut gates = Self { cursors: cursor.into_iter().collect(), ..Self::default() };
        for waiter in waiters {
            let is_new = waiter.stored_at >= began_at;
            gates.insert(waiter, is_new);
        }
        // Time passed: look at once.
        gates.alarm = Some(0);
        for entry in gates.gates.values_mut() {
            entry.look_at = 0;
        }
        gates
    }

    /// Adds one.
    pub fn add(&mut self, waiter: Waiter) {
        self.insert(waiter, true);
    }

    fn insert(&mut self, waiter: Waiter, is_new: bool) {
        let Waiter { id, gate, since, asked_at, stored_at } = waiter;
        self.remove(id);
        let look_at = check_after(&gate).unwrap_or(stored_at);
        let interval = look_at.saturating_sub(stored_at).clamp(SHORTEST, LONGEST);
        if let Some(change) = &gate.change {
            self.by_change.entry(change.id.clone()).or_default().push(id);
        }
        let waiting = Waiting { last: gate, since };
        let entry = Entry { waiting, asked_at, is_new, look_at: look_at.min(stored_at + LONGEST), interval };
        let alarm = entry.next(self.last_look).max(self.last_look.saturating_add(SHORTEST));
        self.alarm = self.alarm.map(|other| other.min(alarm));
        self.gates.insert(id, entry);
    }

    /// Takes one out.
    pub fn remove(&mut self, id: Id) {
        let Some(entry) = self.gates.remove(&id) else { return };
        let Some(change) = entry.waiting.last.change else { return };
        if let Some(ids) = self.by_change.get_mut(&change.id) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_change.remove(&change.id);
            }
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.gates.len()
    }

    /// Since when the oldest waits.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.gates.values().map(|entry| entry.waiting.since).min()
    }

    /// When the next look is due; none where nothing waits.
    pub fn due(&mut self, now: Timestamp) -> Option<Timestamp> {
        if self.gates.is_empty() {
            return None;
        }
        match self.alarm {
            Some(alarm) if alarm > now => Some(alarm),
            _ => {
                let interval = self.gates.values().map(|entry| entry.interval).min().unwrap_or(SHORTEST);
                let soonest = self.last_look.saturating_add(interval);
                let asked = self.gates.values().map(|entry| entry.look_at).min().unwrap_or_default().max(soonest);
                let turns = self.gates.values().filter_map(|entry| entry.turn(self.last_look)).min();
                let turn = turns.map(|turn| turn.max(self.last_look.saturating_add(SHORTEST)));
                self.alarm = Some(turn.map_or(asked, |turn| turn.min(asked)));
                self.alarm
            }
        }
    }

    /// Begins a look at all of them.
    pub fn look(&mut self, now: Timestamp) -> Look {
        // What a new gate's hook has not seen, no cursor may have passed.
        let unseen = self.gates.values().filter(|entry| entry.is_new).map(|entry| entry.asked_at).min();
        let fits = |cursor: &&Cursor| unseen.is_none_or(|asked_at| cursor.ended_at <= asked_at);
        let cursor = self.cursors.iter().rev().find(fits).map(|cursor| cursor.cursor.clone());
        let (mut ids, mut new, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        for (id, entry) in &mut self.gates {
            if std::mem::take(&mut entry.is_new) {
                new.push(*id);
            }
            ids.push(*id);
            waiting.push(entry.waiting.clone());
        }
        Look { waiting, cursor, began_at: now, ids, new }
    }

    /// A look brought nothing: the next one is due after `wait`, and what was new still is.
    pub fn look_failed(&mut self, look: &Look, now: Timestamp, wait: Duration) {
        for id in &look.new {
            if let Some(entry) = self.gates.get_mut(id) {
                entry.is_new = true;
            }
        }
        self.last_look = now;
        self.alarm = Some(now.saturating_add(millis(wait)));
        let look_at = now.saturating_add(millis(wait));
        for entry in self.gates.values_mut() {
            entry.look_at = entry.look_at.max(look_at);
        }
    }

    /// A look ended. Tells what it means for which event.
    pub fn looked(&mut self, look: &Look, moved: Vec<Reviewed>, cursor: Cursor) -> Vec<(Id, Moved)> {
        let now = cursor.ended_at;
        self.cursors.push(cursor);
        if self.cursors.len() > CURSORS {
            self.cursors.remove(0);
        }
        self.last_look = now;
        for id in &look.ids {
            if let Some(entry) = self.gates.get_mut(id) {
                entry.look_at = now.saturating_add(entry.interval);
            }
        }
        self.alarm = None;
        let mut told = Vec::new();
        for Reviewed { change, answer } in moved {
            let Some(ids) = self.by_change.get(&change) else { continue };
            let moved = match answer {
                // Several events wait for one change: which of them this is for, nothing says.
                _ if ids.len() > 1 => Moved::Ask,
                Ok(gate) if ids.first().is_some_and(|id| self.is_of(*id, &gate)) => Moved::To(gate),
                Ok(_) => Moved::Ask,
                Err(failure @ (Failure::Refused(_) | Failure::InvalidEvent(_))) => Moved::Lost(failure),
                Err(failure) => {
                    tracing::warn!(%change, problem = %failure.problem().summary, "a gate could not be read");
                    continue;
                }
            };
            told.extend(ids.iter().map(|id| (*id, moved.clone())));
        }
        // One that joined meanwhile was not asked about.
        told.retain(|(id, _)| look.ids.binary_search(id).is_ok());
        told
    }

    fn is_of(&self, id: Id, gate: &Gate) -> bool {
        self.gates.get(&id).is_some_and(|entry| is_of(&entry.waiting.last, gate))
    }
}

/// Whether `gate` is of the change that `last` waits for: it is the same record; or, on an instance that gives records
/// ids of its own, the one that counts of those with its key.
pub fn is_of(last: &Gate, gate: &Gate) -> bool {
    let (Some(waited), Some(answered)) = (&last.change, &gate.change) else { return false };
    answered.id == waited.id || (waited.key.is_some() && answered.key == waited.key)
}

impl Entry {
    /// When a look is asked for.
    fn next(&self, last_look: Timestamp) -> Timestamp {
        self.turn(last_look).map_or(self.look_at, |turn| turn.min(self.look_at))
    }

    /// When time alone may move it, if no look has been since: its timeout, its window.
    fn turn(&self, last_look: Timestamp) -> Option<Timestamp> {
        let window = self.waiting.last.window.as_ref();
        let turns =
            [expires_at(&self.waiting.last), window.map(|window| window.start), window.map(|window| window.end)];
        turns.into_iter().flatten().filter(|turn| *turn > last_look).min()
    }
}

fn check_after(gate: &Gate) -> Option<Timestamp> {
    match &gate.verdict {
        Verdict::Pause(pause) => Some(pause.check_after),
        _ => None,
    }
}

fn expires_at(gate: &Gate) -> Option<Timestamp> {
    match &gate.verdict {
        Verdict::Pause(pause) => pause.expires_at,
        _ => None,
    }
}

#[cfg(test)]
mod tests;
