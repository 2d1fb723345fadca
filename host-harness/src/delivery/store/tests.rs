//! What a store promises, tried on SQLite: keys are unique, the first answer stays, a cut file loses no commit.

mod model;

use super::*;
use proptest::prelude::*;

fn new(key: &str) -> New {
    New {
        key: key.into(),
        lane: "build 1".into(),
        hook: "on-failure",
        occurred_at: 5,
        accepted_at: 10,
        event: format!("{{\"key\":\"{key}\"}}"),
        callback: Some("http://127.0.0.1/told".into()),
    }
}

fn open(folder: &tempfile::TempDir) -> SqliteStore {
    SqliteStore::open(&folder.path().join("outbox.db")).unwrap()
}

fn insert(store: &mut SqliteStore, key: &str) -> Record {
    match store.commit(&[Change::Insert(new(key))]).unwrap().pop() {
        Some(Effect::Inserted(record)) => record,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_committed_is_there_when_the_store_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let record = insert(&mut store, "a");
    let progress = Progress { state: State::Done, answer: Some("1".into()), changed_at: 30, ..record.progress.clone() };
    let cursor = Cursor { cursor: "c".into(), began_at: 1, ended_at: 2 };
    store.commit(&[Change::Put(record.id, progress.clone()), Change::Cursor(cursor.clone())]).unwrap();
    drop(store);
    let mut store = open(&folder);
    let found = store.find("a").unwrap().unwrap();
    assert_eq!(found, Record { progress, ..record.clone() });
    assert_eq!(store.event(record.id).unwrap().unwrap().1, "{\"key\":\"a\"}");
    assert_eq!(store.cursor().unwrap(), Some(cursor));
    assert_eq!(store.unsettled().unwrap(), []);
    assert_eq!(store.find("b").unwrap(), None);
}

#[test]
fn a_known_key_adds_nothing_and_is_answered_with_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let first = insert(&mut store, "a");
    let other = New { lane: "build 2".into(), ..new("a") };
    assert_eq!(store.commit(&[Change::Insert(other)]).unwrap(), [Effect::Known(first.clone())]);
    assert_eq!(store.unsettled().unwrap(), [first]);
}

#[test]
fn an_outbox_is_one_instances_until_that_moves() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = ("https://one.example", "https://other.example");
    drop(open(&folder).of_instance(one).unwrap());
    drop(open(&folder).of_instance(one).unwrap());
    let refused = open(&folder).of_instance(other).unwrap_err();
    assert_eq!(refused, StoreError::OtherInstance { theirs: one.into(), ours: other.into() });
    drop(open(&folder).moved_to(other).unwrap());
    drop(open(&folder).of_instance(other).unwrap());
}

#[test]
fn an_outbox_of_an_earlier_version_is_read_and_becomes_the_instances_that_opens_it() {
    let second = "ALTER TABLE event DROP COLUMN gate; PRAGMA user_version = 2;";
    let first = "ALTER TABLE event DROP COLUMN gate; DROP TABLE instance; PRAGMA user_version = 1;";
    for earlier in [first, second] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(&folder);
        let record = insert(&mut store, "a");
        store.connection_for_tests().execute_batch(earlier).unwrap();
        drop(store);
        let mut store = open(&folder).of_instance("https://one.example").unwrap();
        assert_eq!(store.find("a").unwrap(), Some(record.clone()));
        let progress = Progress { gate: Some("{}".into()), ..record.progress.clone() };
        store.commit(&[Change::Put(record.id, progress.clone())]).unwrap();
        drop(store);
        assert_eq!(open(&folder).find("a").unwrap(), Some(Record { progress, ..record }));
    }
}

#[test]
fn a_start_is_counted_before_the_event_is_handed_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let id = insert(&mut store, "a").id;
    for attempt in 1..3 {
        match store.commit(&[Change::Start { id, at: 70 }]).unwrap().pop() {
            Some(Effect::Started(record, _)) => {
                assert_eq!((record.progress.attempts, record.progress.state), (attempt, State::InFlight));
                assert_eq!(record.progress.asked_at, Some(70));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.commit(&[Change::Start { id: 99, at: 0 }]).unwrap(), [Effect::Applied(0)]);
}

#[test]
fn one_change_that_fails_undoes_those_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    // As on a disk that is nearly full.
    store.connection_for_tests().pragma_update(None, "max_page_count", 16).unwrap();
    let large = New { event: "x".repeat(1 << 20), ..new("b") };
    let refused = store.commit(&[Change::Insert(new("a")), Change::Insert(large)]);
    assert_eq!(refused, Err(StoreError::Full));
    assert_eq!(store.find("a").unwrap(), None);
    insert(&mut store, "a");
}

#[test]
fn two_processes_do_not_share_an_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(&folder);
    let second = SqliteStore::open(&folder.path().join("outbox.db"));
    assert!(matches!(second, Err(StoreError::InUse(_))), "{second:?}");
}

#[test]
fn a_file_that_is_no_outbox_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "this is no database, whatever its name says ".repeat(50)).unwrap();
    assert!(matches!(SqliteStore::open(&text), Err(StoreError::Foreign { .. })));
    let other = folder.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(matches!(SqliteStore::open(&other), Err(StoreError::Foreign { .. })));
    let newer = folder.path().join("newer.db");
    drop(SqliteStore::open(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(SqliteStore::open(&newer), Err(StoreError::Foreign { .. })));
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("this is no database"));
}

#[test]
fn a_settled_event_with_a_callback_is_told_until_somebody_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let record = insert(&mut store, "a");
    assert_eq!(store.untold(1_000, 9).unwrap(), (vec![], None));
    let settled = Progress { state: State::Done, changed_at: 100, ..record.progress.clone() };
    store.commit(&[Change::Put(record.id, settled)]).unwrap();
    let (due, _) = store.untold(100, 9).unwrap();
    assert_eq!(due.iter().map(|untold| (untold.record.id, untold.tries)).collect::<Vec<_>>(), [(record.id, 0)]);
    store.commit(&[Change::Tell(record.id, Some(500))]).unwrap();
    assert_eq!(store.untold(499, 9).unwrap(), (vec![], Some(500)));
    assert_eq!(store.untold(500, 9).unwrap().0[0].tries, 1);
    // Neither is it forgotten before.
    let prune = Change::Prune { before: 1_000, at_most: 9 };
    assert_eq!(store.commit(std::slice::from_ref(&prune)).unwrap(), [Effect::Applied(0)]);
    store.commit(&[Change::Tell(record.id, None)]).unwrap();
    assert_eq!(store.commit(&[prune]).unwrap(), [Effect::Applied(1)]);
    assert_eq!(store.find("a").unwrap(), None);
}

#[test]
fn the_oldest_of_a_state_are_listed_first_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(&folder);
    let ids: Vec<Id> = ["a", "b", "c"].into_iter().map(|key| insert(&mut store, key).id).collect();
    let listed = |store: &mut SqliteStore, after| {
        store.list(State::Queued, after, 2).unwrap().into_iter().map(|record| record.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(&mut store, 0), &ids[..2]);
    assert_eq!(listed(&mut store, ids[1]), &ids[2..]);
    assert!(store.list(State::Waiting, 0, 2).unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// A killed process, or a power cut, leaves the write-ahead log at any length.
    #[test]
    fn a_log_that_is_cut_at_any_byte_holds_exactly_the_commits_that_had_ended(sizes in proptest::collection::vec(1usize..6_000, 1..5)) {
        let folder = tempfile::tempdir().unwrap();
        let (file, log) = (folder.path().join("outbox.db"), folder.path().join("outbox.db-wal"));
        let mut store = open(&folder);
        let mut ends = vec![std::fs::metadata(&log).unwrap().len()];
        for (index, size) in sizes.iter().enumerate() {
            let event = "x".repeat(*size);
            store.commit(&[Change::Insert(New { event, ..new(&index.to_string()) })]).unwrap();
            ends.push(std::fs::metadata(&log).unwrap().len());
        }
        let (database, written) = (std::fs::read(&file).unwrap(), std::fs::read(&log).unwrap());
        prop_assert_eq!(written.len() as u64, *ends.last().unwrap());
        // Every end, the byte before it and the one after, and some between.
        let near = ends.iter().flat_map(|end| [end.saturating_sub(1), *end, end + 1]);
        let between = (0..written.len() as u64).step_by(997);
        for cut in near.chain(between).filter(|cut| *cut >= ends[0] && *cut <= written.len() as u64) {
            let copy = tempfile::tempdir().unwrap();
            std::fs::write(copy.path().join("outbox.db"), &database).unwrap();
            std::fs::write(copy.path().join("outbox.db-wal"), &written[..cut as usize]).unwrap();
            let kept = open(&copy).unsettled().unwrap().len();
            let ended = ends.iter().filter(|end| **end <= cut).count() - 1;
            prop_assert_eq!(kept, ended, "cut at {} of {:?}", cut, &ends);
        }
    }
}
