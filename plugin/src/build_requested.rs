//! A build is about to start.
use crate::plugin::Plugin;
use itsm_contract::types::Failure;
use itsm_contract::{events::BuildRequest, types::Gate};
/// May it?
pub fn on_build_requested(_: &Plugin, _: &BuildRequest) -> Result<Gate, Failure> {
    Err(Failure::InvalidEvent(itsm_contract::types::Problem {
        code: "x".into(),
        summary: "not built yet".into(),
        remedy: String::new(),
        detail: None,
    }))
}
