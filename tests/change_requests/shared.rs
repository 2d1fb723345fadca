//! A person's change request that several builds wait for.

use super::work::{now, proceeds, request, text, waits_for};
use super::{CHANGES_ALONE, HOUR};
use anyhow::{Context as _, Result, ensure};
use host_harness::delivery::{ManualClock, Outbox};
use itsm_contract::answers::Event;
use itsm_contract::types::{Gate, Verdict};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tests::{World, eager};

const KEYS: [&str; 2] = ["b1", "b2"];

/// What a gate says whose change was edited after its approval.
const EDITED: &str = "approval again, or the edit undone: since it was asked for, somebody edited the planned window";

/// More looks than a gate needs that is to move.
const LOOKS: usize = 1000;

/// Builds that wait for one change in a host's outbox.
struct Shared {
    world: World,
    outbox: Outbox,
    clock: ManualClock,
    change: String,
}

impl Shared {
    async fn start() -> Result<Self> {
        let world = World::builder().settings(CHANGES_ALONE).start().await?;
        let fields = json!({"type": "normal", "assignment_group": "287ebd7da9fe198100f92cc8d1d2154e"});
        let david = world.person("david.loo")?;
        let made = david.send(reqwest::Method::POST, "/api/now/table/change_request", Some(fields)).await?;
        let field = |name: &str| made["result"][name].as_str().map(str::to_owned).context("a change request");
        let clock = ManualClock::at(now()?);
        let outbox = world.outbox_by("shared", eager(), Arc::new(clock.clone())).await?;
        let shared = Self { world, outbox, clock, change: field("sys_id")? };
        for key in KEYS {
            let mut asked = request(key)?;
            asked.build.id = format!("build-{key}");
            asked.change_number = Some(field("number")?);
            shared.outbox.accept(Event::BuildRequested(asked), None).await?;
        }
        Ok(shared)
    }

    async fn gate(&self, key: &str) -> Result<(&'static str, Option<Gate>)> {
        let status = self.outbox.status(key).await?.context("it is lost")?;
        Ok((status.state, status.answer.map(serde_json::from_value).transpose()?))
    }

    /// Lets looks be due until every build's gate says this.
    async fn until(&self, state: &str, says: impl Fn(&Verdict) -> bool) -> Result<()> {
        let mut looks = 0;
        for key in KEYS {
            loop {
                let (is, gate) = self.gate(key).await?;
                if is == state && gate.as_ref().is_some_and(|gate| says(&gate.verdict)) {
                    break;
                }
                ensure!(is != "given-up" && (is != "done" || state == "done"), "{key} is {is}");
                tokio::time::sleep(Duration::from_millis(5)).await;
                if self.outbox.depth().gates == KEYS.len() {
                    ensure!(looks < LOOKS, "{key} is {is}: {gate:?}");
                    self.clock.advance(Duration::from_secs(61));
                    looks += 1;
                }
            }
        }
        Ok(())
    }

    async fn edit(&self, start: &str, end: &str) -> Result<()> {
        let fields = json!({"start_date": start, "end_date": end});
        self.world.person("david.loo")?.update("change_request", &self.change, fields).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_after_the_approval_stops_every_build_that_waits_for_the_change_until_it_is_undone() -> Result<()> {
    let shared = Shared::start().await?;
    shared.until("waiting", |verdict| waits_for(verdict).contains("approval by CAB Approval")).await?;
    shared.world.person("beth.anglin")?.approve(&shared.change, "go").await?;
    shared.world.servicenow.clock().advance(jiff::SignedDuration::from_mins(1));
    shared.edit(&text(now()? - HOUR)?, &text(now()? + HOUR)?).await?;
    shared.until("waiting", |verdict| waits_for(verdict).starts_with(EDITED)).await?;
    shared.edit("", "").await?;
    shared.until("done", proceeds).await
}
