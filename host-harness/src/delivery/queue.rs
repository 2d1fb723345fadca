//! Whose turn it is: events of one lane one after the other, in the order in which they came; lanes beside each other.

use super::store::Id;
use itsm_contract::types::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Events that are to be tried. Holds their places, not the events.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    lanes: HashMap<String, Lane>,
    /// The first of each lane that is not under way, by when it is due.
    heads: BTreeSet<(Timestamp, Id)>,
    events: BTreeMap<Id, Event>,
    bytes: u64,
}

#[derive(Clone, Debug, Default)]
struct Lane {
    waiting: BTreeSet<Id>,
    under_way: Option<Id>,
}

#[derive(Clone, Debug)]
struct Event {
    lane: String,
    due: Timestamp,
    attempts: u32,
    bytes: u64,
    since: Timestamp,
    expires: bool,
}

/// What is put into the queue.
#[derive(Clone, Debug)]
pub struct Turn {
    /// Which event.
    pub id: Id,
    /// What it keeps its order in.
    pub lane: String,
    /// Not tried before.
    pub due: Timestamp,
    /// How often it has been tried.
    pub attempts: u32,
    /// Its size.
    pub bytes: u64,
    /// When it came, or when somebody asked for it to be tried again.
    pub since: Timestamp,
    /// Whether it may become too old.
    pub expires: bool,
}

impl Queue {
    /// Adds an event. One that is there already stays as it is.
    pub fn add(&mut self, turn: Turn) {
        let Turn { id, lane, due, attempts, bytes, since, expires } = turn;
        if self.events.contains_key(&id) {
            return;
        }
        self.unhead(&lane);
        self.bytes = self.bytes.saturating_add(bytes);
        self.lanes.entry(lane.clone()).or_default().waiting.insert(id);
        self.events.insert(id, Event { lane: lane.clone(), due, attempts, bytes, since, expires });
        self.head(&lane);
    }

    /// Takes the event that has been due longest; none where none is due.
    pub fn take(&mut self, now: Timestamp) -> Option<Id> {
        let (due, id) = *self.heads.first()?;
        if due > now {
            return None;
        }
        self.start(id);
        Some(id)
    }

    /// Takes the event that was tried least often, due or not: if one event is what fails, another will tell.
    pub fn take_probe(&mut self) -> Option<Id> {
        let attempts = |id: &Id| self.events.get(id).map_or(u32::MAX, |event| event.attempts);
        let id = self.heads.iter().map(|(_, id)| *id).min_by_key(|id| (attempts(id), *id))?;
        self.start(id);
        Some(id)
    }

    /// Takes an event that came at this moment or before, whosever turn it is; none that is under way.
    pub fn take_expired(&mut self, since: Timestamp) -> Option<Id> {
        let is_old = |(id, event): &(&Id, &Event)| {
            event.expires
                && event.since <= since
                && self.lanes.get(&event.lane).is_some_and(|lane| lane.waiting.contains(id) && lane.under_way.is_none())
        };
        let id = self.events.iter().find(is_old).map(|(id, _)| *id)?;
        let lane = self.events.get(&id)?.lane.clone();
        self.unhead(&lane);
        self.start(id);
        Some(id)
    }

    /// An event that was taken is to be tried again.
    pub fn again(&mut self, id: Id, due: Timestamp, attempts: u32) {
        let Some(event) = self.events.get_mut(&id) else { return };
        event.due = due;
        event.attempts = attempts;
        let lane = event.lane.clone();
        if let Some(lane) = self.lanes.get_mut(&lane) {
            if lane.under_way == Some(id) {
                lane.under_way = None;
            }
            lane.waiting.insert(id);
        }
        self.head(&lane);
    }

    /// An event that was taken needs no more turns.
    pub fn finish(&mut self, id: Id) {
        let Some(Event { lane: name, due, bytes, .. }) = self.events.remove(&id) else { return };
        self.heads.remove(&(due, id));
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(lane) = self.lanes.get_mut(&name) {
            lane.waiting.remove(&id);
            if lane.under_way == Some(id) {
                lane.under_way = None;
            }
            if lane.waiting.is_empty() && lane.under_way.is_none() {
                self.lanes.remove(&name);
            }
        }
        self.head(&name);
    }

    /// When the next event is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.heads.first().map(|(due, _)| *due)
    }

    /// Events that wait or are under way.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Their bytes together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the oldest of them came.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.events.values().next().map(|event| event.since)
    }

    fn start(&mut self, id: Id) {
        let Some(event) = self.events.get(&id) else { return };
        self.heads.remove(&(event.due, id));
        if let Some(lane) = self.lanes.get_mut(&event.lane) {
            lane.waiting.remove(&id);
            lane.under_way = Some(id);
        }
    }

    fn head(&mut self, lane: &str) {
        if let Some(head) = self.head_of(lane) {
            self.heads.insert(head);
        }
    }

    fn unhead(&mut self, lane: &str) {
        if let Some(head) = self.head_of(lane) {
            self.heads.remove(&head);
        }
    }

    fn head_of(&self, lane: &str) -> Option<(Timestamp, Id)> {
        let lane = self.lanes.get(lane)?;
        let first = lane.waiting.first().filter(|_| lane.under_way.is_none())?;
        self.events.get(first).map(|event| (event.due, *first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn turn(id: Id, lane: &str) -> Turn {
        Turn { id, lane: lane.into(), due: 0, attempts: 0, bytes: 10, since: id as u64, expires: true }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add(u8),
        Take,
        Probe,
        Finish(usize),
        Again(usize, u64),
        Pass(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0u8..4).prop_map(Step::Add),
            4 => Just(Step::Take),
            1 => Just(Step::Probe),
            2 => any::<usize>().prop_map(Step::Finish),
            2 => (any::<usize>(), 0u64..100).prop_map(|(index, wait)| Step::Again(index, wait)),
            2 => (0u64..100).prop_map(Step::Pass),
        ];
        proptest::collection::vec(step, 0..300)
    }

    proptest! {
        #[test]
        fn one_build_keeps_its_order_and_none_holds_up_another(steps in steps()) {
            let mut queue = Queue::default();
            let (mut now, mut last) = (0u64, 0);
            let mut under_way: Vec<(Id, u8)> = Vec::new();
            // What is left of each lane, in order, with when it is due.
            let mut lanes: [Vec<(Id, u64)>; 4] = Default::default();
            for step in steps {
                let taken = match step {
                    Step::Add(lane) => {
                        last += 1;
                        queue.add(Turn { due: now, ..turn(last, &lane.to_string()) });
                        lanes[lane as usize].push((last, now));
                        None
                    }
                    Step::Take => {
                        let ready = |(index, lane): (usize, &Vec<(Id, u64)>)| {
                            !under_way.iter().any(|(_, other)| *other as usize == index)
                                && lane.first().is_some_and(|(_, due)| *due <= now)
                        };
                        let some_is_ready = lanes.iter().enumerate().any(ready);
                        let taken = queue.take(now);
                        prop_assert_eq!(taken.is_some(), some_is_ready);
                        taken
                    }
                    Step::Probe => queue.take_probe(),
                    Step::Finish(index) if !under_way.is_empty() => {
                        let (id, lane) = under_way.remove(index % under_way.len());
                        queue.finish(id);
                        prop_assert_eq!(lanes[lane as usize].remove(0).0, id);
                        None
                    }
                    Step::Again(index, wait) if !under_way.is_empty() => {
                        let (id, lane) = under_way.remove(index % under_way.len());
                        queue.again(id, now + wait, 1);
                        lanes[lane as usize][0].1 = now + wait;
                        None
                    }
                    Step::Pass(time) => {
                        now += time;
                        None
                    }
                    _ => None,
                };
                if let Some(id) = taken {
                    let lane = lanes.iter().position(|lane| lane.first().is_some_and(|first| first.0 == id));
                    let lane = lane.expect("only the first of a lane is taken") as u8;
                    prop_assert!(!under_way.iter().any(|(_, other)| *other == lane), "two of one lane");
                    under_way.push((id, lane));
                }
                prop_assert_eq!(queue.len(), lanes.iter().map(Vec::len).sum::<usize>());
            }
        }
    }

    #[test]
    fn an_event_that_was_given_up_and_comes_back_takes_its_old_place_behind_what_is_under_way() {
        let mut queue = Queue::default();
        queue.add(turn(2, "a"));
        queue.add(turn(3, "a"));
        assert_eq!(queue.take(0), Some(2));
        queue.add(turn(1, "a"));
        assert_eq!(queue.take(0), None);
        queue.finish(2);
        assert_eq!(queue.take(0), Some(1));
        queue.finish(1);
        assert_eq!(queue.take(0), Some(3));
    }

    #[test]
    fn what_is_too_old_is_taken_though_it_is_not_its_turn() {
        let mut queue = Queue::default();
        queue.add(Turn { due: 900, ..turn(1, "a") });
        queue.add(Turn { expires: false, ..turn(2, "b") });
        queue.add(turn(7, "a"));
        assert_eq!((queue.take_expired(0), queue.take_expired(5), queue.take_expired(5)), (None, Some(1), None));
        queue.finish(1);
        assert_eq!((queue.take(0), queue.take(0)), (Some(2), Some(7)));
    }
}
