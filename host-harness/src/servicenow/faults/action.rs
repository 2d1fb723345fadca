//! What may happen to a request.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What happens to a request that a rule picks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Action {
    /// Another reply instead of the instance's.
    Status {
        /// The status.
        status: u16,
        /// Headers of it.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// Its body. Text that begins with `{` is sent as JSON, any other as HTML.
        #[serde(default)]
        body: String,
        /// Whether the request is applied all the same, as with a write that is kept and then runs into its quota.
        #[serde(default)]
        applied: bool,
    },
    /// 429 as a rate-limit rule answers, or bare as a full semaphore queue does.
    TooManyRequests {
        /// `Retry-After`, in seconds; without it there are no headers and no JSON.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The reply is cut off after so many bytes, status line and headers included; the request was applied.
    Cut {
        /// How many bytes still arrive.
        bytes: u64,
    },
    /// The connection is reset before the request is applied.
    ResetBefore,
    /// The request is applied, and the connection reset before a byte of the reply.
    ResetAfter,
    /// Nothing is ever answered. The request is not applied.
    Stall,
    /// Nothing is ever answered. The request is applied all the same, so much later: ServiceNow goes on with what it has
    /// begun when the client has gone.
    AppliedLate {
        /// Milliseconds until then.
        millis: u64,
    },
    /// A login page with 200.
    Html,
    /// The page of a sleeping developer instance, with 200.
    Hibernating,
    /// 302 to a login page.
    Redirect {
        /// `Location`.
        location: String,
    },
    /// JSON that ends too early, in a reply that is whole; the request was applied.
    TruncatedJson,
    /// An error in the middle of a 200 body, as a quota that strikes while rows are written; the request was applied.
    ErrorInBody,
    /// Every token that was given out is worthless from now on.
    ExpiredToken,
    /// The request is handled by a node whose clock is off.
    ClockSkew {
        /// By so many seconds.
        seconds: i64,
    },
    /// ACLs hide rows from everybody but `admin`.
    HideRows {
        /// The table.
        table: String,
        /// An encoded query; empty means all rows.
        #[serde(default)]
        query: String,
    },
    /// Nothing but the rule's delay.
    Nothing,
}
