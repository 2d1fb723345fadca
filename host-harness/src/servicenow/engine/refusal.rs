//! What ServiceNow says when it will not: the catalogue of its errors, one case each.

use http::StatusCode;
use serde_json::{Value, json};

/// What a request wants of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reading.
    Read,
    /// `POST`.
    Insert,
    /// `PATCH` and `PUT`.
    Update,
    /// `DELETE`.
    Delete,
}

/// A request that ServiceNow refuses, with its own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {}", self.status(), self.message())]
pub enum Refusal {
    /// No credentials, wrong ones, an expired token, a locked user: one answer for all of them.
    NotAuthenticated,
    /// No such table.
    InvalidTable(String),
    /// No such record, or one that the caller may not read.
    NoRecord,
    /// No such attachment.
    NoAttachment,
    /// The caller's roles do not allow it.
    Acl(Operation),
    /// A before-rule aborted the write.
    BusinessRule {
        /// The record's table.
        table: String,
        /// The rule's name.
        rule: &'static str,
        /// The rule's `sys_id`.
        id: &'static str,
    },
    /// A data policy wants these fields, by label.
    DataPolicy(Vec<String>),
    /// A `sys_id` that is taken.
    UniqueKey,
    /// The query asks by a field that the caller may not read.
    QueryAcl,
    /// The caller lacks the role for this API.
    ApiAcl,
    /// The token's scope does not cover this API.
    Scope,
    /// No such API.
    UnknownUri(String),
    /// A body that cannot be read.
    Body(String),
    /// A body over `glide.rest.max_content_length`.
    TooLarge {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A known path and another method.
    Method,
    /// An `Accept` that the service cannot serve.
    NotAcceptable,
    /// A `Content-Type` that the service cannot read.
    MediaType,
    /// A parameter that is missing or wrong.
    Invalid {
        /// What it says.
        message: String,
        /// More of it.
        detail: Option<String>,
    },
    /// A script failed.
    Script(String),
    /// A rate-limit rule matched, and its limit is spent.
    RateLimit {
        /// Requests an hour.
        limit: u32,
        /// The API's name, such as `Table API`.
        api: String,
    },
    /// The transaction ran into its quota.
    Cancelled,
    /// A page of another status, as the front end gives it.
    Forbidden {
        /// What it says.
        message: String,
        /// More of it.
        detail: Option<String>,
    },
}

/// What a script error's detail ends with.
const SEE_LOGS: &str =
    "Check logs for error trace or enable glide.rest.debug property to verify REST request processing";

impl Refusal {
    /// An `Invalid` without detail.
    pub fn invalid(message: impl Into<String>) -> Self {
        Refusal::Invalid { message: message.into(), detail: None }
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Refusal::NotAuthenticated => StatusCode::UNAUTHORIZED,
            Refusal::InvalidTable(_)
            | Refusal::UnknownUri(_)
            | Refusal::Body(_)
            | Refusal::TooLarge { .. }
            | Refusal::Invalid { .. } => StatusCode::BAD_REQUEST,
            Refusal::NoRecord | Refusal::NoAttachment => StatusCode::NOT_FOUND,
            Refusal::Acl(_)
            | Refusal::BusinessRule { .. }
            | Refusal::DataPolicy(_)
            | Refusal::UniqueKey
            | Refusal::QueryAcl
            | Refusal::ApiAcl
            | Refusal::Scope
            | Refusal::Forbidden { .. } => StatusCode::FORBIDDEN,
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Refusal::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Refusal::Script(_) | Refusal::Cancelled => StatusCode::INTERNAL_SERVER_ERROR,
            Refusal::RateLimit { .. } => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// `error.message`.
    pub fn message(&self) -> String {
        match self {
            Refusal::NotAuthenticated => "User Not Authenticated".into(),
            Refusal::InvalidTable(table) => format!("Invalid table {table}"),
            Refusal::NoRecord | Refusal::NoAttachment => "No Record found".into(),
            Refusal::Acl(Operation::Read) | Refusal::QueryAcl => "Insufficient rights to query records".into(),
            Refusal::Acl(_) | Refusal::BusinessRule { .. } | Refusal::DataPolicy(_) | Refusal::UniqueKey => {
                "Operation Failed".into()
            }
            Refusal::ApiAcl | Refusal::Scope => "User Not Authorized".into(),
            Refusal::UnknownUri(_) => "Requested URI does not represent any resource".into(),
            Refusal::Body(_) | Refusal::TooLarge { .. } => "Exception while reading request".into(),
            Refusal::Method => "Method not supported".into(),
            Refusal::NotAcceptable => "Supported response media types for this service are: [application/json]".into(),
            Refusal::MediaType => "Unsupported media type".into(),
            Refusal::Invalid { message, .. } | Refusal::Script(message) | Refusal::Forbidden { message, .. } => {
                message.clone()
            }
            Refusal::RateLimit { .. } => "Rate limit exceeded".into(),
            Refusal::Cancelled => "Transaction cancelled: maximum execution time exceeded".into(),
        }
    }

    /// `error.detail`.
    pub fn detail(&self) -> Option<String> {
        Some(match self {
            Refusal::NotAuthenticated => "Required to provide Auth information".into(),
            Refusal::NoRecord => "Record doesn't exist or ACL restricts the record retrieval".into(),
            Refusal::NoAttachment => "Record does not exist".into(),
            Refusal::Acl(Operation::Insert) => "ACL Exception Insert Failed due to security constraints".into(),
            Refusal::Acl(Operation::Update) => "ACL Exception Update Failed due to security constraints".into(),
            Refusal::Acl(Operation::Delete) => "ACL Exception Delete Failed due to security constraints".into(),
            Refusal::BusinessRule { table, rule, id } => format!(
                "Operation against file '{table}' was aborted by Business Rule '{rule}^{id}'. Business Rule Stack:{rule}"
            ),
            Refusal::DataPolicy(fields) => {
                format!("Data Policy Exception: The following fields are mandatory: {}", fields.join(", "))
            }
            Refusal::UniqueKey => "Operation Failed: Unique Key violation detected by database".into(),
            Refusal::QueryAcl => "Field(s) present in the query do not have permission to be read".into(),
            Refusal::ApiAcl => "Failed API level ACL Validation".into(),
            Refusal::Scope => "Missing required api access scope".into(),
            Refusal::UnknownUri(path) => path.clone(),
            Refusal::Body(detail) => detail.clone(),
            Refusal::TooLarge { length, limit } => {
                format!("Rejected large REST payload with content-length = {length} bytes. Max allowed: {limit} bytes.")
            }
            Refusal::Script(message) if message.starts_with("Exception while executing request") => {
                format!("{message} {SEE_LOGS}")
            }
            Refusal::Script(_) => SEE_LOGS.into(),
            Refusal::Invalid { detail, .. } | Refusal::Forbidden { detail, .. } => return detail.clone(),
            Refusal::RateLimit { limit, api } => format!("Rate limit of {limit} requests per hour for {api} exceeded"),
            Refusal::Cancelled => format!("maximum execution time exceeded {SEE_LOGS}"),
            Refusal::InvalidTable(_)
            | Refusal::Acl(Operation::Read)
            | Refusal::Method
            | Refusal::NotAcceptable
            | Refusal::MediaType => return None,
        })
    }

    /// The body of the reply.
    pub fn envelope(&self) -> Value {
        json!({ "error": { "message": self.message(), "detail": self.detail() }, "status": "failure" })
    }
}
