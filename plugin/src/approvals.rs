//! Waiting gates, many in one call.
use crate::plugin::Plugin;
use itsm_contract::answers::{Review, Waiting};
use itsm_contract::types::Failure;
/// Reads what changed.
pub fn check(_: &Plugin, _: &[Waiting], _: Option<&str>) -> Result<Review, Failure> {
    Err(Failure::InvalidEvent(itsm_contract::types::Problem {
        code: "x".into(),
        summary: "not built yet".into(),
        remedy: String::new(),
        detail: None,
    }))
}
