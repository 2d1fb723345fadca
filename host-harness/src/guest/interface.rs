//! What a component imports and exports, read without running it.

use super::Error;
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{InterfaceId, Resolve, WorldId, WorldItem, WorldKey};

/// The package of the plugin's own contract.
pub const CONTRACT: &str = "openfactory:itsm@0.1.0";

/// The interface that a mapping exports and the plugin imports.
pub const MAPPING: &str = "openfactory:itsm-mapping/mapping@0.1.0";

/// What a language's runtime insists on and can do no harm with, since a host links it empty: no arguments, no
/// environment, no files, no input, output that goes nowhere.
const INERT: &[&str] = &[
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// What a file of WebAssembly holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A component.
    Component,
    /// A core module.
    Module,
}

/// Tells a component from a core module by its first eight bytes: the magic number, then version and layer.
///
/// # Errors
/// [`Error::NotWasm`] where it is neither; `what` names the file in the message.
pub fn form(what: &str, bytes: &[u8]) -> Result<Form, Error> {
    if wasmparser::Parser::is_component(bytes) {
        Ok(Form::Component)
    } else if wasmparser::Parser::is_core_wasm(bytes) {
        Ok(Form::Module)
    } else {
        Err(Error::NotWasm { what: what.into() })
    }
}

/// Whether an import can be linked empty, whatever the version of WASI 0.2 that it was built for.
pub fn is_inert(import: &str) -> bool {
    let (name, version) = import.split_once('@').unwrap_or((import, ""));
    INERT.contains(&name) && version.starts_with("0.2.")
}

/// A component's imports and exports.
pub struct Interface {
    pub(super) resolve: Resolve,
    world: WorldId,
}

impl Interface {
    /// Reads a component; `what` names it in messages.
    ///
    /// # Errors
    /// [`Error::CoreModule`], [`Error::NotWasm`] or [`Error::Unreadable`].
    pub fn of(what: &str, bytes: &[u8]) -> Result<Self, Error> {
        if form(what, bytes)? == Form::Module {
            return Err(Error::CoreModule { what: what.into() });
        }
        match decode(bytes) {
            Ok(DecodedWasm::Component(resolve, world)) => Ok(Self { resolve, world }),
            Ok(DecodedWasm::WitPackage(..)) => {
                Err(Error::Unreadable { what: what.into(), why: "it holds a WIT package and no code".into() })
            }
            Err(error) => Err(Error::Unreadable { what: what.into(), why: format!("{error:#}") }),
        }
    }

    /// What it imports, by full name, sorted.
    pub fn imports(&self) -> Vec<String> {
        self.names(self.resolve.worlds.get(self.world).map(|world| &world.imports))
    }

    /// What it exports, by full name, sorted.
    pub fn exports(&self) -> Vec<String> {
        self.names(self.resolve.worlds.get(self.world).map(|world| &world.exports))
    }

    pub(super) fn imported(&self, name: &str) -> Option<InterfaceId> {
        self.find(self.resolve.worlds.get(self.world).map(|world| &world.imports), name)
    }

    pub(super) fn exported(&self, name: &str) -> Option<InterfaceId> {
        self.find(self.resolve.worlds.get(self.world).map(|world| &world.exports), name)
    }

    fn names<'a>(&'a self, items: Option<impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>>) -> Vec<String> {
        let mut names: Vec<_> = items.into_iter().flatten().map(|(key, _)| self.resolve.name_world_key(key)).collect();
        names.sort();
        names
    }

    fn find<'a>(
        &'a self,
        items: Option<impl IntoIterator<Item = (&'a WorldKey, &'a WorldItem)>>,
        name: &str,
    ) -> Option<InterfaceId> {
        items.into_iter().flatten().find_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } if self.resolve.name_world_key(key) == name => Some(*id),
            _ => None,
        })
    }
}
