//! The plugin, with a mapping in it, from sources.

use super::cargo::{self, Artifact, Listener, Progress};
use super::encode::{encode, slim};
use super::interface::{Form, form};
use super::plug::{Digests, plug};
use super::workspace::{Workspace, write_whole};
use super::{Error, digest, python};
use crate::file;
use crate::runtime::limits::COMPONENT_BYTES;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What guests are compiled for: a target without a system, so that nothing is imported but what a guest is granted.
const TARGET: &str = "wasm32-unknown-unknown";

/// Our own guests, always built together: their common dependencies are then compiled once, with one set of features.
const OURS: [&str; 2] = ["servicenow-plugin", "default-mapping"];

/// The mapping to plug in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The one that follows the rules in the settings.
    Stock,
    /// A Rust crate, by its folder.
    Crate(PathBuf),
    /// A Python module `mapping.py`, by its folder.
    Python(PathBuf),
    /// A component that is built already, in whatever language.
    Component(PathBuf),
}

impl Mapping {
    /// What a path means: a folder, or the `Cargo.toml` or `mapping.py` in it, is a mapping's source, any other file a
    /// component.
    ///
    /// # Errors
    /// [`Error::File`] where there is nothing, [`Error::NoSource`] where a folder holds no mapping.
    pub fn at(path: &Path) -> Result<Self, Error> {
        let path = path.canonicalize().map_err(Error::file("cannot find the mapping", path))?;
        let is_source = path.ends_with("Cargo.toml") || path.ends_with("mapping.py");
        let folder = match path.parent() {
            Some(folder) if is_source => folder.to_owned(),
            _ if path.is_dir() => path,
            _ => return Ok(Self::Component(path)),
        };
        if folder.join("Cargo.toml").is_file() {
            Ok(Self::Crate(folder))
        } else if python::is_mapping(&folder) {
            Ok(Self::Python(folder))
        } else {
            Err(Error::NoSource(folder))
        }
    }
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The component. It stays as it is until its sources change and somebody builds again.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// What it was made of.
    pub digests: Digests,
}

/// The plugin with the stock mapping, built if it must be, once in this process and by one process at a time.
///
/// # Errors
/// The first attempt's error, again each time.
pub fn stock_component() -> Result<&'static Path, &'static Error> {
    static BUILT: OnceLock<Result<Built, Error>> = OnceLock::new();
    BUILT.get_or_init(|| build(&Mapping::Stock, &|_| ())).as_ref().map(|built| built.path.as_path())
}

/// The plugin alone, with its place for a mapping empty.
///
/// # Errors
/// As [`build`].
pub fn bare_plugin() -> Result<Vec<u8>, Error> {
    let workspace = Workspace::find()?;
    let _lock = workspace.lock()?;
    component("servicenow-plugin", &compile(&workspace, &|_| ())?)
}

/// Any package of the workspace as a component, for tests that need a guest of another kind.
///
/// # Errors
/// As [`build`].
#[cfg(test)]
pub(crate) fn member(package: &str) -> Result<Vec<u8>, Error> {
    let workspace = Workspace::find()?;
    let _lock = workspace.lock()?;
    component(package, &packages(&workspace, &[package], &|_| ())?)
}

/// A mapping alone, as a component, checked against nothing yet.
///
/// # Errors
/// As [`build`].
pub fn mapping_component(mapping: &Mapping, listener: &(dyn Fn(Progress) + Sync)) -> Result<Vec<u8>, Error> {
    let workspace = Workspace::find()?;
    let _lock = workspace.lock()?;
    mapping_from(&workspace, mapping, listener)
}

fn mapping_from(workspace: &Workspace, mapping: &Mapping, listener: Listener<'_>) -> Result<Vec<u8>, Error> {
    match mapping {
        Mapping::Stock => component("default-mapping", &compile(workspace, listener)?),
        Mapping::Crate(folder) => custom(folder, listener),
        Mapping::Python(folder) => python::componentize(workspace, folder),
        Mapping::Component(file) => read(file),
    }
}

/// Builds the plugin and a mapping, plugs one into the other, and keeps the result in the workspace's `target/guest`.
///
/// Cargo finds out what has changed; a result that is the same is left alone. `listener` hears what takes time.
///
/// # Errors
/// See [`Error`]: nothing to build from, a target that cannot be had, code that does not compile, a mapping that is none.
pub fn build(mapping: &Mapping, listener: &(dyn Fn(Progress) + Sync)) -> Result<Built, Error> {
    let workspace = Workspace::find()?;
    let _lock = workspace.lock()?;
    let target = workspace.target();
    let plugin = component("servicenow-plugin", &compile(&workspace, listener)?)?;
    let (what, name) = match mapping {
        Mapping::Stock => ("the stock mapping".to_owned(), "servicenow".to_owned()),
        Mapping::Crate(path) | Mapping::Python(path) | Mapping::Component(path) => {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            (format!("`{}`", path.display()), format!("servicenow-with-{stem}"))
        }
    };
    let mapping = mapping_from(&workspace, mapping, listener)?;
    let plugged = plug(&plugin, &what, &mapping)?;
    let path = target.join(format!("{name}.wasm"));
    if std::fs::read(&path).is_ok_and(|bytes| digest(&bytes) == plugged.digests.component) {
        // As it was: whoever has it open or compiled keeps it.
    } else {
        write_whole(&path, &plugged.bytes)?;
    }
    Ok(Built { path, size: plugged.bytes.len() as u64, digests: plugged.digests })
}

fn compile(workspace: &Workspace, listener: Listener<'_>) -> Result<Vec<Artifact>, Error> {
    packages(workspace, &OURS, listener)
}

fn packages(workspace: &Workspace, names: &[&str], listener: Listener<'_>) -> Result<Vec<Artifact>, Error> {
    let target = workspace.target();
    let target = target.to_string_lossy();
    let mut args = vec!["--locked", "--profile", "guest", "--target-dir", &target];
    for package in names {
        args.extend(["--package", package]);
    }
    cargo::build(workspace.root(), TARGET, &args, listener)
}

/// One of our own packages as a component that carries the package's name.
fn component(package: &str, cores: &[Artifact]) -> Result<Vec<u8>, Error> {
    let library = package.replace('-', "_");
    let core = cores.iter().find(|core| core.name == library).ok_or_else(|| Error::NoLibrary(package.into()))?;
    encode(&format!("`{package}`"), &slim(package, &read(&core.path)?)?)
}

/// Somebody's crate as a component: for the target that its own `.cargo/config.toml` names, else for ours.
fn custom(folder: &Path, listener: Listener<'_>) -> Result<Vec<u8>, Error> {
    let target = configured_target(folder).unwrap_or_else(|| TARGET.into());
    let built = cargo::build(folder, &target, &["--release"], listener)?;
    let manifest = folder.join("Cargo.toml");
    let library = built.into_iter().find(|artifact| artifact.manifest == manifest);
    let library = library.ok_or_else(|| Error::NoLibrary(folder.into()))?;
    let bytes = read(&library.path)?;
    let what = format!("`{}`", library.path.display());
    match form(&what, &bytes)? {
        Form::Component => Ok(bytes),
        Form::Module => encode(&what, &slim(&library.name.replace('_', "-"), &bytes)?),
    }
}

/// `build.target` of the nearest `.cargo/config.toml` that has one, where it is a WebAssembly target.
fn configured_target(folder: &Path) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Config {
        build: Build,
    }
    #[derive(serde::Deserialize)]
    struct Build {
        target: String,
    }
    folder.ancestors().find_map(|folder| {
        let text = std::fs::read_to_string(folder.join(".cargo/config.toml")).ok()?;
        let config: Config = toml::from_str(&text).ok()?;
        config.build.target.starts_with("wasm32-").then_some(config.build.target)
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    file::read(path, COMPONENT_BYTES).map_err(Error::file("cannot read", path))
}
