//! The state file: what an instance holds, so that it survives a restart.
//!
//! A line of JSON for every change, appended before the reply is sent, so that an instance that is killed has lost
//! nothing that it confirmed. At each start the file is written anew without what is out of date. Tokens, faults and
//! the requests seen are not kept.

use super::blueprint::Blueprint;
use super::clock::Clock;
use super::engine::Engine;
use super::engine::record::Record;
use super::instance::Account;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub(crate) enum Change {
    /// Whose instance it is: the first line.
    Account(Account),
    /// A record, new or changed.
    Put(Record),
    /// A record that is gone.
    Remove {
        /// Its table.
        table: String,
        /// Its `sys_id`.
        sys_id: String,
    },
    /// A user's password.
    Password {
        /// The user's `sys_id`.
        sys_id: String,
        /// The password.
        password: String,
    },
    /// What is attached.
    Content {
        /// The attachment's `sys_id`.
        sys_id: String,
        /// Its bytes, in base64.
        base64: String,
    },
}

impl Change {
    /// What is attached.
    pub fn content(sys_id: &str, bytes: &[u8]) -> Self {
        Change::Content { sys_id: sys_id.to_owned(), base64: BASE64_STANDARD.encode(bytes) }
    }
}

/// A state file that is open.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    file: File,
    account: Account,
}

/// What a state file holds.
pub(crate) struct Loaded {
    pub engine: Engine,
    pub account: Account,
}

/// Reads a state file; none where there is no such file or it is empty.
///
/// # Errors
/// Where it cannot be read, or is no state file. A last line that was not written whole is left out.
pub(crate) fn load(path: &Path, blueprint: &Blueprint, clock: Clock) -> io::Result<Option<Loaded>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let lines = BufReader::new(file).lines().collect::<io::Result<Vec<String>>>()?;
    let last = lines.len().saturating_sub(1);
    let mut changes = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_str::<Change>(line) {
            Ok(change) => changes.push(change),
            Err(_) if index == last && index > 0 => {}
            Err(error) => {
                let message = format!("line {} of {} is no state: {error}", index + 1, path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
    }
    let Some(Change::Account(account)) = changes.first().cloned() else { return Ok(None) };
    let mut engine = blueprint.bare(clock);
    for change in changes {
        apply(&mut engine, change);
    }
    engine.relearn();
    blueprint.register(&mut engine, &account);
    Ok(Some(Loaded { engine, account }))
}

fn apply(engine: &mut Engine, change: Change) {
    match change {
        Change::Account(_) => {}
        Change::Put(record) => engine.store.put(&engine.dictionary, record),
        Change::Remove { table, sys_id } => {
            engine.store.remove(&engine.dictionary, &table, &sys_id);
            engine.contents.remove(&sys_id);
        }
        Change::Password { sys_id, password } => {
            engine.passwords.insert(sys_id, password);
        }
        Change::Content { sys_id, base64 } => {
            if let Ok(bytes) = BASE64_STANDARD.decode(base64) {
                engine.contents.insert(sys_id, bytes.into());
            }
        }
    }
}

impl StateFile {
    /// Writes an instance's whole state to a file and keeps it open.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn create(path: &Path, engine: &Engine, account: &Account) -> io::Result<Self> {
        write_whole(path, engine, account)?;
        let file = File::options().append(true).open(path)?;
        Ok(StateFile { path: path.to_owned(), file, account: account.clone() })
    }

    /// Appends changes.
    pub fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for change in changes {
            serde_json::to_writer(&mut lines, change)?;
            lines.push(b'\n');
        }
        self.file.write_all(&lines)
    }

    /// Writes the whole state anew.
    pub fn rewrite(&mut self, engine: &Engine) -> io::Result<()> {
        let account = self.account.clone();
        *self = StateFile::create(&self.path.clone(), engine, &account)?;
        Ok(())
    }
}

/// Beside the file first, then in its place: a crash leaves the old one.
fn write_whole(path: &Path, engine: &Engine, account: &Account) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut writer = BufWriter::new(File::create(&beside)?);
    let mut line = |change: &Change| -> io::Result<()> {
        serde_json::to_writer(&mut writer, change)?;
        writer.write_all(b"\n")
    };
    line(&Change::Account(account.clone()))?;
    for record in engine.store.all() {
        line(&Change::Put(record.clone()))?;
    }
    for (sys_id, password) in &engine.passwords {
        line(&Change::Password { sys_id: sys_id.clone(), password: password.clone() })?;
    }
    for (sys_id, bytes) in &engine.contents {
        line(&Change::content(sys_id, bytes))?;
    }
    writer.flush()?;
    std::fs::rename(beside, path)
}
