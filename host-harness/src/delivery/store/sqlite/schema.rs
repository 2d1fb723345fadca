//! The tables of the file, and how a file is told to be an outbox.

use super::{StoreError, in_words};
use rusqlite::Connection;

/// Says in the file's header that it is an outbox: `ITSM`.
const APPLICATION: i32 = 0x4954_534D;

/// The version of the tables. The first lacked `instance`, and the second the column `gate`.
const VERSION: i32 = 3;

const TABLES: &str = "
    CREATE TABLE event (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,
        lane TEXT NOT NULL,
        hook TEXT NOT NULL,
        occurred_at INTEGER NOT NULL,
        accepted_at INTEGER NOT NULL,
        event TEXT NOT NULL,
        callback TEXT,
        tell_at INTEGER,
        tries INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL CHECK (state IN ('queued', 'in-flight', 'waiting', 'done', 'given-up')),
        attempts INTEGER NOT NULL DEFAULT 0,
        strikes INTEGER NOT NULL DEFAULT 0,
        due INTEGER NOT NULL,
        asked_at INTEGER,
        changed_at INTEGER NOT NULL,
        given_up_at INTEGER,
        answer TEXT,
        gate TEXT
    ) STRICT;
    CREATE INDEX event_unsettled ON event (id) WHERE state IN ('queued', 'in-flight', 'waiting');
    CREATE INDEX event_waiting ON event (id) WHERE state = 'waiting';
    CREATE INDEX event_given_up ON event (id) WHERE state = 'given-up';
    CREATE INDEX event_settled ON event (changed_at) WHERE state IN ('done', 'given-up');
    CREATE INDEX event_untold ON event (tell_at) WHERE tell_at IS NOT NULL;
    CREATE TABLE cursor (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        cursor TEXT NOT NULL,
        began_at INTEGER NOT NULL,
        ended_at INTEGER NOT NULL
    ) STRICT;
";

const INSTANCE: &str = "
    CREATE TABLE instance (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        origin TEXT NOT NULL
    ) STRICT;
";

const GATE: &str = "ALTER TABLE event ADD COLUMN gate TEXT;";

/// Makes the tables in an empty file, and what a file of an earlier version lacks; checks that any other is an outbox of this version.
pub(super) fn make_or_check(connection: &mut Connection, name: &str) -> Result<(), StoreError> {
    let foreign = |why: String| StoreError::Foreign { file: name.to_owned(), why };
    let failed = |error: rusqlite::Error| in_words(&error, name);
    let transaction = connection.transaction().map_err(failed)?;
    let number = |pragma| transaction.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let (application, version) = (number("application_id").map_err(failed)?, number("user_version").map_err(failed)?);
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(failed)?;
    match (application, version, tables) {
        (0, 0, 0) => {
            transaction.execute_batch(TABLES).map_err(failed)?;
            transaction.execute_batch(INSTANCE).map_err(failed)?;
            transaction.pragma_update(None, "application_id", APPLICATION).map_err(failed)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(failed)?;
        }
        (APPLICATION, 1..VERSION, _) => {
            if version < 2 {
                transaction.execute_batch(INSTANCE).map_err(failed)?;
            }
            transaction.execute_batch(GATE).map_err(failed)?;
            transaction.pragma_update(None, "user_version", VERSION).map_err(failed)?;
        }
        (APPLICATION, VERSION, _) => {}
        (APPLICATION, version, _) => {
            return Err(foreign(format!("it has version {version}, this one reads {VERSION}")));
        }
        _ => return Err(foreign("it is another program's database".into())),
    }
    transaction.commit().map_err(failed)
}
