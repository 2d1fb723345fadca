//! Something failed: an incident, where the settings ask for one.

use crate::plugin::Plugin;
use crate::{event, incident};
use itsm_contract::{answers::Incident, events::FailureEvent, types::Failure};

/// Opens an incident, or adds to the one that is open for the same thing; none where the settings ask for none.
///
/// # Errors
/// `InvalidEvent` where the event makes no sense; where ServiceNow cannot be asked, or refuses.
pub fn on_failure(plugin: &Plugin, failed: &FailureEvent) -> Result<Option<Incident>, Failure> {
    event::check_failure(failed)?;
    let answer = if incident::is_wanted(plugin, failed) { Some(incident::open(plugin, failed)?) } else { None };
    incident::delivered(plugin, &failed.delivery)?;
    Ok(answer)
}
