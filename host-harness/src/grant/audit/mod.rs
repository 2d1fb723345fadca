//! The audit log: what was decided and done, in JSON lines that cannot be altered unnoticed.
//!
//! Each line carries the SHA-256 of the line before it, and a checkpoint beside the file (`….checkpoint`) the number and
//! the hash of the last line, so an edit, an insertion, a removal and a cut tail are all found by [`verify`]: edits by
//! anyone who cannot rewrite both files.
//!
//! # What is written when
//!
//! An entry is in the operating system's hands when [`AuditLog::append`] returns: it outlives the process, killed
//! however. [`AuditLog::sync`] puts it on the disk, where it outlives the machine's power; the runtime does so at the
//! end of each call. For each entry the checkpoint first announces the line, then the line is written, then the
//! checkpoint confirms it. After a crash between the two the log ends at either, and both are whole. Half of the announced
//! line is told by [`verify`] and taken off when the next entry is written; anything else behind the last line is a
//! forgery.
//!
//! Several processes may write one log: each takes the file's lock for one entry. Services do not share one
//! ([`AuditLog::alone`]).
//!
//! # A line
//!
//! ```json
//! {"seq":7,"time":"2026-11-24T16:20:00.123Z","who":"plugin","action":"gate.proceed","key":"build-1","subject":{…},"details":{…},"previous":"…"}
//! ```
//!
//! `who` is written by the host alone; a plugin has no way to say it.

mod entry;
mod lock;
mod log;
mod read;
mod seal;

pub use entry::{Entry, Who};
pub use log::AuditLog;
pub(crate) use log::Note;
pub use read::{Verified, entries, of_change, verify};

use std::path::PathBuf;

/// Bytes of one line. The plugin's own limit for all entries of a call is above it; nothing it has to say needs more.
pub const LINE_BYTES: usize = 1024 * 1024;

/// Why a log cannot be written, or is not to be trusted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The file or its checkpoint cannot be used. Where another process keeps it locked, `source` says `TimedOut`.
    #[error("cannot {doing} the audit log `{}`: {source}", path.display())]
    File {
        /// Such as `write`.
        doing: &'static str,
        /// Which of the two files.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line is not what the chain says.
    #[error("line {line} of `{}` {why}", path.display())]
    Broken {
        /// The log.
        path: PathBuf,
        /// The first one, counted from 1.
        line: u64,
        /// Such as `was altered`.
        why: String,
    },
    /// Lines are missing at the end.
    #[error("`{}` ends after line {found} and had {written}: its tail was cut off", path.display())]
    Cut {
        /// The log.
        path: PathBuf,
        /// How many lines there are.
        found: u64,
        /// How many there were.
        written: u64,
    },
    /// There is a log without a checkpoint.
    #[error("`{}` has no checkpoint beside it, so nothing tells whether it is whole: restore `{}`", path.display(), checkpoint.display())]
    NoCheckpoint {
        /// The log.
        path: PathBuf,
        /// Where the checkpoint belongs.
        checkpoint: PathBuf,
    },
    /// The checkpoint is no checkpoint.
    #[error("`{}` is no checkpoint: restore it, or move it and its log away to begin a new one", path.display())]
    BadCheckpoint {
        /// Which file.
        path: PathBuf,
    },
    /// Another service writes it.
    #[error("the audit log `{}` is another service's: give each service a log of its own", path.display())]
    InUse {
        /// The log.
        path: PathBuf,
    },
    /// An entry is larger than [`LINE_BYTES`].
    #[error("an audit entry of {bytes} bytes is larger than {LINE_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

impl AuditError {
    fn file(doing: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { doing, path: path.to_owned(), source }
    }
}

#[cfg(test)]
mod tests;
