//! The limits that end a call, by name.

use super::limits::Limits;
/// Which limit a call ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::fuel`].
    Fuel,
    /// [`Limits::wall_clock`].
    WallClock,
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::memories`].
    Memories,
    /// [`Limits::tables`].
    Tables,
    /// [`Limits::table_elements`].
    TableElements,
    /// [`Limits::instances`].
    Instances,
    /// [`Limits::resources`].
    Resources,
    /// [`Limits::stack`].
    Stack,
    /// [`Limits::hostcall_bytes`].
    HostcallBytes,
    /// [`Limits::request_bytes`].
    RequestBytes,
    /// [`Limits::request_frames`].
    RequestFrames,
    /// [`Limits::request_header_bytes`].
    RequestHeaderBytes,
    /// [`Limits::held_bytes`].
    HeldBytes,
    /// [`Limits::exchanges`].
    Exchanges,
    /// [`Limits::audit_entries`].
    AuditEntries,
    /// [`Limits::audit_bytes`].
    AuditBytes,
    /// [`Limits::stdio_writes`].
    StdioWrites,
    /// [`Limits::random_bytes`].
    RandomBytes,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Fuel,
        Self::WallClock,
        Self::Memory,
        Self::Memories,
        Self::Tables,
        Self::TableElements,
        Self::Instances,
        Self::Resources,
        Self::Stack,
        Self::HostcallBytes,
        Self::RequestBytes,
        Self::RequestFrames,
        Self::RequestHeaderBytes,
        Self::HeldBytes,
        Self::Exchanges,
        Self::AuditEntries,
        Self::AuditBytes,
        Self::StdioWrites,
        Self::RandomBytes,
    ];

    /// The name of the field of [`Limits`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Fuel => "fuel",
            Self::WallClock => "wall-clock",
            Self::Memory => "memory",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::TableElements => "table-elements",
            Self::Instances => "instances",
            Self::Resources => "resources",
            Self::Stack => "stack",
            Self::HostcallBytes => "hostcall-bytes",
            Self::RequestBytes => "request-bytes",
            Self::RequestFrames => "request-frames",
            Self::RequestHeaderBytes => "request-header-bytes",
            Self::HeldBytes => "held-bytes",
            Self::Exchanges => "exchanges",
            Self::AuditEntries => "audit-entries",
            Self::AuditBytes => "audit-bytes",
            Self::StdioWrites => "stdio-writes",
            Self::RandomBytes => "random-bytes",
        }
    }

    /// What [`Limits`] allows, in the unit of [`unit`](Self::unit).
    pub fn allowed(self, limits: &Limits) -> u64 {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        match self {
            Self::Fuel => limits.fuel,
            Self::WallClock => u64::try_from(limits.wall_clock.as_millis()).unwrap_or(u64::MAX),
            Self::Memory => count(limits.memory),
            Self::Memories => count(limits.memories),
            Self::Tables => count(limits.tables),
            Self::TableElements => count(limits.table_elements),
            Self::Instances => count(limits.instances),
            Self::Resources => count(limits.resources),
            Self::Stack => count(limits.stack),
            Self::HostcallBytes => count(limits.hostcall_bytes),
            Self::RequestBytes => count(limits.request_bytes),
            Self::RequestFrames => count(limits.request_frames),
            Self::RequestHeaderBytes => count(limits.request_header_bytes),
            Self::HeldBytes => count(limits.held_bytes),
            Self::Exchanges => count(limits.exchanges),
            Self::AuditEntries => count(limits.audit_entries),
            Self::AuditBytes => count(limits.audit_bytes),
            Self::StdioWrites => count(limits.stdio_writes),
            Self::RandomBytes => limits.random_bytes,
        }
    }

    /// What it counts.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Fuel => "units of fuel",
            Self::WallClock => "ms",
            Self::Memory
            | Self::Stack
            | Self::HostcallBytes
            | Self::RequestBytes
            | Self::RequestHeaderBytes
            | Self::HeldBytes
            | Self::AuditBytes
            | Self::RandomBytes => "bytes",
            Self::Memories => "memories",
            Self::Tables => "tables",
            Self::TableElements => "elements",
            Self::Instances => "instances",
            Self::Resources => "resources",
            Self::RequestFrames | Self::StdioWrites => "writes",
            Self::Exchanges => "requests",
            Self::AuditEntries => "entries",
        }
    }
}

/// A limit was reached. Travels through wasmtime as an error, so that the guest cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the limit `{}` was reached", .0.name())]
pub(crate) struct LimitHit(pub(crate) Limit);
