//! The checkpoint: the number and the hash of the last line, in a file beside the log.

use super::AuditError;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes of a checkpoint: always the same, so that it is replaced by one write that a crash cannot tear (it lies within
/// one sector), and nothing of a longer one can stay behind.
const SIZE: usize = 512;

/// The end of the chain after some line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The number of the last line; 0 where there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

impl Link {
    /// Before the first line.
    pub fn origin() -> Self {
        Self { seq: 0, hash: "0".repeat(64) }
    }

    /// After one more line, given without its line feed.
    pub fn then(&self, line: &[u8]) -> Self {
        Self { seq: self.seq.saturating_add(1), hash: hash(line) }
    }
}

/// SHA-256 in hex.
pub fn hash(line: &[u8]) -> String {
    Sha256::digest(line).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a log's end must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Written for certain.
    pub written: Link,
    /// About to be written: the log may end here too.
    pub announced: Option<Link>,
}

impl Checkpoint {
    /// Where a log's checkpoint lies.
    pub fn path(log: &Path) -> PathBuf {
        let mut name = log.as_os_str().to_owned();
        name.push(".checkpoint");
        name.into()
    }

    /// Reads it; none where the file is empty, as it is when a log begins.
    pub fn read(file: &mut File, path: &Path) -> Result<Option<Self>, AuditError> {
        let mut text = Vec::with_capacity(SIZE);
        file.seek(SeekFrom::Start(0)).map_err(AuditError::file("read", path))?;
        let mut within = file.take(SIZE as u64 + 1);
        within.read_to_end(&mut text).map_err(AuditError::file("read", path))?;
        if text.is_empty() {
            return Ok(None);
        }
        let whole = text.len() == SIZE && text.ends_with(b"\n");
        match serde_json::from_slice(&text) {
            Ok(checkpoint) if whole => Ok(Some(checkpoint)),
            _ => Err(AuditError::BadCheckpoint { path: path.to_owned() }),
        }
    }

    /// Whether what stands behind the last whole line, without a line feed, is what a killed process left as it wrote the
    /// line that is announced. A whole entry is that line or none of the host's.
    pub fn left_by_a_crash(&self, end: &Link, half: &[u8]) -> bool {
        let Some(announced) = self.announced.as_ref().filter(|_| *end == self.written) else { return false };
        let beginning = format!("{{\"seq\":{},\"time\":\"", announced.seq);
        let begins = half.starts_with(beginning.as_bytes()) || beginning.as_bytes().starts_with(half);
        hash(half) == announced.hash || (begins && serde_json::from_slice::<IgnoredAny>(half).is_err())
    }

    /// Replaces it.
    pub fn write(&self, file: &mut File, path: &Path) -> Result<(), AuditError> {
        let mut text =
            serde_json::to_vec(self).map_err(std::io::Error::from).map_err(AuditError::file("write", path))?;
        text.resize(SIZE - 1, b' ');
        text.push(b'\n');
        file.seek(SeekFrom::Start(0)).map_err(AuditError::file("write", path))?;
        file.write_all(&text).map_err(AuditError::file("write", path))
    }
}
