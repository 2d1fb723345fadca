//! The store in a file: SQLite with a write-ahead log that is flushed to the disk at every commit.

mod schema;

use super::{Change, Cursor, Effect, Id, New, Progress, Record, State, Store, StoreError, Untold};
use itsm_contract::types::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, named_params, params};
use std::path::Path;

/// Statements that stay prepared: every one of this file.
const STATEMENTS: usize = 32;

/// Columns of a record, in the order in which [`record`] reads them.
const COLUMNS: &str = "id, key, lane, hook, occurred_at, accepted_at, callback, octet_length(event), \
                       state, attempts, strikes, due, asked_at, changed_at, given_up_at, answer, gate";

/// The outbox in a SQLite file. One process at a time has it open.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
}

impl SqliteStore {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    /// Where another process has it, it is something else, or it cannot be written.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        let name = file.display().to_string();
        let opened = Connection::open(file).map_err(|error| in_words(&error, &name))?;
        Self::prepare(opened, &name)
    }

    /// Says which instance's events it holds, by the origin of its URL. The first time, that is written down; what is
    /// said of one instance is not to be delivered to another, nor answered from it.
    ///
    /// # Errors
    /// [`StoreError::OtherInstance`] where it is another's.
    pub fn of_instance(self, origin: &str) -> Result<Self, StoreError> {
        let known = self.connection.query_row("SELECT origin FROM instance", (), |row| row.get::<_, String>(0));
        match known.optional().map_err(failed)? {
            Some(known) if known == origin => Ok(self),
            Some(theirs) => Err(StoreError::OtherInstance { theirs, ours: origin.into() }),
            None => self.moved_to(origin),
        }
    }

    /// The same where the instance has a new URL.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn moved_to(self, origin: &str) -> Result<Self, StoreError> {
        let sql = "INSERT INTO instance (one, origin) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET origin = ?1";
        self.connection.execute(sql, [origin]).map_err(failed)?;
        Ok(self)
    }

    #[cfg(test)]
    pub(super) fn connection_for_tests(&self) -> &Connection {
        &self.connection
    }

    fn prepare(mut connection: Connection, name: &str) -> Result<Self, StoreError> {
        let failed = |error: rusqlite::Error| in_words(&error, name);
        // Before the log's mode is set: the lock is then held for good, and no shared memory is needed.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(failed)?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0)).map_err(failed)?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(StoreError::Failed(format!("{name} cannot have a write-ahead log")));
        }
        // NORMAL would survive a killed process, not a power cut: it flushes the log at checkpoints alone.
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        connection.pragma_update(None, "trusted_schema", "OFF").map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        schema::make_or_check(&mut connection, name)?;
        Ok(Self { connection })
    }

    fn select<T>(
        &mut self,
        condition: &str,
        parameters: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT {COLUMNS}, tries FROM event WHERE {condition}"))
            .map_err(failed)?;
        statement.query_map(parameters, read).and_then(Iterator::collect).map_err(failed)
    }
}

impl Store for SqliteStore {
    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Effect>, StoreError> {
        let transaction = self.connection.transaction().map_err(failed)?;
        let effects = changes.iter().map(|change| apply(&transaction, change)).collect::<Result<_, _>>();
        let effects = effects.map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(effects)
    }

    fn find(&mut self, key: &str) -> Result<Option<Record>, StoreError> {
        Ok(self.select("key = ?1", params![key], record)?.pop())
    }

    fn event(&mut self, id: Id) -> Result<Option<(Record, String)>, StoreError> {
        self.connection
            .prepare_cached(&format!("SELECT {COLUMNS}, event FROM event WHERE id = ?1"))
            .and_then(|mut statement| statement.query_row([id], |row| Ok((record(row)?, row.get("event")?))).optional())
            .map_err(failed)
    }

    fn unsettled(&mut self) -> Result<Vec<Record>, StoreError> {
        self.select("state IN ('queued', 'in-flight', 'waiting') ORDER BY id", (), record)
    }

    fn list(&mut self, state: State, after: Id, at_most: u32) -> Result<Vec<Record>, StoreError> {
        // The name stands in the text, so that the index over this state's rows alone is used.
        let condition = format!("state = '{}' AND id > ?1 ORDER BY id LIMIT ?2", state.name());
        self.select(&condition, params![after, at_most], record)
    }

    fn untold(&mut self, now: Timestamp, at_most: u32) -> Result<(Vec<Untold>, Option<Timestamp>), StoreError> {
        let due = self.select(
            "tell_at IS NOT NULL AND tell_at <= ?1 ORDER BY tell_at LIMIT ?2",
            params![number(now), at_most],
            |row| Ok(Untold { record: record(row)?, tries: row.get("tries")? }),
        )?;
        let next = self
            .connection
            .prepare_cached("SELECT min(tell_at) FROM event WHERE tell_at > ?1")
            .and_then(|mut statement| statement.query_row([number(now)], |row| row.get::<_, Option<i64>>(0)))
            .map_err(failed)?;
        Ok((due, next.map(time)))
    }

    fn cursor(&mut self) -> Result<Option<Cursor>, StoreError> {
        self.connection
            .query_row("SELECT cursor, began_at, ended_at FROM cursor", (), |row| {
                Ok(Cursor { cursor: row.get(0)?, began_at: time(row.get(1)?), ended_at: time(row.get(2)?) })
            })
            .optional()
            .map_err(failed)
    }
}

fn apply(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<Effect> {
    let run = |sql: &str, parameters: &[(&str, &dyn rusqlite::ToSql)]| {
        transaction.prepare_cached(sql)?.execute(parameters).map(Effect::Applied)
    };
    match change {
        Change::Insert(new) => insert(transaction, new),
        Change::Start { id, at } => {
            let started = transaction
                .prepare_cached(
                    "UPDATE event SET state = 'in-flight', attempts = attempts + 1, asked_at = ?2, changed_at = ?2 \
                     WHERE id = ?1",
                )?
                .execute(params![id, number(*at)])?;
            if started == 0 {
                return Ok(Effect::Applied(0));
            }
            transaction
                .prepare_cached(&format!("SELECT {COLUMNS}, event FROM event WHERE id = ?1"))?
                .query_row([id], |row| Ok(Effect::Started(record(row)?, row.get("event")?)))
        }
        Change::Put(id, progress) => run(
            // Who asked to be told is told once it is settled.
            "UPDATE event SET state = :state, attempts = :attempts, strikes = :strikes, due = :due, \
             asked_at = :asked, changed_at = :changed, given_up_at = :given_up, answer = :answer, gate = :gate, \
             tell_at = CASE WHEN callback IS NOT NULL AND :settled THEN :changed END, tries = 0 \
             WHERE id = :id",
            named_params! {
                ":id": id,
                ":state": progress.state.name(),
                ":attempts": progress.attempts,
                ":strikes": progress.strikes,
                ":due": number(progress.due),
                ":asked": progress.asked_at.map(number),
                ":changed": number(progress.changed_at),
                ":given_up": progress.given_up_at.map(number),
                ":answer": progress.answer,
                ":gate": progress.gate,
                ":settled": progress.state.is_settled(),
            },
        ),
        Change::Cursor(cursor) => run(
            "INSERT INTO cursor (one, cursor, began_at, ended_at) VALUES (1, :cursor, :began, :ended) \
             ON CONFLICT (one) DO UPDATE SET cursor = :cursor, began_at = :began, ended_at = :ended",
            named_params! {
                ":cursor": cursor.cursor, ":began": number(cursor.began_at), ":ended": number(cursor.ended_at),
            },
        ),
        Change::Tell(id, at) => run(
            "UPDATE event SET tell_at = :at, tries = tries + 1 WHERE id = :id",
            named_params! { ":id": id, ":at": at.map(number) },
        ),
        Change::Prune { before, at_most } => run(
            "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE state IN ('done', 'given-up') \
             AND changed_at < :before AND tell_at IS NULL ORDER BY changed_at LIMIT :most)",
            named_params! { ":before": number(*before), ":most": at_most },
        ),
    }
}

fn insert(transaction: &Transaction<'_>, new: &New) -> rusqlite::Result<Effect> {
    let inserted = transaction
        .prepare_cached(
            "INSERT INTO event (key, lane, hook, occurred_at, accepted_at, event, callback, state, due, changed_at) \
             VALUES (:key, :lane, :hook, :occurred, :accepted, :event, :callback, 'queued', :accepted, :accepted) \
             ON CONFLICT (key) DO NOTHING",
        )?
        .execute(named_params! {
            ":key": new.key,
            ":lane": new.lane,
            ":hook": new.hook,
            ":occurred": number(new.occurred_at),
            ":accepted": number(new.accepted_at),
            ":event": new.event,
            ":callback": new.callback,
        })?;
    let there = transaction
        .prepare_cached(&format!("SELECT {COLUMNS} FROM event WHERE key = ?1"))?
        .query_row([&new.key], record)?;
    Ok(if inserted == 1 { Effect::Inserted(there) } else { Effect::Known(there) })
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let state: String = row.get(8)?;
    let state = State::parse(&state).ok_or(rusqlite::Error::InvalidColumnIndex(8))?;
    Ok(Record {
        id: row.get(0)?,
        key: row.get(1)?,
        lane: row.get(2)?,
        hook: row.get(3)?,
        occurred_at: time(row.get(4)?),
        accepted_at: time(row.get(5)?),
        callback: row.get(6)?,
        bytes: time(row.get(7)?),
        progress: Progress {
            state,
            attempts: row.get(9)?,
            strikes: row.get(10)?,
            due: time(row.get(11)?),
            asked_at: row.get::<_, Option<i64>>(12)?.map(time),
            changed_at: time(row.get(13)?),
            given_up_at: row.get::<_, Option<i64>>(14)?.map(time),
            answer: row.get(15)?,
            gate: row.get(16)?,
        },
    })
}

/// SQLite's integers have a sign. Times beyond the year 292 million are that year.
fn number(time: Timestamp) -> i64 {
    i64::try_from(time).unwrap_or(i64::MAX)
}

fn time(number: i64) -> Timestamp {
    Timestamp::try_from(number).unwrap_or_default()
}

fn failed(error: rusqlite::Error) -> StoreError {
    in_words(&error, "outbox")
}

fn in_words(error: &rusqlite::Error, name: &str) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::InUse(name.into()),
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { file: name.into(), why: "it is no database".into() },
        Some(ErrorCode::DiskFull) => StoreError::Full,
        _ => StoreError::Failed(error.to_string()),
    }
}
