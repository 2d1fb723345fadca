//! Something failed.
use crate::plugin::Plugin;
use itsm_contract::types::Failure;
use itsm_contract::{answers::Incident, events::FailureEvent};
/// Opens an incident.
pub fn on_failure(_: &Plugin, _: &FailureEvent) -> Result<Option<Incident>, Failure> {
    Err(Failure::InvalidEvent(itsm_contract::types::Problem {
        code: "x".into(),
        summary: "not built yet".into(),
        remedy: String::new(),
        detail: None,
    }))
}
