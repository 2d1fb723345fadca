//! The rows: every hook, each with what must be there before, and every flow a second time after its first write was lost.

use super::fault::APPROVER;
use crate::told::failed;
use anyhow::{Context as _, Result, ensure};
use host_harness::delivery::{Outbox, State, Status};
use host_harness::servicenow::Fault;
use itsm_contract::answers::Event;
use itsm_contract::events::{BuildResult, DeployEvent, DeployPhase, FailureEvent, Shortfall};
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
        let before: &[Step] = match self.step {
            Step::BuildRequested | Step::Failure | Step::DeployRequested => &[],
            Step::BuildApproved => &[Step::BuildRequested],
            Step::BuildFinished => &[Step::BuildRequested, Step::BuildApproved],
            Step::FailureRepeated | Step::Recovery => &[Step::Failure],
            Step::DeployApproved => &[Step::DeployRequested],
            Step::DeployStarted => &[Step::DeployRequested, Step::DeployApproved],
            Step::Deployed | Step::DeployFailed => &[Step::DeployRequested, Step::DeployApproved, Step::DeployStarted],
        };
        for step in before {
            Self { step: *step, is_retry: false }.play(stage).await?;
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
        let Some(event) = self.event(stage).await? else {
            let gate = if self.step == Step::BuildApproved { BUILD } else { DEPLOYMENT };
            return stage.approve(gate).await;
        };
        let key = stage.accept(event).await?;
        match self.step {
            Step::BuildRequested | Step::DeployRequested => stage.waits(&key).await,
            _ => stage.done(&key).await.map(drop),
        }
    }

    /// The step's event; none where it is somebody's approval.
    async fn event(self, stage: &Stage<'_>) -> Result<Option<Event>> {
        Ok(Some(match self.step {
            Step::BuildApproved | Step::DeployApproved => return Ok(None),
            Step::BuildRequested => Event::BuildRequested(event("build-requested")?),
            Step::DeployRequested => Event::Deploy(event("deploy-requested")?),
            Step::BuildFinished => finished(Some(stage.gate(BUILD).await?), 0)?,
            Step::Recovery => finished(None, 5_000)?,
            Step::Failure => failed("f1", 0)?,
            Step::FailureRepeated => failed("f2", 1_000)?,
            Step::DeployStarted => stage.deployment(DeployPhase::Started, "started").await?,
            Step::Deployed => stage.deployment(DeployPhase::Succeeded, "succeeded").await?,
            Step::DeployFailed => {
                let shortfall = Shortfall { why: "no route".into(), received: vec!["web-01".into()] };
                stage.deployment(DeployPhase::Failed(shortfall), "failed").await?
            }
        }))
    }
}

fn finished(gate: Option<Gate>, later: u64) -> Result<Event> {
    let mut result: BuildResult = event("build-finished")?;
    result.gate = gate;
    result.delivery.occurred_at = event::<FailureEvent>("failure")?.delivery.occurred_at + later;
    Ok(Event::BuildFinished(result))
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

    async fn deployment(&self, phase: DeployPhase, name: &str) -> Result<Event> {
        let mut deployment: DeployEvent = event("deploy-requested")?;
        deployment.gate = Some(self.gate(DEPLOYMENT).await?);
        deployment.phase = phase;
        deployment.delivery.key = format!("evt-deploy-88-{name}");
        Ok(Event::Deploy(deployment))
    }
}
