//! A build ended.
use crate::plugin::Plugin;
use itsm_contract::types::Failure;
use itsm_contract::{answers::Receipt, events::BuildResult};
/// Attaches evidence.
pub fn on_build_finished(_: &Plugin, _: &BuildResult) -> Result<Receipt, Failure> {
    Err(Failure::InvalidEvent(itsm_contract::types::Problem {
        code: "x".into(),
        summary: "not built yet".into(),
        remedy: String::new(),
        detail: None,
    }))
}
