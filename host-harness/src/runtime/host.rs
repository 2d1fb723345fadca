//! The engine, and loading a component into it.

use super::bindings::ItsmPluginPre;
use super::cache::Cache;
use super::error::LoadError;
use super::inspect::Inspection;
use super::limits::Limits;
use super::modules::MappingCode;
use super::plugin::Plugin;
use super::sandbox::{self, Sandbox};
use super::ticks;
use crate::grant::{AuditError, Grant};
use std::fmt;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine};

/// Bytes of address space that one linear memory reserves. With all that 32 bits can say, no access needs a check of its
/// own: the pages behind the memory trap. It is address space alone; what a guest touches is what it costs.
const RESERVATION: u64 = 4 << 30;
/// Bytes of stack for the host's own functions, on top of the guest's.
const HOST_STACK: usize = 1 << 20;
/// Functions of a backtrace: enough to see who called whom across the mapping's border.
const FRAMES: usize = 64;

/// What runs plugins. One is enough for a process: engines share nothing.
#[derive(Clone)]
pub struct Host {
    engine: Engine,
    linker: Linker<Sandbox>,
    limits: Arc<Limits>,
    cache: Option<Cache>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("limits", &self.limits).field("cache", &self.cache).finish_non_exhaustive()
    }
}

impl Host {
    /// Sets up an engine for these limits.
    ///
    /// # Errors
    /// [`LoadError::Engine`], where this machine cannot run WebAssembly.
    pub fn new(limits: Limits) -> Result<Self, LoadError> {
        Self::configured(limits, |_| ())
    }

    /// With more to configure, for tests that look at what an engine holds.
    pub(super) fn configured(limits: Limits, more: impl FnOnce(&mut Config)) -> Result<Self, LoadError> {
        let setup = |error: wasmtime::Error| LoadError::Engine(format!("{error:#}"));
        let mut config = Config::new();
        config
            // Fuel ends a guest; epochs, which tick while it waits for ServiceNow too, only have it rest.
            .consume_fuel(true)
            .epoch_interruption(true)
            .max_wasm_stack(limits.stack)
            .async_stack_size(limits.stack.saturating_add(HOST_STACK))
            .memory_reservation(RESERVATION)
            .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(FRAMES))
            // Nothing here is concurrent within a store, and no guest of this contract needs more than 32 bits.
            .concurrency_support(false)
            .wasm_memory64(false);
        more(&mut config);
        let engine = Engine::new(&config).map_err(setup)?;
        ticks::begin(&engine).map_err(|error| LoadError::Engine(error.to_string()))?;
        let mut linker = Linker::new(&engine);
        sandbox::link(&mut linker).map_err(setup)?;
        Ok(Self { engine, linker, limits: Arc::new(limits), cache: None })
    }

    /// Keeps compiled components in a folder, made if it is not there. Nobody but the user may write to it: what lies
    /// there is run as it is.
    ///
    /// # Errors
    /// Where the folder cannot be used.
    pub fn with_cache(mut self, folder: &Path) -> std::io::Result<Self> {
        self.cache = Some(Cache::open(folder)?);
        Ok(self)
    }

    /// What is in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Loads a component from a file. Takes a second where it must be compiled, so not on a task that others wait for.
    ///
    /// # Errors
    /// See [`LoadError`]. All that can be told without compiling is told before.
    pub fn load(&self, path: &Path) -> Result<Loaded, LoadError> {
        let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
        let what = format!("`{}`", path.display());
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let most = self.limits.component_bytes;
        let mut bytes = Vec::new();
        file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > most {
            return Err(LoadError::TooLarge { what, bytes: size.max(bytes.len() as u64), most });
        }
        self.load_bytes(&what, &bytes)
    }

    /// Loads a component from memory. `what` names it in messages.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_bytes(&self, what: &str, bytes: &[u8]) -> Result<Loaded, LoadError> {
        let inspection = self.inspect(what, bytes)?;
        inspection.admit(what)?;
        let component = match self.cache.as_ref().and_then(|cache| cache.get(&self.engine, &inspection.digest)) {
            Some(component) => component,
            None => {
                let component = Component::from_binary(&self.engine, bytes)
                    .map_err(|error| LoadError::Compile { what: what.into(), why: format!("{error:#}") })?;
                if let Some(cache) = &self.cache {
                    cache.put(&self.engine, &inspection.digest, &component);
                }
                component
            }
        };
        let contract = |error: wasmtime::Error| LoadError::Contract {
            what: what.into(),
            difference: super::plain(&format!("{error:#}")).into_owned(),
        };
        let pre = self.linker.instantiate_pre(&component).and_then(ItsmPluginPre::new).map_err(contract)?;
        let mapping = Arc::new(MappingCode::of(bytes));
        Ok(Loaded { pre, inspection: Arc::new(inspection), mapping, limits: Arc::clone(&self.limits) })
    }

    /// Reads a component without loading it.
    ///
    /// # Errors
    /// [`LoadError::TooLarge`] or [`LoadError::NotAComponent`].
    pub fn inspect(&self, what: &str, bytes: &[u8]) -> Result<Inspection, LoadError> {
        let most = self.limits.component_bytes;
        if bytes.len() > most {
            return Err(LoadError::TooLarge { what: what.into(), bytes: bytes.len() as u64, most });
        }
        Inspection::of(what, bytes)
    }
}

/// A component that is compiled, linked and ready to be called, once it is granted something.
#[derive(Clone)]
pub struct Loaded {
    pub(super) pre: ItsmPluginPre<Sandbox>,
    inspection: Arc<Inspection>,
    pub(super) mapping: Arc<MappingCode>,
    pub(super) limits: Arc<Limits>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("inspection", &self.inspection).finish_non_exhaustive()
    }
}

impl Loaded {
    /// What it imports and exports.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Other limits than the host's, for a component that is trusted less, or needs more, than others on the same host. What
    /// is fixed when the host starts stays the host's.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        let Limits { stack, component_bytes, .. } = *self.limits;
        self.limits = Arc::new(Limits { stack, component_bytes, ..limits });
        self
    }

    /// Grants it something, and writes so to the log.
    ///
    /// # Errors
    /// Where the log cannot be written.
    pub fn plugin(&self, grant: Arc<Grant>) -> Result<Plugin, AuditError> {
        let mut details = vec![("component".to_owned(), self.inspection.digest.clone())];
        details.extend(grant.describe());
        grant.audit().append("grant.made", None, None, &details)?;
        Ok(Plugin::new(self.clone(), grant))
    }
}
