//! A controlled build is about to start: may it?

use crate::change::Work;
use crate::plugin::Plugin;
use crate::{event, gate, incident};
use itsm_contract::events::BuildRequest;
use itsm_contract::types::{Failure, Gate};

/// Makes or links the build's change request, asks for its approval, and answers its gate.
///
/// # Errors
/// Where ServiceNow cannot be asked, or refuses the change request.
pub fn on_build_requested(plugin: &Plugin, request: &BuildRequest) -> Result<Gate, Failure> {
    event::check(&request.delivery, &request.build)?;
    event::check_schedule(request.schedule.as_ref())?;
    let gate = gate::open(plugin, Work::Build(request))?;
    incident::delivered_gate(plugin, &request.delivery);
    Ok(gate)
}
