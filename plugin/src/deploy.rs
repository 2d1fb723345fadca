//! A deployment moved.
use crate::plugin::Plugin;
use itsm_contract::types::Failure;
use itsm_contract::{answers::Deployment, events::DeployEvent};
/// Gates and records it.
pub fn on_deploy(_: &Plugin, _: &DeployEvent) -> Result<Deployment, Failure> {
    Err(Failure::InvalidEvent(itsm_contract::types::Problem {
        code: "x".into(),
        summary: "not built yet".into(),
        remedy: String::new(),
        detail: None,
    }))
}
