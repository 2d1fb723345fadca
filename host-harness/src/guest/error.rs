//! Why a guest could not be built or plugged, and what to do about it.

use std::path::PathBuf;

/// Why a guest could not be built or plugged. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The harness runs where it was not built, so there is nothing to build from.
    #[error(
        "the plugin's sources are no longer at `{0}`, where this harness was built: run it there, build it again where they \
         are now, or give it a component that is built already"
    )]
    NoSources(PathBuf),

    /// A file or folder could not be used.
    #[error("{doing} `{path}`: {source}")]
    File {
        /// Such as `cannot read`.
        doing: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },

    /// A tool of the Rust toolchain is missing.
    #[error("cannot run `{tool}`: {source}; install Rust with rustup, and see that `{tool}` is on the PATH")]
    NoTool {
        /// Such as `cargo`.
        tool: String,
        /// Why not.
        source: std::io::Error,
    },

    /// The tool that makes components of Python is missing.
    #[error("cannot run `componentize-py`: {0}; install it with `pip install componentize-py`")]
    NoComponentizePy(#[source] std::io::Error),

    /// A folder that is neither a Rust crate nor a Python mapping.
    #[error("there is no mapping in `{0}`: it has neither a `Cargo.toml` nor a `mapping.py`")]
    NoSource(PathBuf),

    /// No name for a mapping.
    #[error("`{0}` is no name for a mapping: use small letters, digits and `-`, beginning with a letter")]
    MappingName(String),

    /// The compilation target could not be added.
    #[error(
        "the Rust target `{target}` is not installed and could not be added ({why}): run `rustup target add {target}`"
    )]
    NoTarget {
        /// Such as `wasm32-unknown-unknown`.
        target: String,
        /// What rustup said, or that it is missing.
        why: String,
    },

    /// The guest does not compile.
    #[error("`{command}` failed; correct what it says:\n{output}")]
    Compile {
        /// The command, to be run by hand.
        command: String,
        /// What the compiler said.
        output: String,
    },

    /// The crate compiled and gave no WebAssembly.
    #[error("the crate in `{0}` builds no WebAssembly library: give it `[lib]` with `crate-type = [\"cdylib\"]`")]
    NoLibrary(PathBuf),

    /// Neither a component nor a core module.
    #[error("{what} is no WebAssembly: it does not begin with the bytes `\\0asm`")]
    NotWasm {
        /// Which file.
        what: String,
    },

    /// A core module where a component is needed.
    #[error(
        "{what} is a core WebAssembly module, not a component: build it with `itsm-harness build`, for `wasm32-wasip2`, or turn \
         it into one with `wasm-tools component new`"
    )]
    CoreModule {
        /// Which file.
        what: String,
    },

    /// A core module that carries no description of its interface, or does not keep to it.
    #[error("{what} cannot be made a component: {why}; build it with `wit-bindgen`'s `generate!` and `export!`")]
    Encode {
        /// Which module.
        what: String,
        /// What the encoder said.
        why: String,
    },

    /// A component that cannot be read.
    #[error("{what} is no component that can be read: {why}; build it again")]
    Unreadable {
        /// Which file.
        what: String,
        /// What the reader said.
        why: String,
    },

    /// A component that exports no mapping.
    #[error("{what} exports {found}, and a mapping exports `{wanted}` alone: implement the world `custom-mapping`", found = list(found))]
    NotAMapping {
        /// Which component.
        what: String,
        /// What a mapping exports.
        wanted: String,
        /// What this one does.
        found: Vec<String>,
    },

    /// A mapping for another version of the contract.
    #[error(
        "{what} was built for `{found}`, and this plugin takes `{wanted}`: build the mapping again with the WIT of \
         version {version}",
        version = version(wanted)
    )]
    MappingVersion {
        /// Which component.
        what: String,
        /// What this plugin takes.
        wanted: String,
        /// What the mapping was built for.
        found: String,
    },

    /// A mapping that asks for more than nothing.
    #[error(
        "{what} asks for {imports}, and a mapping is given nothing: it is a pure function from event to fields; take out what \
         needs {them}",
        imports = list(imports),
        them = if imports.len() == 1 { "it" } else { "them" }
    )]
    MappingImports {
        /// Which component.
        what: String,
        /// What it asks for.
        imports: Vec<String>,
    },

    /// A mapping whose types are not the contract's.
    #[error(
        "{what} does not keep to `{wanted}`: {difference}; build it again with the WIT that this plugin was built with"
    )]
    MappingType {
        /// Which component.
        what: String,
        /// What a mapping exports.
        wanted: String,
        /// The first function, record or field that differs.
        difference: String,
    },

    /// A component that has no place for a mapping.
    #[error(
        "{what} takes no mapping: it does not import `{wanted}`; give the plugin itself, with nothing plugged in yet"
    )]
    NoSocket {
        /// Which component.
        what: String,
        /// What a plugin imports.
        wanted: String,
    },

    /// The composition is not what was meant.
    #[error("plugging {what} went wrong: {why}; report this, and meanwhile use the stock mapping")]
    Plug {
        /// Which mapping.
        what: String,
        /// What is wrong with the result.
        why: String,
    },
}

impl Error {
    pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { doing, path, source }
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => "nothing".into(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

fn version(interface: &str) -> &str {
    interface.rsplit_once('@').map_or(interface, |(_, version)| version)
}
