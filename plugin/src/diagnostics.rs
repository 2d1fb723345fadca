//! What an administrator asks before trusting a set-up.
use crate::plugin::Plugin;
use crate::transport::Mapping;
use itsm_contract::answers::{Description, Event, Finding, Planned};
use itsm_contract::types::Failure;
/// What this plugin is.
pub fn describe() -> Description {
    Description { name: "servicenow".into(), version: env!("CARGO_PKG_VERSION").into(), settings_schema: String::new() }
}
/// Checks settings and rules.
pub fn validate(_: &str, _: &dyn Mapping) -> Vec<Finding> {
    Vec::new()
}
/// Test Connection.
pub fn test_connection(_: &Plugin) -> Vec<Finding> {
    Vec::new()
}
/// One finding: the settings cannot be used.
pub fn unusable(_: Failure) -> Vec<Finding> {
    Vec::new()
}
/// What a hook would do.
pub fn preview(_: &Plugin, _: &Event) -> Result<Vec<Planned>, Failure> {
    Err(Failure::InvalidEvent(itsm_contract::types::Problem {
        code: "x".into(),
        summary: "not built yet".into(),
        remedy: String::new(),
        detail: None,
    }))
}
