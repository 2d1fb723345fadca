//! Reading: proving that nothing was altered, and telling the story of a change.

use super::seal::{Checkpoint, Link};
use super::{AuditError, Entry, LINE_BYTES, lock};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Take};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A log that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many entries it has.
    pub entries: u64,
    /// The hash of its last line, to be written down elsewhere; zeros where it is empty.
    pub head: String,
    /// Bytes of half a line behind the last entry, which a process left that was killed as it wrote; 0 as a rule. It is
    /// no entry, and the next append takes it off.
    pub half_a_line: usize,
}

/// Proves that no line was altered, added, removed or moved, and that none is missing at the end. Others may append
/// meanwhile: what is judged is the log as it was when this began.
///
/// # Errors
/// Names the first line that is broken, or what is missing.
pub fn verify(path: &Path) -> Result<Verified, AuditError> {
    verify_with(path, lock::PATIENCE)
}

/// Waits for others no longer than this.
pub(super) fn verify_with(path: &Path, patience: Duration) -> Result<Verified, AuditError> {
    let checkpoint_path = Checkpoint::path(path);
    let (checkpoint, lines) = snapshot(path, &checkpoint_path, patience)?;
    let mut chain = Chain { path, end: Link::origin(), doubt: None };
    let mut half = Vec::new();
    for line in lines {
        let line = line?;
        if line.whole {
            chain.add(&line.bytes)?;
        } else {
            half = line.bytes;
        }
    }
    let Some(checkpoint) = checkpoint else {
        return match chain.end.seq {
            0 if half.is_empty() => chain.finish(true, 0),
            _ => Err(AuditError::NoCheckpoint { path: path.to_owned(), checkpoint: checkpoint_path }),
        };
    };
    let last = checkpoint.announced.as_ref().map_or(checkpoint.written.seq, |announced| announced.seq);
    if chain.end.seq < checkpoint.written.seq {
        chain.settle(false)?;
        return Err(AuditError::Cut { path: path.to_owned(), found: chain.end.seq, written: checkpoint.written.seq });
    }
    if chain.end.seq > last {
        chain.settle(true)?;
        let why = "was added by something else than the host".to_owned();
        return Err(AuditError::Broken { path: path.to_owned(), line: last + 1, why });
    }
    let sealed = chain.end == checkpoint.written || Some(&chain.end) == checkpoint.announced.as_ref();
    if sealed && !half.is_empty() && !checkpoint.left_by_a_crash(&chain.end, &half) {
        chain.settle(true)?;
        return Err(chain.broken(chain.end.seq + 1, STRANGE_HALF.into()));
    }
    chain.finish(sealed, half.len())
}

/// What is wrong with bytes at the end that no line feed follows and no crash explains.
pub(super) const STRANGE_HALF: &str = "has no end and was added by something else than the host";

/// Checkpoint and log as they are between two entries.
fn snapshot(
    path: &Path,
    checkpoint_path: &Path,
    patience: Duration,
) -> Result<(Option<Checkpoint>, Lines), AuditError> {
    let mut file = match File::open(checkpoint_path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Lines::open(path)?;
            // Nor is an empty log whole then: somebody may have emptied it and taken the checkpoint away.
            return Err(AuditError::NoCheckpoint { path: path.to_owned(), checkpoint: checkpoint_path.to_owned() });
        }
        Err(error) => return Err(AuditError::file("read", checkpoint_path)(error)),
    };
    // Where files have no locks, nobody could append at the same time either.
    match lock::beside_others(&file, checkpoint_path, patience) {
        Err(AuditError::File { source, .. }) if source.kind() == ErrorKind::Unsupported => {}
        locked => locked?,
    }
    let checkpoint = Checkpoint::read(&mut file, checkpoint_path)?;
    let lines = Lines::open(path)?;
    // The lock goes with the file.
    Ok((checkpoint, lines))
}

/// The chain as far as it was read. When a line does not follow from the one before it, either may be the altered one:
/// the next link tells, so the judgement waits for one more line.
struct Chain<'a> {
    path: &'a Path,
    end: Link,
    doubt: Option<u64>,
}

impl Chain<'_> {
    fn add(&mut self, line: &[u8]) -> Result<(), AuditError> {
        let number = self.end.seq + 1;
        let entry: Entry = match serde_json::from_slice(line) {
            Ok(entry) => entry,
            Err(error) => {
                self.settle(false)?;
                return Err(self.broken(number, format!("is no audit entry: {error}")));
            }
        };
        let follows = entry.previous == self.end.hash;
        self.settle(follows)?;
        if entry.seq != number {
            let why = match entry.seq.checked_sub(number) {
                Some(missing) if missing > 0 => format!("is entry {}: {missing} before it were removed", entry.seq),
                _ => format!("is entry {}: it does not belong there", entry.seq),
            };
            return Err(self.broken(number, why));
        }
        if !follows {
            if number == 1 {
                return Err(self.broken(1, "does not begin the log: what was before it was removed".into()));
            }
            self.doubt = Some(number);
        }
        self.end = self.end.then(line);
        Ok(())
    }

    /// `holds`: the link after the line in doubt does, so that line is as it was written, and the one before it is not.
    fn settle(&mut self, holds: bool) -> Result<(), AuditError> {
        match self.doubt.take() {
            Some(line) if holds => Err(self.broken(line - 1, "was altered".into())),
            Some(line) => {
                Err(self.broken(line - 1, format!("or line {line} was altered: the one does not follow the other")))
            }
            None => Ok(()),
        }
    }

    fn finish(mut self, sealed: bool, half_a_line: usize) -> Result<Verified, AuditError> {
        self.settle(sealed)?;
        if !sealed {
            return Err(self.broken(self.end.seq, "was altered".into()));
        }
        Ok(Verified { entries: self.end.seq, head: self.end.hash, half_a_line })
    }

    fn broken(&self, line: u64, why: String) -> AuditError {
        AuditError::Broken { path: self.path.to_owned(), line, why }
    }
}

/// All entries, in order. Proves nothing: see [`verify`].
///
/// # Errors
/// Where the file cannot be read; each item, where its line is no entry.
pub fn entries(path: &Path) -> Result<impl Iterator<Item = Result<Entry, AuditError>>, AuditError> {
    let path = path.to_owned();
    let lines = Lines::open(&path)?;
    let whole = lines.take_while(|line| line.as_ref().map_or(true, |line| line.whole));
    Ok(whole.zip(1..).map(move |(line, number)| {
        serde_json::from_slice(&line?.bytes).map_err(|error| AuditError::Broken {
            path: path.clone(),
            line: number,
            why: format!("is no audit entry: {error}"),
        })
    }))
}

/// The entries that tell the story of a change: those about it, and those of the same events. Lines that are no entry are
/// told as in [`entries`]: any of them may be about it.
///
/// # Errors
/// As [`entries`].
pub fn of_change(path: &Path, number: &str) -> Result<impl Iterator<Item = Result<Entry, AuditError>>, AuditError> {
    let number = number.to_owned();
    let is_about = move |entry: &Entry| entry.subject.as_ref().is_some_and(|ticket| ticket.number == number);
    let about = entries(path)?.flatten().filter(&is_about);
    let keys: BTreeSet<String> = about.filter_map(|entry| entry.key).collect();
    Ok(entries(path)?.filter(move |entry| match entry {
        Ok(entry) => is_about(entry) || entry.key.as_ref().is_some_and(|key| keys.contains(key)),
        Err(_) => true,
    }))
}

struct Line {
    /// Without the line feed.
    bytes: Vec<u8>,
    /// Whether there was one.
    whole: bool,
}

/// Lines of bounded length, of a log as long as it was when it was opened.
struct Lines {
    path: PathBuf,
    file: Take<BufReader<File>>,
    read: u64,
    failed: bool,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, AuditError> {
        let file = File::open(path).map_err(AuditError::file("read", path))?;
        let length = file.metadata().map_err(AuditError::file("read", path))?.len();
        Ok(Self { path: path.to_owned(), file: BufReader::new(file).take(length), read: 0, failed: false })
    }
}

impl Iterator for Lines {
    type Item = Result<Line, AuditError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let mut bytes = Vec::new();
        let most = LINE_BYTES as u64 + 1;
        if let Err(error) = (&mut self.file).take(most).read_until(b'\n', &mut bytes) {
            self.failed = true;
            return Some(Err(AuditError::file("read", &self.path)(error)));
        }
        if bytes.is_empty() {
            return None;
        }
        self.read += 1;
        let whole = bytes.last() == Some(&b'\n');
        if whole {
            bytes.pop();
        } else if bytes.len() as u64 == most {
            self.failed = true;
            let why = format!("is longer than {LINE_BYTES} bytes");
            return Some(Err(AuditError::Broken { path: self.path.clone(), line: self.read, why }));
        }
        Some(Ok(Line { bytes, whole }))
    }
}
