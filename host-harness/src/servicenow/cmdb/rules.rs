//! The rules that run when a configuration item is written.

use crate::servicenow::engine::Engine;
use crate::servicenow::engine::record::Record;

/// The rules that run before a CI is kept.
pub(crate) fn before(engine: &Engine, before: Option<&Record>, record: &mut Record) {
    if before.is_none() {
        if record.lacks("discovery_source") {
            record.set("discovery_source", "Manual Entry");
        }
        if record.lacks("first_discovered") && record.get("discovery_source") != "Manual Entry" {
            record.set("first_discovered", engine.now());
        }
    }
}
