//! What goes wrong when a component is loaded or called, and whose fault it is.

use super::limit::{Limit, LimitHit};
use super::limits::Limits;
use super::meter::{End, Meter};
use super::modules::MappingCode;
use super::sandbox::Panic;
use crate::guest;
use std::fmt;
use std::path::PathBuf;
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blame {
    /// The plugin's.
    Guest,
    /// The mapping's, which is plugged into the plugin.
    Mapping,
    /// What the host grants does not cover what was wanted.
    Policy,
    /// The host's own.
    Host,
    /// ServiceNow's: it did not answer in time.
    ServiceNow,
}

impl fmt::Display for Blame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Guest => "the plugin",
            Self::Mapping => "the mapping",
            Self::Policy => "the policy",
            Self::Host => "the host",
            Self::ServiceNow => "ServiceNow",
        })
    }
}

/// Why a component cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The file cannot be read.
    #[error("cannot read the component `{}`: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is larger than a component may be.
    #[error(
        "{what} has {bytes} bytes, and a component may have {most}: strip it, or raise the limit `component-bytes`"
    )]
    TooLarge {
        /// Which file.
        what: String,
        /// Its size.
        bytes: u64,
        /// [`Limits::component_bytes`].
        most: usize,
    },
    /// It is no component, or none that can be read.
    #[error(transparent)]
    NotAComponent(#[from] guest::Error),
    /// It was built for another version of the contract.
    #[error(
        "{what} was built for openfactory:itsm@{built_for}, and this host speaks {wanted}: build it again with the WIT of {wanted}, \
         or run it with a host of its own version",
        wanted = itsm_contract::VERSION
    )]
    Version {
        /// Which component.
        what: String,
        /// The version that it was built for.
        built_for: String,
    },
    /// It wants what no plugin is granted.
    #[error(
        "{what} imports {}, which no plugin is granted: it gets wasi:http, wasi:io, wasi:clocks, wasi:config and audit",
        imports.join(", ")
    )]
    Refused {
        /// Which component.
        what: String,
        /// The imports that are refused.
        imports: Vec<String>,
    },
    /// The place for a mapping is empty.
    #[error("{what} has no mapping in it: build it with `itsm-harness build`, which plugs one in")]
    NoMapping {
        /// Which component.
        what: String,
    },
    /// It lacks an export of the contract.
    #[error("{what} does not export {}: implement the world `itsm-plugin` of openfactory:itsm@{}", exports.join(", "), itsm_contract::VERSION)]
    Missing {
        /// Which component.
        what: String,
        /// The exports that are missing.
        exports: Vec<String>,
    },
    /// It differs from the contract.
    #[error(
        "{what} does not keep to openfactory:itsm@{}: {difference}; build it again with that WIT",
        itsm_contract::VERSION
    )]
    Contract {
        /// Which component.
        what: String,
        /// What differs.
        difference: String,
    },
    /// It cannot be compiled.
    #[error("{what} cannot be compiled: {why}")]
    Compile {
        /// Which component.
        what: String,
        /// What the compiler said.
        why: String,
    },
    /// The engine cannot be set up.
    #[error("the WebAssembly engine cannot be set up: {0}")]
    Engine(String),
}

impl LoadError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Refused { .. } | Self::TooLarge { .. } => Blame::Policy,
            Self::Unreadable { .. } | Self::Engine(_) => Blame::Host,
            _ => Blame::Guest,
        }
    }
}

/// Why a call has no answer. A plugin that answers with a failure has answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The guest did what WebAssembly forbids, panicked, or gave up.
    #[error("{}", .0)]
    Trap(Box<Trapped>),
    /// A limit was reached.
    #[error("{blame} reached the limit `{}`: {allowed} {}", limit.name(), limit.unit())]
    Limit {
        /// Which one.
        limit: Limit,
        /// What it is, in [`Limit::unit`].
        allowed: u64,
        /// Who used it up. ServiceNow where the time went waiting for it.
        blame: Blame,
    },
    /// The host could not do its part.
    #[error("the host could not do its part: {0}")]
    Host(String),
}

impl CallError {
    /// Whose fault it is.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Trap(trapped) => trapped.blame,
            Self::Limit { blame, .. } => *blame,
            Self::Host(_) => Blame::Host,
        }
    }
}

/// A trap, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trapped {
    /// Whose code was running.
    pub blame: Blame,
    /// What WebAssembly calls it.
    pub trap: String,
    /// What the plugin's panic hook said just before.
    pub panic: Option<Panic>,
    /// Whose code called whose, innermost first: module and function. A frame that repeats is told once.
    pub frames: Vec<String>,
    /// What the guest printed.
    pub printed: String,
}

impl fmt::Display for Trapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.panic {
            Some(Panic { message, location }) => {
                write!(f, "{} panicked at {location}: {message} ({})", self.blame, self.trap)
            }
            None => write!(f, "{} trapped: {}", self.blame, self.trap),
        }
    }
}

/// What was around an error.
pub(super) struct Circumstances {
    /// Whether the instance stood, so that it was the hook that failed.
    pub(super) instance_stood: bool,
    /// What the plugin's panic hook said.
    pub(super) panic: Option<Panic>,
    /// What the guest printed.
    pub(super) printed: String,
}

/// What an error of wasmtime's means.
pub(super) fn diagnose(
    error: &wasmtime::Error,
    meter: &Meter,
    mapping: &MappingCode,
    Circumstances { instance_stood, panic, printed }: Circumstances,
) -> CallError {
    let (blame, frames) = trace(error, mapping);
    let limit = |limit: Limit| CallError::Limit { limit, allowed: limit.allowed(&meter.limits), blame };
    if let Some(End::Host(why)) = meter.why() {
        return CallError::Host(why.clone());
    }
    if let Some(reached) = limit_of(error) {
        return limit(reached);
    }
    // No code of the guest's ran: the host lacks what it needs, unless it could not read what the guest had answered.
    let is_hosts = frames.is_empty() && (!instance_stood || error.is::<std::io::Error>());
    match error.downcast_ref::<Trap>() {
        None if is_hosts => CallError::Host(super::plain(&format!("{error:#}")).into_owned()),
        trap => {
            let trap = trap.map_or_else(|| error.root_cause().to_string(), ToString::to_string);
            let trap = super::plain(&trap).into_owned();
            CallError::Trap(Box::new(Trapped { blame, trap, panic, frames, printed }))
        }
    }
}

/// The limit that an error tells of. Wasmtime types some of them, and only says others.
fn limit_of(error: &wasmtime::Error) -> Option<Limit> {
    if let Some(LimitHit(limit)) = error.downcast_ref() {
        return Some(*limit);
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Some(Limit::Resources);
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Some(Limit::Fuel),
        Some(Trap::StackOverflow) => return Some(Limit::Stack),
        Some(_) => return None,
        None => {}
    }
    const SAID: &[(&str, Limit)] = &[
        ("fuel allocated for hostcalls has been exhausted", Limit::HostcallBytes),
        ("store handle limit exceeded", Limit::Resources),
        ("resource table has no free keys", Limit::Resources),
        ("total size of fields exceeds limit", Limit::RequestHeaderBytes),
        ("too many fields in the field map", Limit::RequestHeaderBytes),
        ("requested len", Limit::RandomBytes),
        ("instance count too high", Limit::Instances),
        ("memory count too high", Limit::Memories),
        ("table count too high", Limit::Tables),
    ];
    let said = format!("{error:#}");
    SAID.iter().find(|(words, _)| said.contains(words)).map(|(_, limit)| *limit)
}

/// Whose code ran, by the place of the innermost frame, and the frames for people.
fn trace(error: &wasmtime::Error, mapping: &MappingCode) -> (Blame, Vec<String>) {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return (Blame::Guest, Vec::new());
    };
    let frames = backtrace.frames();
    let is_mappings = |frame: &wasmtime::FrameInfo| mapping.contains(frame.module().name(), frame.module_offset());
    // A function that has no room to begin has no place yet; its caller has.
    let placed = |frame: &&wasmtime::FrameInfo| frame.module().name().is_none() || frame.module_offset().is_some();
    let blame = if frames.iter().find(placed).is_some_and(is_mappings) { Blame::Mapping } else { Blame::Guest };
    let shown = |frame: &wasmtime::FrameInfo| {
        let module = frame.module().name().unwrap_or("?");
        let symbol = frame.symbols().first().and_then(|symbol| symbol.name()).or(frame.func_name());
        let function = symbol.map_or_else(|| format!("function {}", frame.func_index()), str::to_owned);
        super::plain(&format!("{module}: {function}")).into_owned()
    };
    // Recursion fills a backtrace with one frame.
    let mut frames: Vec<String> = frames.iter().map(shown).collect();
    frames.dedup();
    (blame, frames)
}

/// What ended a call from outside.
pub(super) fn ended(end: &End, limits: &Limits, blame: Blame) -> CallError {
    match end {
        End::Limit(limit) => CallError::Limit { limit: *limit, allowed: limit.allowed(limits), blame },
        End::Host(why) => CallError::Host(why.clone()),
    }
}
