//! A store in memory, written from the trait's words alone: whatever is done to it and to the one on disk, both say the
//! same. So nothing of the database shows through the trait.

use crate::delivery::store::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Default)]
struct Model {
    rows: BTreeMap<Id, Row>,
    last: Id,
    cursor: Option<Cursor>,
}

struct Row {
    record: Record,
    event: String,
    tell_at: Option<Timestamp>,
    tries: u32,
}

impl Model {
    fn apply(&mut self, change: &Change) -> Effect {
        let rows = &mut self.rows;
        match change {
            Change::Insert(new) => {
                // Places grow, and may have gaps: SQLite takes one for a known key too.
                self.last += 1;
                if let Some(row) = rows.values().find(|row| row.record.key == new.key) {
                    return Effect::Known(row.record.clone());
                }
                let at = new.accepted_at;
                let progress = Progress {
                    state: State::Queued,
                    attempts: 0,
                    strikes: 0,
                    due: at,
                    asked_at: None,
                    changed_at: at,
                    given_up_at: None,
                    answer: None,
                    gate: None,
                };
                let record = Record {
                    id: self.last,
                    key: new.key.clone(),
                    lane: new.lane.clone(),
                    hook: new.hook.into(),
                    occurred_at: new.occurred_at,
                    accepted_at: at,
                    progress,
                    callback: new.callback.clone(),
                    bytes: new.event.len() as u64,
                };
                let row = Row { record: record.clone(), event: new.event.clone(), tell_at: None, tries: 0 };
                rows.insert(self.last, row);
                Effect::Inserted(record)
            }
            Change::Start { id, at } => match rows.get_mut(id) {
                None => Effect::Applied(0),
                Some(row) => {
                    let progress = &mut row.record.progress;
                    (progress.state, progress.attempts) = (State::InFlight, progress.attempts + 1);
                    (progress.asked_at, progress.changed_at) = (Some(*at), *at);
                    Effect::Started(row.record.clone(), row.event.clone())
                }
            },
            Change::Put(id, progress) => {
                let found = rows.get_mut(id).map(|row| {
                    let is_told = row.record.callback.is_some() && progress.state.is_settled();
                    row.tell_at = is_told.then_some(progress.changed_at);
                    row.tries = 0;
                    row.record.progress = progress.clone();
                });
                Effect::Applied(found.iter().count())
            }
            Change::Cursor(cursor) => {
                self.cursor = Some(cursor.clone());
                Effect::Applied(1)
            }
            Change::Tell(id, at) => {
                let found = rows.get_mut(id).map(|row| (row.tell_at, row.tries) = (*at, row.tries + 1));
                Effect::Applied(found.iter().count())
            }
            Change::Prune { before, at_most } => {
                let is_old = |row: &&Row| {
                    let progress = &row.record.progress;
                    progress.state.is_settled() && progress.changed_at < *before && row.tell_at.is_none()
                };
                let mut old: Vec<_> =
                    rows.values().filter(is_old).map(|row| (row.record.progress.changed_at, row.record.id)).collect();
                old.sort();
                old.truncate(*at_most as usize);
                old.iter().for_each(|(_, id)| drop(rows.remove(id)));
                Effect::Applied(old.len())
            }
        }
    }

    fn records(&self, holds: impl Fn(&Record) -> bool) -> Vec<Record> {
        self.rows.values().map(|row| row.record.clone()).filter(|record| holds(record)).collect()
    }
}

impl Store for Model {
    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Effect>, StoreError> {
        Ok(changes.iter().map(|change| self.apply(change)).collect())
    }

    fn find(&mut self, key: &str) -> Result<Option<Record>, StoreError> {
        Ok(self.records(|record| record.key == key).pop())
    }

    fn event(&mut self, id: Id) -> Result<Option<(Record, String)>, StoreError> {
        Ok(self.rows.get(&id).map(|row| (row.record.clone(), row.event.clone())))
    }

    fn unsettled(&mut self) -> Result<Vec<Record>, StoreError> {
        Ok(self.records(|record| !record.progress.state.is_settled()))
    }

    fn list(&mut self, state: State, after: Id, at_most: u32) -> Result<Vec<Record>, StoreError> {
        let mut records = self.records(|record| record.progress.state == state && record.id > after);
        records.truncate(at_most as usize);
        Ok(records)
    }

    fn untold(&mut self, now: Timestamp, at_most: u32) -> Result<(Vec<Untold>, Option<Timestamp>), StoreError> {
        let mut due: Vec<_> = self.rows.values().filter(|row| row.tell_at.is_some_and(|at| at <= now)).collect();
        due.sort_by_key(|row| (row.tell_at, row.record.id));
        due.truncate(at_most as usize);
        let due = due.iter().map(|row| Untold { record: row.record.clone(), tries: row.tries }).collect();
        let next = self.rows.values().filter_map(|row| row.tell_at).filter(|at| *at > now).min();
        Ok((due, next))
    }

    fn cursor(&mut self) -> Result<Option<Cursor>, StoreError> {
        Ok(self.cursor.clone())
    }
}

fn change() -> impl Strategy<Value = Change> {
    let state = proptest::sample::select(State::ALL.to_vec());
    let (id, time) = (|| 1i64..7, || 0u64..20);
    let new = (0u8..6, time(), any::<bool>()).prop_map(|(key, at, calls_back)| {
        Change::Insert(New {
            key: format!("k{key}"),
            lane: "build b".into(),
            hook: "on-failure",
            occurred_at: at,
            accepted_at: at,
            event: "ä".repeat(key.into()),
            callback: calls_back.then(|| "https://factory.example/told".into()),
        })
    });
    let progress =
        (state, 0u32..4, time(), proptest::option::of(time())).prop_map(|(state, attempts, at, given_up_at)| {
            let answer = given_up_at.map(|_| "{}".to_owned());
            Progress {
                state,
                attempts,
                strikes: attempts,
                due: at,
                asked_at: None,
                changed_at: at,
                given_up_at,
                gate: answer.clone(),
                answer,
            }
        });
    prop_oneof![
        4 => new,
        3 => (id(), time()).prop_map(|(id, at)| Change::Start { id, at }),
        4 => (id(), progress).prop_map(|(id, progress)| Change::Put(id, progress)),
        1 => time().prop_map(|at| Change::Cursor(Cursor { cursor: at.to_string(), began_at: at, ended_at: at })),
        2 => (id(), proptest::option::of(time())).prop_map(|(id, at)| Change::Tell(id, at)),
        1 => (time(), 0u32..3).prop_map(|(before, at_most)| Change::Prune { before, at_most }),
    ]
}

/// All that a store tells.
fn told(store: &mut dyn Store) -> Vec<String> {
    let mut told = vec![format!("{:?} {:?}", store.unsettled(), store.cursor())];
    told.extend(State::ALL.map(|state| format!("{:?}", store.list(state, 1, 3))));
    told.extend((0..6).map(|key| format!("{:?}", store.find(&format!("k{key}")))));
    told.extend((1..7).map(|id| format!("{:?}", store.event(id))));
    told.extend([0, 9, 30].map(|now| format!("{:?}", store.untold(now, 3))));
    told
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_store_on_disk_does_what_the_traits_words_say_and_nothing_else(
        commits in proptest::collection::vec(proptest::collection::vec(change(), 1..6), 1..8),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut disk = SqliteStore::open(&folder.path().join("outbox.db")).unwrap();
        let mut model = Model::default();
        for changes in commits {
            prop_assert_eq!(disk.commit(&changes), model.commit(&changes));
            prop_assert_eq!(told(&mut disk), told(&mut model));
        }
    }
}
