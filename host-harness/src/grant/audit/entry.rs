//! One entry of the log.

use itsm_contract::types::{Attribute, Ticket, Timestamp};
use serde::{Deserialize, Serialize};

/// Whose word an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// The host saw it itself.
    Host,
    /// The plugin says so.
    Plugin,
}

/// One entry, as it stands in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Entry {
    /// Counted from 1, without a gap.
    pub seq: u64,
    /// When the host wrote it.
    #[serde(with = "itsm_contract::json::time")]
    pub time: Timestamp,
    /// Whose word it is.
    pub who: Who,
    /// Such as `gate.proceed` or `egress.denied`.
    pub action: String,
    /// The delivery key of the event that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The record that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Ticket>,
    /// The facts that it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "itsm_contract::json::attributes")]
    pub details: Vec<Attribute>,
    /// SHA-256 of the line before, in hex; zeros on the first line.
    pub previous: String,
}
