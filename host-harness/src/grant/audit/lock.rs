//! The lock of a log, for one entry or one look at it. Whoever has it keeps it for a moment; one that keeps it for longer
//! hangs, and nobody hangs with it.

use super::AuditError;
use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long others may have it: a thousand entries one after the other take a second.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Between two looks. The lock is free within microseconds as a rule.
const LOOK: Duration = Duration::from_millis(2);

/// Takes it alone, to write.
pub(super) fn alone(file: &File, path: &Path, patience: Duration) -> Result<(), AuditError> {
    take(|| file.try_lock(), path, patience)
}

/// Takes it beside other readers.
pub(super) fn beside_others(file: &File, path: &Path, patience: Duration) -> Result<(), AuditError> {
    take(|| file.try_lock_shared(), path, patience)
}

fn take(lock: impl Fn() -> Result<(), TryLockError>, path: &Path, patience: Duration) -> Result<(), AuditError> {
    let began = Instant::now();
    loop {
        match lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(AuditError::file("lock", path)(error)),
            Err(TryLockError::WouldBlock) if began.elapsed() < patience => std::thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => {
                let why = format!("another process has kept its lock for {patience:?}: find it and end it");
                return Err(AuditError::file("lock", path)(Error::new(ErrorKind::TimedOut, why)));
            }
        }
    }
}
