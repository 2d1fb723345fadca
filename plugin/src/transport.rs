//! What the sandbox grants: one way to send a request, a clock, an audit log and a mapping. Traits, so that the
//! ServiceNow logic runs and is tested without a sandbox.

use itsm_contract::types::{Attribute, Ticket, Timestamp};

/// An HTTP method that ServiceNow's APIs use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates, or starts something.
    Post,
    /// Changes fields; those left out stay.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// As it stands on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// A request to the one instance that the settings name. The transport knows its origin, the host its credential.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query, encoded.
    pub target: String,
    /// `Content-Type` of the body; none without a body.
    pub content_type: Option<String>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// A whole reply.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Why there is no reply. Whether ServiceNow applied the request is unknown for `Lost` and `TimedOut`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SendError {
    /// No grant covers the request.
    #[error("the host denied the request")]
    Denied,
    /// The credential that the settings name cannot be had.
    #[error("the host has no credential for this instance")]
    NoCredential,
    /// The reply is larger than the host passes on.
    #[error("the reply is larger than the host allows")]
    TooLarge,
    /// Nobody answered in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection could not be made, or broke. What the host said.
    #[error("the connection failed: {0}")]
    Lost(String),
}

/// Sends requests to the instance.
pub trait Transport {
    /// Sends one request and waits for the whole reply.
    ///
    /// # Errors
    /// Where there is no whole reply.
    fn send(&self, request: &Request) -> Result<Response, SendError>;
}

/// One entry for the host's audit log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// Such as `change.created`, `gate.proceed`, `incident.updated`.
    pub action: &'static str,
    /// The delivery key of the event that led to it.
    pub key: Option<String>,
    /// The record that it is about.
    pub subject: Option<Ticket>,
    /// The facts that it rests on.
    pub details: Vec<Attribute>,
}

/// The host's audit log.
pub trait Audit {
    /// Adds an entry. The host stops the plugin if it cannot keep its log.
    fn append(&self, entry: Entry);
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Sent as it is.
    Text(String),
    /// A name or number, to be resolved to the record that it refers to.
    Named(String),
}

/// A field of a record, by ServiceNow's name of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Such as `short_description`.
    pub name: String,
    /// What it holds.
    pub value: Value,
}

impl Field {
    /// A field that is sent as it is.
    pub fn text(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: Value::Text(value.into()) }
    }
}

/// What a mapping makes of an event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapped {
    /// For a configuration item: its class, where it is not the default one.
    pub class_name: Option<String>,
    /// What is sent; replaces the defaults.
    pub fields: Vec<Field>,
}

/// What is wrong with the mapping's rules, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    /// Such as `incident.fields.short_description`.
    pub path: String,
    /// Line and column in that rule's text, counted from 1.
    pub position: Option<(u32, u32)>,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// What the rules can produce for one kind of record.
#[derive(Clone, Debug, PartialEq)]
pub struct Produced {
    /// `build-change`, `deploy-change`, `incident`, `image` or `system`.
    pub kind: String,
    /// By ServiceNow's names.
    pub fields: Vec<String>,
    /// More than `fields` may come.
    pub open: bool,
}

/// The customer's own rules.
pub trait Mapping {
    /// Checks the rules, as JSON, without an event.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    fn check_rules(&self, rules: &str) -> Result<Vec<Produced>, Vec<Complaint>>;

    /// What a record of this kind says; `event` is JSON.
    ///
    /// # Errors
    /// Where the rules cannot be applied to this event.
    fn apply(&self, rules: &str, kind: &str, event: &str, defaults: Vec<Field>) -> Result<Mapped, Complaint>;
}

/// Everything that a hook may use.
#[derive(Clone, Copy)]
pub struct Grants<'a> {
    /// The way to the instance.
    pub transport: &'a dyn Transport,
    /// The host's audit log.
    pub audit: &'a dyn Audit,
    /// The customer's rules; none where the host switched them off.
    pub mapping: Option<&'a dyn Mapping>,
    /// When the hook was called.
    pub now: Timestamp,
}
