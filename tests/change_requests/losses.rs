//! Every request of every story of a change request lost in turn, before ServiceNow applied it and after. What is
//! delivered is delivered again, and in the end every record is what it is without the loss, field by field.
//!
//! `ITSM_TEST_FULL` plays every cell; without it a part of them is played, another one for each story.

use super::stories::{Step, Story, stories};
use super::work::{now, request};
use super::{CHANGES_ALONE, HOUR};
use anyhow::{Context as _, Result, bail, ensure};
use host_harness::servicenow::{Fault, Record};
use itsm_contract::answers::{Review, Waiting};
use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, DeployPhase};
use itsm_contract::types::{Failure, Gate, Schedule, Verdict};
use serde_json::json;
use std::sync::Arc;
use tests::{Snapshot, World, event};
use tokio::task::JoinSet;

/// Deliveries until an event must be done: the first one, one for the loss, and one to see that nothing more happens.
const DELIVERIES: u32 = 3;

/// Cells at once: each waits most of the time.
const AT_ONCE: usize = 6;

/// Of so many cells one is played, unless all are asked for.
const SAMPLE: u64 = 4;

/// More requests than any story has.
const MANY: u64 = 60;

/// One story as it is played.
struct Play<'s> {
    story: &'s Story,
    world: World,
    request: BuildRequest,
    gate: Option<Gate>,
    cursor: Option<String>,
}

fn failed(failure: Failure) -> Result<Vec<Failure>> {
    match failure {
        Failure::Retry(_) => Ok(vec![failure]),
        failure => bail!("{failure:?}"),
    }
}

impl<'s> Play<'s> {
    async fn begin(story: &'s Story) -> Result<Self> {
        let item =
            |name: &str| Record::new("cmdb_ci_server").with("name", name).with("sys_class_name", "cmdb_ci_server");
        let world = World::builder()
            .settings(&format!("{CHANGES_ALONE}{}", story.settings))
            .instance(|instance| instance.record(item("web-01")).record(item("db-01")))
            .start()
            .await?;
        let mut asked = request("the build")?;
        if story.is_late {
            asked.delivery.occurred_at = now()? - 3 * HOUR;
        }
        if story.is_scheduled {
            asked.systems = event::<BuildRequest>("build-requested")?.systems;
            asked.schedule = Some(Schedule::FirstFree(HOUR));
        }
        if story.is_linked {
            let fields = json!({"type": "normal", "assignment_group": "287ebd7da9fe198100f92cc8d1d2154e"});
            let david = world.person("david.loo")?;
            let made = david.send(reqwest::Method::POST, "/api/now/table/change_request", Some(fields)).await?;
            asked.change_number = Some(made["result"]["number"].as_str().context("no number")?.to_owned());
        }
        Ok(Self { story, world, request: asked, gate: None, cursor: None })
    }

    async fn play(&mut self) -> Result<()> {
        for (index, step) in self.story.steps.clone().into_iter().enumerate() {
            let label = || format!("step {index}, {step:?}");
            match &step {
                Step::Approve => self.approve().await.with_context(label)?,
                Step::Reject => {
                    let change = self.change().context("no change request")?;
                    self.world.person("beth.anglin")?.reject(&change, "not yet").await.with_context(label)?;
                }
                step => {
                    let mut left = Vec::new();
                    for attempt in 1..=DELIVERIES {
                        left = self.deliver(step, attempt).await.with_context(label)?;
                        if left.is_empty() {
                            break;
                        }
                    }
                    ensure!(left.is_empty(), "{}: not done: {left:?}", label());
                }
            }
        }
        // Whatever was delivered last comes once more, as after a reply that the host itself lost.
        if let Some(last @ (Step::Ask | Step::Finish(_) | Step::Deploy(_))) = self.story.steps.last().cloned() {
            let mut left = self.deliver(&last, DELIVERIES + 1).await?;
            if !left.is_empty() {
                left = self.deliver(&last, DELIVERIES + 2).await?;
            }
            ensure!(left.is_empty(), "told again: {left:?}");
        }
        let stands = match self.gate.as_ref().map(|gate| &gate.verdict) {
            None => "none",
            Some(Verdict::Proceed(clearance)) if clearance.by_policy => "by-policy",
            Some(Verdict::Proceed(_)) => "proceed",
            Some(Verdict::Pause(_)) => "pause",
            Some(Verdict::Cancel(_)) => "cancel",
        };
        ensure!(stands == self.story.ends, "ends with {stands}: {:?}", self.gate);
        Ok(())
    }

    fn change(&self) -> Option<String> {
        Some(self.gate.as_ref()?.change.as_ref()?.id.clone())
    }

    async fn approve(&self) -> Result<()> {
        let change = self.change().context("no change request")?;
        Ok(self.world.person("beth.anglin")?.approve(&change, "go").await?)
    }

    /// Delivers once; what is not done.
    async fn deliver(&mut self, step: &Step, attempt: u32) -> Result<Vec<Failure>> {
        match step {
            Step::Ask => {
                self.request.delivery.attempt = attempt;
                match self.world.plugin.on_build_requested(&self.request).await? {
                    Ok(gate) => self.gate = Some(gate),
                    Err(failure) => return failed(failure),
                }
                Ok(Vec::new())
            }
            Step::Look => self.look().await,
            Step::AskToDeploy => self.deploy("first", &DeployPhase::Requested, attempt).await,
            Step::Deploy(phase) => self.deploy("first", phase, attempt).await,
            Step::Another(phase) => self.deploy("second", phase, attempt).await,
            Step::Finish(outcome) => {
                let mut result: BuildResult = event("build-finished")?;
                result.delivery.attempt = attempt;
                (result.outcome, result.gate) = (outcome.clone(), self.gate.clone());
                match self.world.plugin.on_build_finished(&result).await? {
                    Ok(receipt) => Ok(receipt.unfinished),
                    Err(failure) => failed(failure),
                }
            }
            Step::Approve | Step::Reject => bail!("a person does that"),
        }
    }

    async fn look(&mut self) -> Result<Vec<Failure>> {
        let last = self.gate.clone().context("no gate")?;
        let waiting = [Waiting { last, since: self.request.delivery.occurred_at }];
        let Review { moved, cursor } = match self.world.plugin.check(&waiting, self.cursor.as_deref()).await? {
            Ok(review) => review,
            Err(failure) => return failed(failure),
        };
        self.cursor = Some(cursor);
        for reviewed in moved {
            match reviewed.answer {
                Ok(gate) => self.gate = Some(gate),
                Err(failure) => return failed(failure),
            }
        }
        Ok(Vec::new())
    }

    async fn deploy(&mut self, id: &str, phase: &DeployPhase, attempt: u32) -> Result<Vec<Failure>> {
        let mut deployed: DeployEvent = event("deploy-requested")?;
        let name = match phase {
            DeployPhase::Requested => "requested",
            DeployPhase::Started => "started",
            DeployPhase::Succeeded => "succeeded",
            DeployPhase::Failed(_) => "failed",
            DeployPhase::Cancelled(_) => "cancelled",
        };
        deployed.delivery.key = format!("{id}-{name}");
        deployed.delivery.attempt = attempt;
        deployed.delivery.occurred_at = self.request.delivery.occurred_at;
        deployed.deployment_id = id.into();
        (deployed.phase, deployed.gate) = (phase.clone(), self.gate.clone());
        match self.world.plugin.on_deploy(&deployed).await? {
            Ok(answer) => {
                self.gate = answer.gate.or(self.gate.take());
                answer.unfinished.into_iter().map(failed).collect::<Result<Vec<_>>>().map(|left| left.concat())
            }
            Err(failure) => failed(failure),
        }
    }
}

/// A story with one request lost: what it leaves, and whether a request was lost at all.
async fn with_loss(story: &Story, nth: u64, is_applied: bool) -> Result<(Snapshot, bool)> {
    let mut play = Play::begin(story).await?;
    let user = play.world.servicenow.account().user.clone();
    let picked = Fault::on("*").user(&user).nth(nth).times(1);
    let fault = play.world.servicenow.fault(if is_applied { picked.reset_after() } else { picked.reset_before() });
    play.play().await?;
    Ok((Snapshot::of(&play.world), play.world.servicenow.picked(fault) > 0))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_request_of_whichever_story_is_lost_its_records_are_those_without_the_loss() -> Result<()> {
    let is_full = std::env::var_os("ITSM_TEST_FULL").is_some();
    let mut running = JoinSet::new();
    let (mut cells, mut wrong) = (0, Vec::new());
    for (number, story) in stories().into_iter().enumerate() {
        let story = Arc::new(story);
        let mut calm = Play::begin(&story).await?;
        let before = calm.world.asked().len();
        calm.play().await.with_context(|| format!("{} without a loss", story.name))?;
        let expected = Arc::new(Snapshot::of(&calm.world));
        let requests = u64::try_from(calm.world.asked().len() - before)?;
        ensure!((1..MANY).contains(&requests), "{}: {requests} requests", story.name);
        println!("{}: {requests} requests", story.name);
        for nth in 1..=requests {
            for is_applied in [false, true] {
                if !is_full && !(nth * 2 + u64::from(is_applied) + number as u64).is_multiple_of(SAMPLE) {
                    continue;
                }
                cells += 1;
                let (story, expected) = (story.clone(), expected.clone());
                running.spawn(async move {
                    let applied = if is_applied { "after" } else { "before" };
                    let cell = format!("{}, request {nth} lost {applied} it was applied", story.name);
                    match with_loss(&story, nth, is_applied).await {
                        Ok((_, false)) => Some(format!("{cell}: nothing was lost")),
                        Ok((left, true)) => left.difference(&expected).map(|how| format!("{cell}:\n{how}")),
                        Err(error) => Some(format!("{cell}: {error:#}")),
                    }
                });
                while running.len() >= AT_ONCE {
                    wrong.extend(running.join_next().await.context("nothing runs")??);
                }
            }
        }
    }
    while let Some(ended) = running.join_next().await {
        wrong.extend(ended?);
    }
    println!("{cells} cells");
    ensure!(wrong.is_empty(), "{} of {cells} cells differ:\n{}", wrong.len(), wrong.join("\n\n"));
    Ok(())
}
