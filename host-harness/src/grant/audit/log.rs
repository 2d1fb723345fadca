//! Appending.

use super::read::STRANGE_HALF;
use super::seal::{Checkpoint, Link, hash};
use super::{AuditError, Entry, LINE_BYTES, Who, lock};
use itsm_contract::types::{Attribute, Ticket, Timestamp};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An open log. Appends of all threads and processes are in one order.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    checkpoint_path: PathBuf,
    files: Mutex<Files>,
    /// How many entries this process wrote.
    written: AtomicU64,
    /// How many of them are on the disk for certain.
    synced: Mutex<u64>,
    /// Why the last entry is not in it; none where it is.
    trouble: Mutex<Option<String>>,
    /// Locked while this is the only service that writes it.
    alone: Option<File>,
    /// How long another process may have it locked.
    patience: Duration,
}

#[derive(Debug)]
struct Files {
    log: File,
    checkpoint: File,
}

/// What is appended: the log adds number, time and hash.
#[derive(Clone, Debug, Default)]
pub(crate) struct Note {
    pub(crate) action: String,
    pub(crate) key: Option<String>,
    pub(crate) subject: Option<Ticket>,
    pub(crate) details: Vec<Attribute>,
}

impl Note {
    pub(crate) fn new(action: &str) -> Self {
        Self { action: action.into(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.details.push((name.into(), value.into()));
        self
    }
}

impl AuditLog {
    /// Opens a log, or begins one, readable by its owner alone.
    ///
    /// # Errors
    /// Where the file or its checkpoint cannot be opened, there is a log without a checkpoint, or the log's end is not
    /// what the checkpoint says: nothing is added to a log that is not to be trusted.
    pub fn open(path: &Path) -> Result<Self, AuditError> {
        Self::open_with(path, lock::PATIENCE)
    }

    /// Opens it and waits for others no longer than this.
    pub(super) fn open_with(path: &Path, patience: Duration) -> Result<Self, AuditError> {
        let checkpoint_path = Checkpoint::path(path);
        let files = Files { log: open(path)?, checkpoint: open(&checkpoint_path)? };
        let log = Self {
            path: path.to_owned(),
            checkpoint_path,
            files: Mutex::new(files),
            written: AtomicU64::new(0),
            synced: Mutex::new(0),
            trouble: Mutex::default(),
            alone: None,
            patience,
        };
        log.locked(|files| files.end(&log.path, &log.checkpoint_path))?;
        Ok(log)
    }

    /// Keeps other services from it as long as this is open: each has its own story to tell, and its own restarts. A
    /// command may add to it all the same.
    ///
    /// # Errors
    /// [`AuditError::InUse`] where another service has it.
    pub fn alone(mut self) -> Result<Self, AuditError> {
        // A file of its own: where a lock keeps others from reading, the log must stay readable.
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(AuditError::InUse { path: self.path }),
            Err(TryLockError::Error(error)) => return Err(AuditError::file("lock", &path)(error)),
        }
        self.alone = Some(file);
        Ok(self)
    }

    /// Why the last entry could not be written, in words that name no path; none where it was.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an entry of the host's own, for an embedder that has something to say.
    ///
    /// # Errors
    /// Where it cannot be written, or the log is no longer what it was.
    pub fn append(
        &self,
        action: &str,
        key: Option<&str>,
        subject: Option<&Ticket>,
        details: &[Attribute],
    ) -> Result<(), AuditError> {
        let note = Note {
            action: action.into(),
            key: key.map(str::to_owned),
            subject: subject.cloned(),
            details: details.to_vec(),
        };
        self.note(Who::Host, note).map(drop)
    }

    /// Adds an entry and gives its size in bytes.
    pub(crate) fn note(&self, who: Who, note: Note) -> Result<usize, AuditError> {
        let written = self.write(who, note);
        let trouble = match &written {
            Ok(_) => None,
            // Whoever wrote so much is to blame, and not the log.
            Err(AuditError::TooLarge { .. }) => return written,
            Err(AuditError::File { doing, source, .. }) => Some(format!("cannot {doing} the audit log: {source}")),
            Err(_) => Some("the audit log is no longer what this host left: look at it with `audit verify`".to_owned()),
        };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        written
    }

    fn write(&self, who: Who, note: Note) -> Result<usize, AuditError> {
        self.locked(|files| {
            let end = files.end(&self.path, &self.checkpoint_path)?;
            let entry = Entry {
                seq: end.seq.saturating_add(1),
                time: now(),
                who,
                action: note.action,
                key: note.key,
                subject: note.subject,
                details: note.details,
                previous: end.hash.clone(),
            };
            let mut line = serde_json::to_vec(&entry)
                .map_err(std::io::Error::from)
                .map_err(AuditError::file("write", &self.path))?;
            if line.len() > LINE_BYTES {
                return Err(AuditError::TooLarge { bytes: line.len() });
            }
            let next = end.then(&line);
            line.push(b'\n');
            let announced = Checkpoint { written: end, announced: Some(next.clone()) };
            announced.write(&mut files.checkpoint, &self.checkpoint_path)?;
            files.log.seek(SeekFrom::End(0)).map_err(AuditError::file("write", &self.path))?;
            files.log.write_all(&line).map_err(AuditError::file("write", &self.path))?;
            let confirmed = Checkpoint { written: next, announced: None };
            confirmed.write(&mut files.checkpoint, &self.checkpoint_path)?;
            self.written.fetch_add(1, Ordering::Release);
            Ok(line.len())
        })
    }

    /// Puts all that was appended on the disk. Blocks while the disk works; calls that wait for it together are served
    /// by one write of the disk.
    ///
    /// # Errors
    /// Where the disk refuses.
    pub fn sync(&self) -> Result<(), AuditError> {
        let wanted = self.written.load(Ordering::Acquire);
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= wanted {
            return Ok(());
        }
        // All that was written while this call waited for the one before it.
        let covered = self.written.load(Ordering::Acquire);
        // On copies, so that others append while the disk works.
        let (log, checkpoint) = {
            let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            let copy = |file: &File| file.try_clone().map_err(AuditError::file("sync", &self.path));
            (copy(&files.log)?, copy(&files.checkpoint)?)
        };
        log.sync_data().map_err(AuditError::file("sync", &self.path))?;
        checkpoint.sync_data().map_err(AuditError::file("sync", &self.checkpoint_path))?;
        *synced = covered;
        Ok(())
    }

    /// Alone among threads, by the mutex, and among processes, by the file's lock.
    fn locked<T>(&self, work: impl FnOnce(&mut Files) -> Result<T, AuditError>) -> Result<T, AuditError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        lock::alone(&files.checkpoint, &self.checkpoint_path, self.patience)?;
        let done = work(&mut files);
        files.checkpoint.unlock().map_err(AuditError::file("unlock", &self.checkpoint_path))?;
        done
    }
}

/// Opens a file, made if there is none, for its owner alone.
fn open(path: &Path) -> Result<File, AuditError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(AuditError::file("open", path))
}

impl Files {
    /// The end of the chain. Only the last line is looked at; [`verify`](super::verify) reads them all.
    fn end(&mut self, path: &Path, checkpoint_path: &Path) -> Result<Link, AuditError> {
        let length = self.log.metadata().map_err(AuditError::file("read", path))?.len();
        let Some(checkpoint) = Checkpoint::read(&mut self.checkpoint, checkpoint_path)? else {
            return match length {
                0 => Ok(Link::origin()),
                _ => Err(AuditError::NoCheckpoint { path: path.to_owned(), checkpoint: checkpoint_path.to_owned() }),
            };
        };
        let End { line, half } = self.last_line(path, length)?;
        let ends_at = |link: &Link| match &line {
            Some(line) => hash(line) == link.hash,
            None => link.seq == 0,
        };
        let broken =
            |seq: u64, why: &str| AuditError::Broken { path: path.to_owned(), line: seq.max(1), why: why.into() };
        let end = match &checkpoint.announced {
            Some(announced) if ends_at(announced) => announced.clone(),
            _ if ends_at(&checkpoint.written) => checkpoint.written.clone(),
            _ => {
                let why = "is not the last line that was written: run `audit verify`, and move the log away to begin a new one";
                return Err(broken(checkpoint.written.seq, why));
            }
        };
        if !half.is_empty() {
            if !checkpoint.left_by_a_crash(&end, &half) {
                return Err(broken(end.seq.saturating_add(1), STRANGE_HALF));
            }
            let whole = length.saturating_sub(half.len() as u64);
            self.log.set_len(whole).map_err(AuditError::file("repair", path))?;
        }
        Ok(end)
    }

    /// The last whole line, and what stands behind it.
    fn last_line(&mut self, path: &Path, length: u64) -> Result<End, AuditError> {
        // Two lines and their line feeds: the last whole one and half a one behind it.
        let window = length.min(2 * (LINE_BYTES as u64 + 1));
        let mut tail = Vec::new();
        let mut size = window.min(4096);
        loop {
            // Most lines are short: look at little first.
            self.log.seek(SeekFrom::Start(length - size)).map_err(AuditError::file("read", path))?;
            tail.clear();
            (&self.log).take(size).read_to_end(&mut tail).map_err(AuditError::file("read", path))?;
            let mut pieces = tail.rsplitn(3, |byte| *byte == b'\n');
            let half = pieces.next().unwrap_or_default().to_vec();
            match (pieces.next(), pieces.next()) {
                // What stands before the line is known to be another one, or nothing.
                (Some(line), before) if before.is_some() || size == length => {
                    return Ok(End { line: Some(line.to_vec()), half });
                }
                (None, _) if size == length => return Ok(End { line: None, half }),
                _ if size == window => {
                    let why = format!("is longer than {LINE_BYTES} bytes");
                    return Err(AuditError::Broken { path: path.to_owned(), line: 1, why });
                }
                _ => size = (size * 16).min(window),
            }
        }
    }
}

/// How a log ends.
struct End {
    /// The last whole line, without its line feed.
    line: Option<Vec<u8>>,
    /// What stands behind it.
    half: Vec<u8>,
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX)
}
