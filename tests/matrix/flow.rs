//! The rows: every hook, each with what must be there before, and every flow a second time after its first write was lost.

use super::fault::APPROVER;
use anyhow::{Context as _, Result, ensure};
use host_harness::delivery::{Outbox, State, Status};
use host_harness::servicenow::Fault;
use itsm_contract::answers::Event;
use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, DeployPhase, FailedStep, FailureEvent, Shortfall};
use itsm_contract::types::Gate;
use std::time::Duration;
use tests::{World, event};

/// Until a flow must have come to its end, stalls included.
const LONGEST: Duration = Duration::from_secs(120);

/// What is disturbed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// `on-build-requested`, until it waits at its gate.
    BuildRequested,
    /// `approvals.check`, from the approval to the verdict.
    BuildApproved,
    /// `on-build-finished`, under its change request.
    BuildFinished,
    /// `on-failure`: a first one.
    Failure,
    /// `on-failure` for the same thing again.
    FailureRepeated,
    /// `on-build-finished` that puts a failure right.
    Recovery,
    /// `on-deploy` requested, until it waits at its gate.
    DeployRequested,
    /// `approvals.check` for a deployment's gate.
    DeployApproved,
    /// `on-deploy` started.
    DeployStarted,
    /// `on-deploy` succeeded.
    Deployed,
    /// `on-deploy` failed.
    DeployFailed,
}

/// A step, perhaps after its first write was lost already.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    pub step: Step,
    pub is_retry: bool,
}

/// All of them.
pub fn flows() -> Vec<Flow> {
    let all = [
        Step::BuildRequested,
        Step::BuildApproved,
        Step::BuildFinished,
        Step::Failure,
        Step::FailureRepeated,
        Step::Recovery,
        Step::DeployRequested,
        Step::DeployApproved,
        Step::DeployStarted,
        Step::Deployed,
        Step::DeployFailed,
    ];
    let first = all.map(|step| Flow { step, is_retry: false });
    first.into_iter().chain(all.map(|step| Flow { step, is_retry: true })).collect()
}

/// A host before its instance.
pub struct Stage<'a> {
    pub world: &'a World,
    pub outbox: &'a Outbox,
}

impl Flow {
    /// What must be there before.
    pub async fn prepare(self, stage: &Stage<'_>) -> Result<()> {
        match self.step {
            Step::BuildRequested | Step::Failure | Step::DeployRequested => {}
            Step::BuildApproved => drop(stage.request().await?),
            Step::BuildFinished => {
                stage.request().await?;
                stage.approve(BUILD).await?;
            }
            Step::FailureRepeated | Step::Recovery => stage.fail("f1", 0).await?,
            Step::DeployApproved => stage.deploy_requested().await?,
            Step::DeployStarted => {
                stage.deploy_requested().await?;
                stage.approve(DEPLOYMENT).await?;
            }
            Step::Deployed | Step::DeployFailed => {
                stage.deploy_requested().await?;
                stage.approve(DEPLOYMENT).await?;
                stage.deploy(DeployPhase::Started, "started").await?;
            }
        }
        if self.is_retry {
            // What was written is kept, and nobody hears of it.
            let writes = Fault::on("/api/*").user(&stage.world.servicenow.account().user);
            for method in ["POST", "PATCH"] {
                stage.world.servicenow.fault(writes.clone().method(method).nth(1).times(1).reset_after());
            }
        }
        Ok(())
    }

    /// The step itself.
    pub async fn play(self, stage: &Stage<'_>) -> Result<()> {
        match self.step {
            Step::BuildRequested => drop(stage.request().await?),
            Step::BuildApproved => drop(stage.approve(BUILD).await?),
            Step::BuildFinished => {
                let gate = stage.gate(BUILD).await?;
                stage.finish(Some(gate), 0).await?;
            }
            Step::Failure => stage.fail("f1", 0).await?,
            Step::FailureRepeated => stage.fail("f2", 1_000).await?,
            Step::Recovery => stage.finish(None, 5_000).await?,
            Step::DeployRequested => stage.deploy_requested().await?,
            Step::DeployApproved => drop(stage.approve(DEPLOYMENT).await?),
            Step::DeployStarted => stage.deploy(DeployPhase::Started, "started").await?,
            Step::Deployed => stage.deploy(DeployPhase::Succeeded, "succeeded").await?,
            Step::DeployFailed => {
                let shortfall = Shortfall { why: "no route".into(), received: vec!["web-01".into()] };
                stage.deploy(DeployPhase::Failed(shortfall), "failed").await?;
            }
        }
        Ok(())
    }
}

/// Keys of the sample events.
const BUILD: &str = "evt-build-4711-requested";
const DEPLOYMENT: &str = "evt-deploy-88-requested";

impl Stage<'_> {
    async fn accept(&self, event: Event) -> Result<String> {
        Ok(self.outbox.accept(event, None).await?.status().key.clone())
    }

    /// Waits until an event is settled, or waits at its gate.
    async fn stands(&self, key: &str) -> Result<Status> {
        let stands = async {
            loop {
                let status = self.outbox.status(key).await?.context("the event is lost")?;
                if status.is_settled() || status.state == State::Waiting.name() {
                    return anyhow::Ok(status);
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(LONGEST, stands).await.with_context(|| format!("{key} comes to no end"))?
    }

    async fn done(&self, key: &str) -> Result<Status> {
        let status = self.outbox.wait(key, LONGEST).await?.context("the event is lost")?;
        ensure!(status.state == State::Done.name(), "{status:?}");
        Ok(status)
    }

    async fn waits(&self, key: &str) -> Result<()> {
        let status = self.stands(key).await?;
        ensure!(status.state == State::Waiting.name(), "{status:?}");
        Ok(())
    }

    async fn request(&self) -> Result<()> {
        let request: BuildRequest = event("build-requested")?;
        let key = self.accept(Event::BuildRequested(request)).await?;
        self.waits(&key).await
    }

    async fn deploy_requested(&self) -> Result<()> {
        let key = self.accept(Event::Deploy(event("deploy-requested")?)).await?;
        self.waits(&key).await
    }

    async fn gate(&self, key: &str) -> Result<Gate> {
        let answer = self.stands(key).await?.answer.context("no answer")?;
        let answer = answer.get("gate").cloned().unwrap_or(answer);
        Ok(serde_json::from_value(answer)?)
    }

    async fn approve(&self, key: &str) -> Result<()> {
        let change = self.gate(key).await?.change.context("no change")?;
        self.world.person(APPROVER)?.approve(&change.id, "go").await?;
        self.done(key).await.map(drop)
    }

    async fn finish(&self, gate: Option<Gate>, later: u64) -> Result<()> {
        let mut result: BuildResult = event("build-finished")?;
        result.gate = gate;
        result.delivery.occurred_at = event::<FailureEvent>("failure")?.delivery.occurred_at + later;
        let key = self.accept(Event::BuildFinished(result)).await?;
        self.done(&key).await.map(drop)
    }

    async fn fail(&self, key: &str, later: u64) -> Result<()> {
        let mut failure: FailureEvent = event("failure")?;
        failure.delivery.key = key.into();
        failure.delivery.occurred_at += later;
        failure.step = FailedStep::Verification;
        let key = self.accept(Event::Failed(failure)).await?;
        self.done(&key).await.map(drop)
    }

    async fn deploy(&self, phase: DeployPhase, name: &str) -> Result<()> {
        let mut deployment: DeployEvent = event("deploy-requested")?;
        deployment.gate = Some(self.gate(DEPLOYMENT).await?);
        deployment.phase = phase;
        deployment.delivery.key = format!("evt-deploy-88-{name}");
        let key = self.accept(Event::Deploy(deployment)).await?;
        self.done(&key).await.map(drop)
    }
}
