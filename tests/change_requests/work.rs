//! One piece of work at its gate.

use anyhow::{Context as _, Result};
use host_harness::servicenow::Record;
use itsm_contract::answers::{Review, Waiting};
use itsm_contract::events::{BuildRequest, DeployEvent, DeployPhase};
use itsm_contract::types::{Gate, Ticket, Timestamp, Verdict};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};
use tests::{World, event};

pub fn now() -> Result<Timestamp> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

/// As ServiceNow writes it.
pub fn text(time: Timestamp) -> Result<String> {
    let text = itsm_contract::json::time::text(time / 1000 * 1000).context("no such time")?;
    Ok(text.replace('T', " ").replace('Z', ""))
}

/// A build that asks to start now.
pub fn request(key: &str) -> Result<BuildRequest> {
    let mut request: BuildRequest = event("build-requested")?;
    request.delivery.key = key.into();
    request.delivery.occurred_at = now()?;
    request.systems.clear();
    Ok(request)
}

/// One piece of work at its gate.
pub struct Work<'w> {
    pub world: &'w World,
    pub waiting: Waiting,
    pub cursor: Option<String>,
}

impl<'w> Work<'w> {
    pub async fn ask(world: &'w World, request: &BuildRequest) -> Result<Self> {
        let last = world.plugin.on_build_requested(request).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        Ok(Self { world, waiting: Waiting { last, since: request.delivery.occurred_at }, cursor: None })
    }

    pub fn change(&self) -> Result<&Ticket> {
        self.waiting.last.change.as_ref().context("no change request")
    }

    pub fn record(&self) -> Result<Record> {
        let id = &self.change()?.id;
        let records = self.world.servicenow.records("change_request");
        records.into_iter().find(|record| record.get("sys_id") == *id).context("no record")
    }

    /// What the gate says now.
    pub async fn look(&mut self) -> Result<&Verdict> {
        let answer = self.world.plugin.check(std::slice::from_ref(&self.waiting), self.cursor.as_deref()).await?;
        let Review { mut moved, cursor } = answer.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        self.cursor = Some(cursor);
        if let Some(reviewed) = moved.pop() {
            self.waiting.last = reviewed.answer.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        }
        Ok(&self.waiting.last.verdict)
    }

    pub async fn approve(&self) -> Result<()> {
        Ok(self.world.person("beth.anglin")?.approve(&self.change()?.id, "go").await?)
    }

    pub async fn edit(&self, fields: Value) -> Result<()> {
        self.world.person("david.loo")?.update("change_request", &self.change()?.id, fields).await?;
        Ok(())
    }
}

/// The words of a pause, but for its seal.
pub fn waits_for(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pause(pause) => {
            let words = pause.waiting_for.iter().map(String::as_str).filter(|words| !words.contains(" (seal "));
            words.collect::<Vec<_>>().join("; ")
        }
        other => format!("no pause: {other:?}"),
    }
}

pub fn proceeds(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Proceed(clearance) if !clearance.by_policy)
}

/// Tells of a deployment behind this gate.
pub async fn deploy(world: &World, phase: DeployPhase, gate: &Gate) -> Result<itsm_contract::answers::Deployment> {
    let mut event: DeployEvent = event("deploy-requested")?;
    event.delivery.key = format!("deploy-{phase:?}");
    event.delivery.occurred_at = now()?;
    event.phase = phase;
    event.gate = Some(gate.clone());
    world.plugin.on_deploy(&event).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))
}
