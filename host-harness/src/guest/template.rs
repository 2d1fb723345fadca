//! A new mapping to start from: a crate or a module that builds as it is.

use super::Error;
use std::path::{Path, PathBuf};

/// A language that a mapping can be started in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// A crate for `wasm32-wasip2`.
    #[default]
    Rust,
    /// A module for `componentize-py`.
    Python,
}

/// The interface goes along, so that the mapping builds without this project's sources.
const WIT: (&str, &str) = ("wit/mapping.wit", include_str!("../../../wit/deps/itsm-mapping/mapping.wit"));

const RUST: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("../../../mappings/template/rust/Cargo.toml")),
    (".cargo/config.toml", include_str!("../../../mappings/template/rust/.cargo/config.toml")),
    (".gitignore", include_str!("../../../mappings/template/rust/gitignore")),
    ("src/lib.rs", include_str!("../../../mappings/template/rust/src/lib.rs")),
    WIT,
];

const PYTHON: &[(&str, &str)] = &[("mapping.py", include_str!("../../../mappings/template/python/mapping.py")), WIT];

/// Letters that a mapping's name may have: it becomes a crate's name and a module's in WebAssembly.
const LONGEST_NAME: usize = 64;

/// Writes a new mapping into a folder of its own, `name` in `parent`, and answers the folder.
///
/// # Errors
/// [`Error::MappingName`] where the name is none, [`Error::File`] where something of that name is there already.
pub fn new_mapping(parent: &Path, name: &str, language: Language) -> Result<PathBuf, Error> {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    let fits =
        name.len() <= LONGEST_NAME && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !starts || !fits || name.ends_with('-') {
        return Err(Error::MappingName(name.into()));
    }
    let folder = parent.join(name);
    std::fs::create_dir(&folder).map_err(Error::file("cannot create", &folder))?;
    let files = match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
    };
    for (file, text) in files {
        let path = folder.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(Error::file("cannot create", parent))?;
        }
        std::fs::write(&path, text.replace("{{name}}", name)).map_err(Error::file("cannot write", &path))?;
    }
    Ok(folder)
}
