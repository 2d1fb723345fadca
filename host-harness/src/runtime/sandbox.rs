//! What a store holds for one call, and which imports lead to it.

use super::bindings::{openfactory::itsm::audit, wasi};
use super::limit::{Limit, LimitHit};
use super::limiter::Limiter;
use super::meter::{End, Meter};
use super::stdio::Printed;
use super::text::brief;
use crate::grant::audit::{Note, Who};
use crate::grant::{AuditError, Grant, Outgoing};
use std::sync::Arc;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::{cli, filesystem, random};
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// The action by which the plugin's panic hook says what went wrong, with `message` and `location`.
const PANICKED: &str = "plugin.panicked";

/// The state of one call. It goes when the call ends.
pub(crate) struct Sandbox {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    outgoing: Outgoing,
    pub(super) limiter: Limiter,
    pub(super) meter: Arc<Meter>,
    pub(super) printed: Printed,
    pub(super) panic: Option<Panic>,
    grant: Arc<Grant>,
    mapping: bool,
    entries: usize,
    bytes: usize,
}

/// What a panicking plugin said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panic {
    /// Why, in the programmer's words.
    pub message: String,
    /// The source file and line.
    pub location: String,
}

impl Sandbox {
    /// `mapping` is whether the plugin shall ask it; `key` the event's.
    pub(super) fn new(grant: Arc<Grant>, meter: Arc<Meter>, mapping: bool, key: Option<String>) -> Self {
        let limits = &meter.limits;
        let printed = Printed::new(limits.stdio_bytes, limits.stdio_writes);
        let wasi = WasiCtx::builder()
            .stdout(printed.clone())
            .stderr(printed.clone())
            .max_random_size(limits.random_bytes)
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.request_header_bytes);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources);
        let outgoing = Outgoing { grant: Arc::clone(&grant), meter: Arc::clone(&meter), key };
        let limiter = Limiter::new(Arc::clone(limits));
        Self { wasi, http, table, outgoing, limiter, meter, printed, panic: None, grant, mapping, entries: 0, bytes: 0 }
    }
}

impl WasiView for Sandbox {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Sandbox {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outgoing, table: &mut self.table, ctx: &mut self.http }
    }
}

/// The settings, straight from the grant: `wasmtime-wasi-config` would copy them for every call.
impl wasi::config::store::Host for Sandbox {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, wasi::config::store::Error>> {
        Ok(Ok(match key.as_str() {
            "settings" => Some(self.grant.settings.clone()),
            "mapping" if !self.mapping => Some("off".into()),
            _ => None,
        }))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, wasi::config::store::Error>> {
        let mut all = vec![("settings".into(), self.grant.settings.clone())];
        if !self.mapping {
            all.push(("mapping".into(), "off".into()));
        }
        Ok(Ok(all))
    }
}

impl audit::Host for Sandbox {
    fn append(&mut self, entry: audit::Entry) -> wasmtime::Result<()> {
        let limits = Arc::clone(&self.meter.limits);
        self.entries += 1;
        if self.entries > limits.audit_entries {
            return Err(LimitHit(Limit::AuditEntries).into());
        }
        if entry.action == PANICKED {
            let detail = |name: &str| {
                let value = entry.details.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
                brief(&super::plain(value.unwrap_or("unknown"))).into_owned()
            };
            self.panic = Some(Panic { message: detail("message"), location: detail("location") });
        }
        let note = Note { action: entry.action, key: entry.key, subject: entry.subject, details: entry.details };
        match self.grant.audit.note(Who::Plugin, note) {
            Ok(bytes) => self.bytes += bytes,
            Err(AuditError::TooLarge { .. }) => return Err(LimitHit(Limit::AuditBytes).into()),
            Err(error) => {
                self.meter.end(End::Host(error.to_string()));
                return Err(wasmtime::Error::msg("the audit log cannot be kept"));
            }
        }
        match self.bytes > limits.audit_bytes {
            true => Err(LimitHit(Limit::AuditBytes).into()),
            false => Ok(()),
        }
    }
}

/// Links what is granted, and empty what is inert. Nothing else: no sockets, ever.
pub(super) fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    // wasi:io, wasi:clocks, wasi:random/random, and standard input, output and error.
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasi::config::store::add_to_linker::<_, HasSelf<_>>(linker, |sandbox| sandbox)?;
    audit::add_to_linker::<_, HasSelf<_>>(linker, |sandbox| sandbox)?;

    // What a language's runtime insists on. There are no arguments, no variables, no files and no terminal.
    cli::environment::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::exit::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_input::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_output::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_stdin::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_stdout::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    cli::terminal_stderr::add_to_linker::<Sandbox, WasiCli>(linker, Sandbox::cli)?;
    filesystem::types::add_to_linker::<Sandbox, WasiFilesystem>(linker, Sandbox::filesystem)?;
    filesystem::preopens::add_to_linker::<Sandbox, WasiFilesystem>(linker, Sandbox::filesystem)?;
    random::insecure::add_to_linker::<Sandbox, WasiRandom>(linker, |sandbox| sandbox.wasi.random())?;
    random::insecure_seed::add_to_linker::<Sandbox, WasiRandom>(linker, |sandbox| sandbox.wasi.random())
}
