//! Exactly one record for one event, whatever request is lost, however it is lost, and however many hosts are told.

use anyhow::{Context as _, Result, bail, ensure};
use host_harness::delivery::{Outbox, State, Status};
use host_harness::servicenow::{Action, Fault};
use itsm_contract::answers::Event;
use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, DeployPhase};
use itsm_contract::types::Gate;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tests::{Snapshot, World, eager, event};
use tokio::task::JoinSet;

/// Every so many cells one is run, unless `ITSM_TEST_FULL` is set.
const SAMPLE: usize = 11;

/// Cells at once: each waits most of the time.
const AT_ONCE: usize = 8;

/// Until a flow must have come to its end: the longest fault is a stall, which ends after [`REPLY_TIMEOUT`].
const LONGEST: Duration = Duration::from_secs(60);

/// As the ten seconds of a stalled instance, for a host that waits less.
const REPLY_TIMEOUT: Duration = Duration::from_millis(400);

/// What one hook does, with what must be there before.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flow {
    BuildRequested,
    BuildFinished,
    Failure,
    Deployment,
}

const FLOWS: [Flow; 4] = [Flow::BuildRequested, Flow::BuildFinished, Flow::Failure, Flow::Deployment];

/// Every way in which a request is lost.
fn faults() -> Vec<(&'static str, Action)> {
    let status =
        |status, body: &str, applied| Action::Status { status, headers: BTreeMap::new(), body: body.into(), applied };
    let quota = r#"{"error":{"message":"Transaction cancelled: maximum execution time exceeded","detail":null},"status":"failure"}"#;
    vec![
        ("429 with headers", Action::TooManyRequests { retry_after: Some(1) }),
        ("429 without headers", Action::TooManyRequests { retry_after: None }),
        ("503", status(503, "<html>upgrading</html>", false)),
        ("500 by the quota", status(500, quota, true)),
        ("reset before it is applied", Action::ResetBefore),
        ("reset after it is applied", Action::ResetAfter),
        ("cut in the headers", Action::Cut { bytes: 57 }),
        ("cut in the body", Action::Cut { bytes: 700 }),
        ("truncated JSON in 200", Action::TruncatedJson),
        ("HTML in 200", Action::Html),
        ("302", Action::Redirect { location: "/login.do".into() }),
        ("expired token", Action::ExpiredToken),
        ("stall", Action::Stall),
    ]
}

async fn world() -> Result<World> {
    let settings = "[approval]\ninterval = \"1s\"\n";
    let world = World::builder().settings(settings).limits(|limits| limits.reply_timeout = REPLY_TIMEOUT);
    world.start().await
}

async fn deliver(outbox: &Outbox, event: Event) -> Result<String> {
    Ok(outbox.accept(event, None).await?.status().key.clone())
}

/// Waits until an event is settled or waits at its gate.
async fn stands(outbox: &Outbox, key: &str) -> Result<Status> {
    let stands = async {
        loop {
            let status = outbox.status(key).await?.context("the event is lost")?;
            if status.is_settled() || status.state == State::Waiting.name() {
                return anyhow::Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONGEST, stands).await.with_context(|| format!("{key} comes to no end"))?
}

async fn done(outbox: &Outbox, key: &str) -> Result<Status> {
    let status = outbox.wait(key, LONGEST).await?.context("the event is lost")?;
    ensure!(status.state == State::Done.name(), "{status:?}");
    Ok(status)
}

fn gate(status: &Status) -> Result<Gate> {
    let answer = status.answer.clone().context("no answer")?;
    let answer = answer.get("gate").cloned().unwrap_or(answer);
    Ok(serde_json::from_value(answer)?)
}

/// Waits at its gate, is approved, and goes on.
async fn through_the_gate(world: &World, outbox: &Outbox, key: &str) -> Result<Gate> {
    let status = stands(outbox, key).await?;
    if status.state == State::Waiting.name() {
        let change = gate(&status)?.change.context("no change")?;
        world.person("beth.anglin")?.approve(&change.id, "go").await?;
    }
    gate(&done(outbox, key).await?)
}

async fn requested(world: &World, outbox: &Outbox) -> Result<Gate> {
    let request: BuildRequest = event("build-requested")?;
    let key = deliver(outbox, Event::BuildRequested(request)).await?;
    through_the_gate(world, outbox, &key).await
}

/// What must be there before the flow begins.
async fn prepare(world: &World, outbox: &Outbox, flow: Flow) -> Result<Option<Gate>> {
    match flow {
        Flow::BuildFinished => requested(world, outbox).await.map(Some),
        _ => Ok(None),
    }
}

async fn play(world: &World, outbox: &Outbox, flow: Flow, before: Option<Gate>) -> Result<()> {
    match flow {
        Flow::BuildRequested => requested(world, outbox).await.map(drop),
        Flow::BuildFinished => {
            let mut result: BuildResult = event("build-finished")?;
            result.gate = before;
            let key = deliver(outbox, Event::BuildFinished(result)).await?;
            done(outbox, &key).await.map(drop)
        }
        Flow::Failure => {
            let key = deliver(outbox, Event::Failed(event("failure")?)).await?;
            done(outbox, &key).await.map(drop)
        }
        Flow::Deployment => {
            let mut deployment: DeployEvent = event("deploy-requested")?;
            let key = deliver(outbox, Event::Deploy(deployment.clone())).await?;
            deployment.gate = Some(through_the_gate(world, outbox, &key).await?);
            for (phase, name) in [(DeployPhase::Started, "started"), (DeployPhase::Succeeded, "succeeded")] {
                deployment.phase = phase;
                deployment.delivery.key = format!("evt-deploy-88-{name}");
                let key = deliver(outbox, Event::Deploy(deployment.clone())).await?;
                done(outbox, &key).await?;
            }
            Ok(())
        }
    }
}

/// A flow without a fault: what it leaves, and how many requests it made.
async fn undisturbed(flow: Flow) -> Result<(Snapshot, usize)> {
    let world = world().await?;
    let outbox = world.outbox("host", eager()).await?;
    let before = prepare(&world, &outbox, flow).await?;
    let earlier = world.asked().len();
    play(&world, &outbox, flow, before).await?;
    Ok((Snapshot::of(&world), world.asked().len() - earlier))
}

/// One cell: whether the fault met a request, and how what is left differs.
async fn disturbed(flow: Flow, nth: usize, action: Action, expected: &Snapshot) -> Result<(bool, Option<String>)> {
    let world = world().await?;
    let outbox = world.outbox("host", eager()).await?;
    let before = prepare(&world, &outbox, flow).await?;
    let user = world.servicenow.account().user.clone();
    let fault = world.servicenow.fault(Fault::on("*").user(&user).nth(nth as u64).times(1).action(action));
    play(&world, &outbox, flow, before).await?;
    Ok((world.servicenow.picked(fault) > 0, Snapshot::of(&world).difference(expected)))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_request_is_lost_and_however_the_records_are_those_of_an_undisturbed_run() -> Result<()> {
    let sample = if std::env::var_os("ITSM_TEST_FULL").is_some() { 1 } else { SAMPLE };
    let (mut cells, mut met, mut wrong) = (0, 0, Vec::new());
    let mut running = JoinSet::new();
    for flow in FLOWS {
        let (expected, requests) = undisturbed(flow).await.with_context(|| format!("{flow:?} without a fault"))?;
        let again = undisturbed(flow).await?.0;
        ensure!(again == expected, "{flow:?} differs by itself:\n{}", again.difference(&expected).unwrap_or_default());
        let expected = Arc::new(expected);
        for nth in 1..=requests {
            for (index, (name, action)) in faults().into_iter().enumerate() {
                if (nth * 13 + index) % sample != 0 {
                    continue;
                }
                cells += 1;
                let (expected, cell) = (expected.clone(), format!("{flow:?}, request {nth}, {name}"));
                running.spawn(async move { (cell, disturbed(flow, nth, action, &expected).await) });
                while running.len() >= AT_ONCE {
                    tell(running.join_next().await, &mut met, &mut wrong)?;
                }
            }
        }
    }
    while let Some(ended) = running.join_next().await {
        tell(Some(ended), &mut met, &mut wrong)?;
    }
    println!("{cells} cells, {met} of them with the fault met");
    if !wrong.is_empty() {
        bail!("{} of {cells} cells differ:\n{}", wrong.len(), wrong.join("\n\n"));
    }
    ensure!(met * 10 >= cells * 9, "the faults met {met} of {cells} cells");
    Ok(())
}

type Cell = (String, Result<(bool, Option<String>)>);

/// Counts a cell that ended.
fn tell(ended: Option<Result<Cell, tokio::task::JoinError>>, met: &mut usize, wrong: &mut Vec<String>) -> Result<()> {
    let (cell, outcome) = ended.context("no cell runs")??;
    match outcome {
        Ok((was_met, difference)) => {
            *met += usize::from(was_met);
            wrong.extend(difference.map(|what| format!("{cell}:\n{what}")));
        }
        Err(error) => wrong.push(format!("{cell}: {error:#}")),
    }
    Ok(())
}

/// Two hosts, each with an outbox of its own, are given the same events at the same moment.
async fn two_hosts(keeps_ids: bool) -> Result<()> {
    let settings = "[approval]\ninterval = \"1s\"\n";
    let world = World::builder()
        .settings(settings)
        .instance(|instance| instance.properties(|properties| properties.admin_only_sys_fields = !keeps_ids))
        .start()
        .await?;
    let (first, second) = (world.outbox("first", eager()).await?, world.outbox("second", eager()).await?);
    for round in 0..5 {
        let mut request: BuildRequest = event("build-requested")?;
        request.delivery.key = format!("evt-{round}");
        request.build.id = format!("build-{round}");
        let given = || Event::BuildRequested(request.clone());
        let keys = tokio::try_join!(deliver(&first, given()), deliver(&second, given()))?;
        let (one, other) = tokio::try_join!(stands(&first, &keys.0), stands(&second, &keys.1))?;
        let mut changes = world.made("change_request");
        changes.retain(|change| change.get("state") != "4");
        ensure!(changes.len() == round + 1, "{} changes that are not cancelled after round {round}", changes.len());
        if keeps_ids {
            ensure!(world.made("change_request").len() == round + 1, "a change was made twice and cancelled");
        }
        let asked = changes.iter().find(|change| change.get("approval") == "requested").context("nobody is asked")?;
        world.person("beth.anglin")?.approve(asked.sys_id(), "go").await?;
        ensure!([one, other].iter().all(|status| status.state == State::Waiting.name()), "nobody has approved yet");
        let (one, other) = tokio::try_join!(done(&first, &keys.0), done(&second, &keys.1))?;
        ensure!(gate(&one)?.change.map(|change| change.id) == gate(&other)?.change.map(|change| change.id));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_that_are_told_of_one_build_at_once_make_one_change() -> Result<()> {
    two_hosts(true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_instance_gives_ids_of_its_own_one_change_of_two_hosts_is_not_cancelled() -> Result<()> {
    two_hosts(false).await
}
