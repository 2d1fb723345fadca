//! A build ended: its evidence is kept with its change request, its change is told, and what it puts right is resolved.

use crate::plugin::Plugin;
use crate::{change, event, evidence, incident};
use itsm_contract::answers::Receipt;
use itsm_contract::events::{BuildOutcome, BuildResult};
use itsm_contract::types::{Failure, Ticket};

/// Attaches what is known of a build to its change request, and resolves the incidents that its success puts right.
///
/// # Errors
/// `InvalidEvent` where the event makes no sense, `Retry` where its evidence cannot be kept for the moment.
pub fn on_build_finished(plugin: &Plugin, result: &BuildResult) -> Result<Receipt, Failure> {
    event::check(&result.delivery, &result.build)?;
    let recorded = evidence::record(plugin, result, |ticket| change::approvers(plugin, ticket, &result.build))?;
    let mut receipt = Receipt {
        digest: recorded.digest,
        attached: recorded.attached,
        resolved: Vec::new(),
        unfinished: recorded.unfinished,
    };
    receipt.unfinished.extend(change::after_build(plugin, result));
    for resolved in recovered(plugin, result) {
        match resolved {
            Ok(tickets) => receipt.resolved.extend(tickets),
            Err(failure) => receipt.unfinished.push(failure),
        }
    }
    Ok(receipt)
}

/// Resolves what this success puts right, and the incident of its own delivery.
fn recovered(plugin: &Plugin, result: &BuildResult) -> Vec<Result<Vec<Ticket>, Failure>> {
    let mut resolved = Vec::new();
    if result.outcome == BuildOutcome::Passed {
        let change = result.gate.as_ref().and_then(|gate| gate.change.as_ref());
        let what = format!("Build {}", result.build.id);
        for thing in incident::things(result) {
            resolved.push(incident::resolve(plugin, &thing, &result.delivery, &what, change));
        }
    }
    resolved.push(incident::delivered(plugin, &result.delivery));
    resolved
}
