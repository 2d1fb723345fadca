//! Where the guests' sources are, and where what is built from them is kept.

use super::Error;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The workspace that this harness was built in.
pub(super) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds it where it was when the harness was compiled.
    pub fn find() -> Result<Self, Error> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::at(here.parent().unwrap_or(here))
    }

    fn at(root: &Path) -> Result<Self, Error> {
        if root.join("Cargo.toml").is_file() && root.join("plugin/Cargo.toml").is_file() {
            Ok(Self { root: root.into() })
        } else {
            Err(Error::NoSources(root.into()))
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The guests' own target folder: the harness's is locked while cargo builds the harness.
    pub fn target(&self) -> PathBuf {
        self.root.join("target/guest")
    }

    /// Holds off every other process that would build here, until it is dropped.
    pub fn lock(&self) -> Result<File, Error> {
        let target = self.target();
        std::fs::create_dir_all(&target).map_err(Error::file("cannot create", &target))?;
        let path = target.join("build.lock");
        let file = File::create(&path).map_err(Error::file("cannot create", &path))?;
        file.lock().map_err(Error::file("cannot lock", &path))?;
        Ok(file)
    }
}

/// Writes a file so that a reader sees the old one or the new one, never a part.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = new_file().tempfile_in(folder)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(Error::file("cannot write", path))
}

/// A temporary file is its owner's alone by default; this one is to become an ordinary file.
fn new_file() -> tempfile::Builder<'static, 'static> {
    #[cfg_attr(not(unix), expect(unused_mut))]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_that_are_gone_are_told_with_what_to_do() {
        let empty = tempfile::tempdir().unwrap();
        let error = Workspace::at(empty.path()).err().unwrap().to_string();
        assert_eq!(
            error,
            format!(
                "the plugin's sources are no longer at `{}`, where this harness was built: run it there, build it again where \
                 they are now, or give it a component that is built already",
                empty.path().display()
            )
        );
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/component.wasm");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
