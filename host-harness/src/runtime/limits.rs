//! What one call of a plugin may use up, and what happens when it uses more.
//!
//! Every default is a constant with its reason beside it. [`Limits`] holds what is in force; an embedder overrides what
//! it must and keeps the rest.

pub use super::limit::Limit;

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// WebAssembly instructions, roughly, of one call: a few seconds of one core. A gate event in Rust needs under a
/// thousandth of it; a mapping that carries a whole interpreter needs a tenth.
pub const FUEL: u64 = 5_000_000_000;
/// From the call of a hook to its answer, ServiceNow's time included. Longer than a slow Table API request (60 s, the
/// REST transaction quota that ServiceNow ships with) and its one repeat after a refresh of the token.
pub const WALL_CLOCK: Duration = Duration::from_secs(150);
/// Bytes of linear memory, the plugin's and the mapping's together. An interpreter as a mapping needs some 40 MiB.
pub const MEMORY: usize = 128 * MIB;
/// Linear memories. The plugin has one, a mapping one, and each adapter between them none.
pub const MEMORIES: usize = 8;
/// Tables. A module has one or two; an interpreter of a dozen linked libraries one for all.
pub const TABLES: usize = 32;
/// Elements of all tables together. An interpreter has some 20,000 functions that can be called by pointer.
pub const TABLE_ELEMENTS: usize = 100_000;
/// Core instances. The plugin with the stock mapping has under ten; an interpreter as a mapping some forty.
pub const INSTANCES: usize = 128;
/// Live resources (requests, bodies, streams, fields) and live handles to them. One exchange has under ten at a time.
pub const RESOURCES: usize = 1_000;
/// Bytes of stack for WebAssembly. Wasmtime's own default: hundreds of nested calls.
pub const STACK: usize = 512 * KIB;
/// Bytes that the guest may hand to the host in one call of an import, and in an answer: above [`REQUEST_BYTES`], so that
/// a body written at once reaches its own limit first.
pub const HOSTCALL_BYTES: usize = 24 * MIB;
/// Bytes of a request's body: evidence with its attachments, several times over.
pub const REQUEST_BYTES: usize = 16 * MIB;
/// Writes to a request's body, empty ones included: [`REQUEST_BYTES`] in the 4 KiB of a blocking write, twice over.
pub const REQUEST_FRAMES: usize = 8_192;
/// Bytes of a request's header fields, with what it costs to hold them (`wasi:http` counts 60 or so for each).
pub const REQUEST_HEADER_BYTES: usize = 32 * KIB;
/// Bytes of a reply's body. A page of 1,000 change requests with the fields that the plugin asks for is under 1 MiB.
pub const REPLY_BYTES: usize = 16 * MIB;
/// Pieces in which a reply's body arrives. A piece is what one read of the socket gave: at worst a few bytes.
pub const REPLY_FRAMES: usize = 262_144;
/// Bytes of a reply's header fields. ServiceNow sends some 3 KiB, cookies included.
pub const REPLY_HEADER_BYTES: usize = 64 * KIB;
/// Header fields of a reply. ServiceNow sends some thirty.
pub const REPLY_FIELDS: usize = 200;
/// Bytes of bodies that the host holds for one call at a time: requests until they are answered, replies until the guest
/// has let them go. One exchange of the largest kind, twice over: a guest may still hold the reply before.
pub const HELD_BYTES: usize = 2 * (REQUEST_BYTES + REPLY_BYTES);
/// Bytes of a request's target. ServiceNow's own front end answers 414 well below it.
pub const URI_BYTES: usize = 16 * KIB;
/// Bytes of a credential, or of the reply with a token. A JWT with many claims is under 8 KiB.
pub const CREDENTIAL_BYTES: usize = 64 * KIB;
/// Requests of one call. A deployment onto a hundred systems needs some two hundred at worst.
pub const EXCHANGES: usize = 500;
/// Audit entries of one call: a sweep of 10,000 waiting gates that all moved. The plugin may write as many, and its answer
/// leave as many of the host's.
pub const AUDIT_ENTRIES: usize = 20_000;
/// Bytes of the audit entries of one call, as they are written, the plugin's and those that its answer leaves each: 400 for each of [`AUDIT_ENTRIES`].
pub const AUDIT_BYTES: usize = 8 * MIB;
/// Bytes of standard output and error that are kept of one call; the rest is dropped without an error, since a guest
/// whose print fails would trap.
pub const STDIO_BYTES: usize = 64 * KIB;
/// Writes to standard output and error, empty ones included.
pub const STDIO_WRITES: usize = 10_000;
/// Bytes of randomness asked for at once. A hash map's seed is 16; Python asks for some hundred.
pub const RANDOM_BYTES: u64 = 64 * 1024;
/// Bytes of an event as JSON, with the contents of its files: as much as one request may carry to ServiceNow. 10,000 waiting
/// gates with their approvals are half of it.
pub const EVENT_BYTES: usize = 16 * MIB;
/// Bytes of an event as JSON without the contents of its files. In the sandbox a byte of them takes up to 42 (a list of empty
/// texts does), and [`MEMORY`] must hold that with room for an interpreter. A deployment onto 1,000 systems has under
/// 500 KiB.
pub const EVENT_FIELD_BYTES: usize = 2 * MIB;
/// Bytes of a component: Python's is 38 MiB before it is stripped.
pub const COMPONENT_BYTES: usize = 64 * MIB;
/// Until a connection stands, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From a request's last byte to the reply's first. ServiceNow ends a REST request itself after 60 s.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(70);
/// Between two pieces of a reply.
pub const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What one call may use up. `Default` gives the constants of this module.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// See [`FUEL`].
    pub fuel: u64,
    /// See [`WALL_CLOCK`].
    pub wall_clock: Duration,
    /// See [`MEMORY`].
    pub memory: usize,
    /// See [`MEMORIES`].
    pub memories: usize,
    /// See [`TABLES`].
    pub tables: usize,
    /// See [`TABLE_ELEMENTS`].
    pub table_elements: usize,
    /// See [`INSTANCES`].
    pub instances: usize,
    /// See [`RESOURCES`].
    pub resources: usize,
    /// See [`STACK`]. Fixed when the host starts.
    pub stack: usize,
    /// See [`HOSTCALL_BYTES`].
    pub hostcall_bytes: usize,
    /// See [`REQUEST_BYTES`].
    pub request_bytes: usize,
    /// See [`REQUEST_FRAMES`].
    pub request_frames: usize,
    /// See [`REQUEST_HEADER_BYTES`].
    pub request_header_bytes: usize,
    /// See [`REPLY_BYTES`].
    pub reply_bytes: usize,
    /// See [`REPLY_FRAMES`].
    pub reply_frames: usize,
    /// See [`REPLY_HEADER_BYTES`].
    pub reply_header_bytes: usize,
    /// See [`REPLY_FIELDS`]. Fixed when a grant is made, by [`Builder::limits`](crate::grant::Builder::limits).
    pub reply_fields: usize,
    /// See [`HELD_BYTES`].
    pub held_bytes: usize,
    /// See [`URI_BYTES`]. Fixed when a grant is made.
    pub uri_bytes: usize,
    /// See [`CREDENTIAL_BYTES`]. Fixed when a grant is made.
    pub credential_bytes: usize,
    /// See [`EXCHANGES`].
    pub exchanges: usize,
    /// See [`AUDIT_ENTRIES`].
    pub audit_entries: usize,
    /// See [`AUDIT_BYTES`].
    pub audit_bytes: usize,
    /// See [`STDIO_BYTES`].
    pub stdio_bytes: usize,
    /// See [`STDIO_WRITES`].
    pub stdio_writes: usize,
    /// See [`RANDOM_BYTES`].
    pub random_bytes: u64,
    /// See [`EVENT_BYTES`].
    pub event_bytes: usize,
    /// See [`EVENT_FIELD_BYTES`].
    pub event_field_bytes: usize,
    /// See [`COMPONENT_BYTES`]. Fixed when the host starts.
    pub component_bytes: usize,
    /// See [`CONNECT_TIMEOUT`]. Fixed when a grant is made; a shorter one that the guest asks for is taken off the wait for
    /// the reply.
    pub connect_timeout: Duration,
    /// See [`REPLY_TIMEOUT`]; a shorter one that the guest asks for is kept.
    pub reply_timeout: Duration,
    /// See [`READ_TIMEOUT`]; a shorter one that the guest asks for is kept.
    pub read_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: FUEL,
            wall_clock: WALL_CLOCK,
            memory: MEMORY,
            memories: MEMORIES,
            tables: TABLES,
            table_elements: TABLE_ELEMENTS,
            instances: INSTANCES,
            resources: RESOURCES,
            stack: STACK,
            hostcall_bytes: HOSTCALL_BYTES,
            request_bytes: REQUEST_BYTES,
            request_frames: REQUEST_FRAMES,
            request_header_bytes: REQUEST_HEADER_BYTES,
            reply_bytes: REPLY_BYTES,
            reply_frames: REPLY_FRAMES,
            reply_header_bytes: REPLY_HEADER_BYTES,
            reply_fields: REPLY_FIELDS,
            held_bytes: HELD_BYTES,
            uri_bytes: URI_BYTES,
            credential_bytes: CREDENTIAL_BYTES,
            exchanges: EXCHANGES,
            audit_entries: AUDIT_ENTRIES,
            audit_bytes: AUDIT_BYTES,
            stdio_bytes: STDIO_BYTES,
            stdio_writes: STDIO_WRITES,
            random_bytes: RANDOM_BYTES,
            event_bytes: EVENT_BYTES,
            event_field_bytes: EVENT_FIELD_BYTES,
            component_bytes: COMPONENT_BYTES,
            connect_timeout: CONNECT_TIMEOUT,
            reply_timeout: REPLY_TIMEOUT,
            read_timeout: READ_TIMEOUT,
        }
    }
}

impl Limits {
    /// Every limit by its name, what it allows, and in which unit: for people.
    pub fn figures(&self) -> Vec<(&'static str, u64, &'static str)> {
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut figures: Vec<_> =
            Limit::ALL.iter().map(|limit| (limit.name(), limit.allowed(self), limit.unit())).collect();
        // Those that end no call: what is over them is cut, refused beforehand, or told to the guest.
        figures.extend([
            ("reply-bytes", count(self.reply_bytes), "bytes"),
            ("reply-frames", count(self.reply_frames), "pieces"),
            ("reply-header-bytes", count(self.reply_header_bytes), "bytes"),
            ("reply-fields", count(self.reply_fields), "fields"),
            ("uri-bytes", count(self.uri_bytes), "bytes"),
            ("credential-bytes", count(self.credential_bytes), "bytes"),
            ("stdio-bytes", count(self.stdio_bytes), "bytes"),
            ("event-bytes", count(self.event_bytes), "bytes"),
            ("event-field-bytes", count(self.event_field_bytes), "bytes"),
            ("component-bytes", count(self.component_bytes), "bytes"),
            ("connect-timeout", millis(self.connect_timeout), "ms"),
            ("reply-timeout", millis(self.reply_timeout), "ms"),
            ("read-timeout", millis(self.read_timeout), "ms"),
        ]);
        figures
    }
}
