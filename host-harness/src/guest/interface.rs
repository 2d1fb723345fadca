//! What a component imports and exports, read without running it.

use super::Error;
use super::difference::{difference, overreach};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{InterfaceId, Resolve, SourceMap, WorldId, WorldItem, WorldKey};

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

    /// The contract itself, from its WIT: what a plugin exports, and of its imports those that are the contract's own.
    ///
    /// # Errors
    /// [`Error::Unreadable`], which the tests rule out.
    pub(crate) fn contract() -> Result<Self, Error> {
        const WIT: &[(&str, &str)] = &[
            ("answers.wit", include_str!("../../../wit/answers.wit")),
            ("approvals.wit", include_str!("../../../wit/approvals.wit")),
            ("audit.wit", include_str!("../../../wit/audit.wit")),
            ("diagnostics.wit", include_str!("../../../wit/diagnostics.wit")),
            ("events.wit", include_str!("../../../wit/events.wit")),
            ("evidence.wit", include_str!("../../../wit/evidence.wit")),
            ("itsm-integration.wit", include_str!("../../../wit/itsm-integration.wit")),
            ("types.wit", include_str!("../../../wit/types.wit")),
        ];
        let unreadable = |why: String| Error::Unreadable { what: "the contract".into(), why };
        let mut files = SourceMap::new();
        for (name, text) in WIT {
            files.push_str(name, *text);
        }
        // The world `itsm-plugin` without its imports of WASI, all of which would have to be parsed.
        let items = "import audit; export approvals; export diagnostics; export evidence; export itsm-integration;";
        files.push_str("world.wit", format!("package {CONTRACT};\nworld contract {{ {items} }}"));
        let group = files.parse().map_err(|(_, error)| unreadable(error.to_string()))?;
        let mut resolve = Resolve::default();
        let package = resolve.push_group(group).map_err(|error| unreadable(error.to_string()))?;
        let world =
            resolve.select_world(&[package], Some("contract")).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self { resolve, world })
    }

    /// Where another's exports or imports first differ from these, in words; none where they agree, or one is missing
    /// altogether.
    pub(crate) fn first_difference(&self, found: &Self) -> Option<String> {
        let exports = self.exports().into_iter().find_map(|name| {
            let (wanted_id, found_id) = (self.exported(&name)?, found.exported(&name)?);
            let what = difference((self, wanted_id), (found, found_id))?;
            Some(format!("`{name}`: {what}"))
        });
        let imports = || {
            self.imports().into_iter().find_map(|name| {
                let (offered_id, asked_id) = (self.imported(&name)?, found.imported(&name)?);
                let what = overreach((self, offered_id), (found, asked_id))?;
                Some(format!("`{name}`: {what}"))
            })
        };
        exports.or_else(imports)
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
