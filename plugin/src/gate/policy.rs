//! The settings as a gate follows them: what counts, and until when.

use crate::plugin::Plugin;
use crate::settings::{ChangeType, OnRejected, OnTimeout};
use itsm_contract::types::Timestamp;

/// What a gate follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Work waits for approval at all.
    pub gates: bool,
    /// Standard changes are asked for. Another one that somebody made standard would need nobody's approval.
    pub takes_standard: bool,
    /// The planned window counts.
    pub window: bool,
    /// Scheduling conflicts count.
    pub conflicts: bool,
    /// What a rejection does.
    pub on_rejected: OnRejected,
    /// What happens when nobody answered in time.
    pub on_timeout: OnTimeout,
    /// When that is; none for never.
    pub expires_at: Option<Timestamp>,
    /// When a waiting gate is read again.
    pub check_after: Timestamp,
}

impl Policy {
    /// The policy for work whose event occurred at `since`, at this moment.
    pub fn of(plugin: &Plugin, since: Timestamp) -> Self {
        let approval = &plugin.settings().approval;
        Self {
            gates: plugin.settings().workflows.approval_gates,
            takes_standard: plugin.settings().change.kind == ChangeType::Standard,
            window: approval.window,
            conflicts: approval.conflicts,
            on_rejected: approval.on_rejected,
            on_timeout: approval.on_timeout,
            expires_at: approval.timeout.0.map(|timeout| since.saturating_add(timeout.0)),
            check_after: plugin.now().saturating_add(approval.interval.0),
        }
    }

    /// Whether the time to answer is over.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}
