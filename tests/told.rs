//! What hosts are told in more than one of these tests: events made of the samples, and what is left undone once a plugin was
//! told.

use anyhow::{Context as _, Result};
use host_harness::runtime::Plugin;
use itsm_contract::answers::Event;
use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, DeployPhase, FailedStep, FailureEvent};
use itsm_contract::types::{Failure, Gate};
use tests::{World, event};

/// Tells a plugin; what is not done then.
pub async fn tell(plugin: &Plugin, event: &Event) -> Result<Vec<Failure>> {
    let left = match event {
        Event::BuildRequested(request) => plugin.on_build_requested(request).await?.map(|_| Vec::new()),
        Event::BuildFinished(result) => plugin.on_build_finished(result).await?.map(|receipt| receipt.unfinished),
        Event::Failed(failed) => plugin.on_failure(failed).await?.map(|_| Vec::new()),
        Event::Deploy(deployed) => plugin.on_deploy(deployed).await?.map(|answer| answer.unfinished),
    };
    Ok(left.unwrap_or_else(|failure| vec![failure]))
}

/// A failed verification, some milliseconds after the sample's.
pub fn failed(key: &str, later: u64) -> Result<Event> {
    let mut failed: FailureEvent = event("failure")?;
    failed.delivery.key = key.into();
    failed.delivery.occurred_at += later;
    failed.step = FailedStep::Verification;
    Ok(Event::Failed(failed))
}

/// A build that passed, so much after the sample of a failure.
pub fn passed(key: &str, later: u64, gate: Option<&Gate>) -> Result<Event> {
    let mut result: BuildResult = event("build-finished")?;
    result.delivery.key = key.into();
    result.delivery.occurred_at = event::<FailureEvent>("failure")?.delivery.occurred_at + later;
    result.gate = gate.cloned();
    Ok(Event::BuildFinished(result))
}

/// A deployment of an image's version that succeeded, so much after the sample's.
pub fn deployed(version: &str, later: u64, gate: Option<&Gate>) -> Result<DeployEvent> {
    let mut deployed: DeployEvent = event("deploy-requested")?;
    deployed.delivery.key = format!("deployed-{version}");
    deployed.delivery.occurred_at += later;
    deployed.deployment_id = format!("deploy-{version}");
    deployed.build.image.version = version.into();
    deployed.build.image.digest = Some(format!("sha256:{:0>64}", version.replace('.', "")));
    deployed.phase = DeployPhase::Succeeded;
    deployed.gate = gate.cloned();
    Ok(deployed)
}

/// The gate of the sample's build.
pub async fn gate(world: &World) -> Result<Gate> {
    let request: BuildRequest = event("build-requested")?;
    world.plugin.on_build_requested(&request).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))
}

/// What a gate answers once its change request is approved.
pub async fn approved(world: &World, ask: impl AsyncFn() -> Result<Gate>) -> Result<Gate> {
    let change = ask().await?.change.context("no change request")?;
    world.person("beth.anglin")?.approve(&change.id, "go").await?;
    ask().await
}
