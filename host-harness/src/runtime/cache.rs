//! Compiled components on disk: compiling takes a second, reading back a thousandth of it.
//!
//! A file's name is the digest of the component and what wasmtime says two engines must have in common to share code
//! (its version, the target and the settings among it), so whatever changes leads to another file. It begins with the
//! SHA-256 of the rest. One that does not match is as if it were not there.

use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Files that are kept: those used last. A stock build and a mapping for each of a few customers.
const KEPT: usize = 32;
/// Bytes of the hash that a file begins with.
const HASH: usize = 32;

/// A folder of compiled components.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    user: User,
}

impl Cache {
    /// Uses a folder of the user's own, made if it is not there.
    ///
    /// # Errors
    /// Where it cannot be made, is another user's, or others may write to it: what lies there is run as it is.
    pub(super) fn open(folder: &Path) -> std::io::Result<Self> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
        let user = User::of_this_process()?;
        if !user.alone_writes(&std::fs::metadata(folder)?) {
            let why = format!(
                "{} is another user's, or others may write to it, and what lies there is run: chmod go-w",
                folder.display()
            );
            return Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, why));
        }
        Ok(Self { folder: folder.to_owned(), user })
    }

    fn path(&self, engine: &Engine, digest: &str) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
        self.folder.join(format!("{digest}-{:016x}.cwasm", hasher.finish()))
    }

    /// What was compiled before, if it is there and whole.
    pub(super) fn get(&self, engine: &Engine, digest: &str) -> Option<Component> {
        let path = self.path(engine, digest);
        let mut file = File::open(&path).ok()?;
        // Of the file that is read, whatever bears its name by now.
        if !self.user.alone_writes(&file.metadata().ok()?) {
            return None;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let (hash, code) = bytes.split_at_checked(HASH)?;
        if Sha256::digest(code).as_slice() != hash {
            return None;
        }
        // SAFETY: `deserialize` wants what `Component::serialize` gave. `put` alone writes files of this name, into a
        // folder that nobody but the user may write to, and each in one rename; the hash rules out that one was damaged
        // since. Wasmtime itself refuses what another version or another configuration wrote.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize(engine, code) };
        if let Err(error) = &component {
            tracing::debug!(%error, path = %path.display(), "compiled anew");
        }
        // For `prune`, which keeps those used last.
        let _ = file.set_modified(SystemTime::now());
        component.ok()
    }

    /// Keeps what was compiled. A cache that cannot be written is no reason not to go on.
    pub(super) fn put(&self, engine: &Engine, digest: &str, component: &Component) {
        let written = component
            .serialize()
            .map_err(|error| error.to_string())
            .and_then(|code| self.write(&self.path(engine, digest), &code).map_err(|error| error.to_string()));
        if let Err(error) = written {
            tracing::warn!(%error, folder = %self.folder.display(), "the compiled component could not be kept");
        }
        self.prune();
    }

    fn write(&self, path: &Path, code: &[u8]) -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(Sha256::digest(code).as_slice())?;
        file.write_all(code)?;
        file.persist(path).map(drop).map_err(|error| error.error)
    }

    fn prune(&self) {
        let Ok(folder) = std::fs::read_dir(&self.folder) else { return };
        let mut files: Vec<(SystemTime, PathBuf)> = folder
            .flatten()
            .filter(|file| file.path().extension().is_some_and(|extension| extension == "cwasm"))
            .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())))
            .collect();
        files.sort();
        for (_, path) in files.iter().rev().skip(KEPT) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Who runs this process.
#[derive(Clone, Copy, Debug)]
struct User {
    #[cfg(unix)]
    id: u32,
}

#[cfg(unix)]
impl User {
    /// A file belongs to whoever makes it.
    fn of_this_process() -> std::io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        Ok(Self { id: tempfile::tempfile()?.metadata()?.uid() })
    }

    fn alone_writes(self, metadata: &Metadata) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        metadata.uid() == self.id && metadata.mode() & 0o022 == 0
    }
}

/// A user's folders are the user's own there by default.
#[cfg(not(unix))]
impl User {
    fn of_this_process() -> std::io::Result<Self> {
        Ok(Self {})
    }

    fn alone_writes(self, _: &Metadata) -> bool {
        true
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_another_user_put_there_is_not_run() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let engine = Engine::default();
        let component = Component::new(&engine, wat::parse_str("(component)").unwrap()).unwrap();
        cache.put(&engine, "sha256:00", &component);
        assert!(cache.get(&engine, "sha256:00").is_some());
        let another = Cache { user: User { id: cache.user.id + 1 }, ..cache.clone() };
        assert!(another.get(&engine, "sha256:00").is_none());
        assert!(!another.user.alone_writes(&std::fs::metadata(folder.path()).unwrap()));
    }
}
