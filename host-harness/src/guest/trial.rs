//! A mapping by itself, in a sandbox of its own: to try its rules, to show what it makes of recorded events, and to tell
//! its faults from the plugin's.

use super::Error;
use super::interface::Interface;
use super::plug::{check_exports, check_imports};
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine, OptLevel, ResourceLimiter, Store, Trap};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

pub use bindings::exports::openfactory::itsm_mapping::mapping::{Complaint, Field, Mapped, Produced, Value};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/deps/itsm-mapping",
        world: "custom-mapping",
        additional_derives: [Clone, PartialEq],
    });
}

/// WebAssembly instructions, roughly, of one record: some seconds of one core, as for a whole call of the plugin.
pub const FUEL: u64 = crate::runtime::limits::FUEL;

/// Bytes of memory. An interpreter as a mapping needs some 40 MiB.
pub const MEMORY: usize = crate::runtime::limits::MEMORY;

/// Elements of one table. An interpreter has some 20,000 functions that can be called by pointer.
const TABLE_ELEMENTS: usize = 100_000;

/// Bytes of what a mapping prints to standard error that are kept.
const STDERR: usize = 16 << 10;

/// Why a mapping by itself gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// It could not be started.
    #[error("{what} cannot be started: {why}")]
    Start {
        /// Which mapping.
        what: String,
        /// What wasmtime said.
        why: String,
    },
    /// It ran too long.
    #[error("{what} does not come to an end: it used up {fuel} units of fuel over one record; look for a loop")]
    Fuel {
        /// Which mapping.
        what: String,
        /// How much it was given.
        fuel: u64,
    },
    /// It wanted too much memory.
    #[error("{what} wants more than {} MiB of memory over one record; look for a list that grows", MEMORY >> 20)]
    Memory {
        /// Which mapping.
        what: String,
    },
    /// It gave up.
    #[error("{what} panicked or trapped: {why}")]
    Trap {
        /// Which mapping.
        what: String,
        /// What it printed last, else what wasmtime said.
        why: String,
    },
}

/// A mapping that is ready to be tried. Each trial has a fresh store: none sees another.
pub struct Trial {
    what: String,
    engine: Engine,
    instance: InstancePre<State>,
    fuel: u64,
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
    limiter: Limiter,
}

/// Counts the memory of all of a component's modules together.
#[derive(Default)]
struct Limiter {
    memory: usize,
}

/// [`MEMORY`] was reached.
#[derive(Debug, thiserror::Error)]
#[error("too much memory")]
struct TooMuchMemory;

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.memory = self.memory.saturating_add(desired.saturating_sub(current));
        if self.memory > MEMORY { Err(TooMuchMemory.into()) } else { Ok(true) }
    }

    fn table_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS && maximum.is_none_or(|maximum| desired <= maximum))
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

type Guest = bindings::exports::openfactory::itsm_mapping::mapping::Guest;

impl Trial {
    /// Compiles a mapping component; `what` names it in messages.
    ///
    /// # Errors
    /// Where the component is no mapping, or cannot be compiled.
    pub fn new(what: &str, bytes: &[u8]) -> Result<Self, Error> {
        let interface = Interface::of(what, bytes)?;
        check_exports(what, &interface)?;
        check_imports(what, &interface)?;
        let prepare = || -> wasmtime::Result<_> {
            let mut config = Config::new();
            // A trial runs a few records: compiling fast matters more than running fast.
            config.consume_fuel(true).cranelift_opt_level(OptLevel::None);
            let engine = Engine::new(&config)?;
            let component = Component::new(&engine, bytes)?;
            let mut linker = Linker::new(&engine);
            wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
            Ok((linker.instantiate_pre(&component)?, engine))
        };
        let (instance, engine) =
            prepare().map_err(|error| Error::Unreadable { what: what.into(), why: format!("{error:#}") })?;
        Ok(Self { what: what.into(), engine, instance, fuel: FUEL })
    }

    /// Gives each record this much fuel instead of [`FUEL`].
    pub fn with_fuel(mut self, fuel: u64) -> Self {
        self.fuel = fuel;
        self
    }

    /// Asks the mapping to check the rules.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn check_rules(&self, rules: &str) -> Result<Result<Vec<Produced>, Vec<Complaint>>, TrialError> {
        self.call(|mapping, store| mapping.call_check_rules(store, rules))
    }

    /// Asks the mapping what one record says.
    ///
    /// # Errors
    /// Where it does not answer.
    pub fn apply(
        &self,
        rules: &str,
        kind: &str,
        event: &str,
        defaults: &[Field],
    ) -> Result<Result<Mapped, Complaint>, TrialError> {
        self.call(|mapping, store| mapping.call_apply(store, rules, kind, event, defaults))
    }

    fn call<T: Send>(
        &self,
        function: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<T> + Send,
    ) -> Result<T, TrialError> {
        // On a thread of its own: wasmtime's WASI blocks, which a thread of somebody's async runtime must not.
        let called = std::thread::scope(|scope| scope.spawn(|| self.call_here(function)).join());
        called.unwrap_or_else(|_| Err(TrialError::Trap { what: self.what.clone(), why: "the host panicked".into() }))
    }

    fn call_here<T>(
        &self,
        function: impl FnOnce(&Guest, &mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, TrialError> {
        let what = || self.what.clone();
        let stderr = MemoryOutputPipe::new(STDERR);
        let state = State {
            wasi: WasiCtx::builder().stderr(stderr.clone()).build(),
            table: ResourceTable::new(),
            limiter: Limiter::default(),
        };
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limiter);
        let start = |error: wasmtime::Error| TrialError::Start { what: what(), why: format!("{error:#}") };
        store.set_fuel(self.fuel).map_err(start)?;
        let instance = self.instance.instantiate(&mut store).map_err(start)?;
        let mapping = bindings::CustomMapping::new(&mut store, &instance).map_err(start)?;
        function(mapping.openfactory_itsm_mapping_mapping(), &mut store).map_err(|error| {
            let said = String::from_utf8_lossy(&stderr.contents()).trim().to_owned();
            let why = if said.is_empty() { error.root_cause().to_string() } else { said };
            if error.is::<TooMuchMemory>() {
                TrialError::Memory { what: what() }
            } else if error.downcast_ref::<Trap>() == Some(&Trap::OutOfFuel) {
                TrialError::Fuel { what: what(), fuel: self.fuel }
            } else {
                TrialError::Trap { what: what(), why }
            }
        })
    }
}
