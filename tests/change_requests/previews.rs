//! What a preview says of a change request, and what the hook then does to it.

use super::CHANGES_ALONE;
use super::work::{Work, now, request};
use anyhow::{Context as _, Result, bail};
use host_harness::servicenow::Record;
use itsm_contract::answers::{Event, Planned};
use itsm_contract::events::{BuildOutcome, BuildRequest, BuildResult, DeployEvent, DeployPhase, Shortfall};
use itsm_contract::types::{Failure, Gate, ItemOutcome};
use std::collections::BTreeMap;
use tests::{World, event};

/// Every change request by its number, with how many notes it has.
type Changes = BTreeMap<String, (Record, usize)>;

fn changes(world: &World) -> Changes {
    let notes = |record: &Record| world.servicenow.journal(record.sys_id(), "work_notes").len();
    let records = world.servicenow.records("change_request").into_iter();
    records.map(|record| (record.get("number").to_owned(), (record.clone(), notes(&record)))).collect()
}

/// Tells of the event; what could not be done.
async fn deliver(world: &World, event: &Event) -> Result<Vec<Failure>> {
    let plugin = &world.plugin;
    let unfinished = match event {
        Event::BuildRequested(event) => plugin.on_build_requested(event).await?.map(|_| Vec::new()),
        Event::BuildFinished(event) => plugin.on_build_finished(event).await?.map(|receipt| receipt.unfinished),
        Event::Deploy(event) => plugin.on_deploy(event).await?.map(|deployment| deployment.unfinished),
        Event::Failed(_) => bail!("no change request follows from a failure"),
    };
    Ok(unfinished.unwrap_or_else(|failure| vec![failure]))
}

async fn previewed(world: &World, event: &Event) -> Result<Vec<Planned>> {
    let before = changes(world);
    let planned = world.plugin.preview(event).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    assert_eq!(changes(world), before, "a preview writes nothing");
    Ok(planned.into_iter().filter(|planned| planned.kind == "change_request").collect())
}

/// Previews an event and delivers it: what was foretold has happened, and nothing else. Returns what was foretold.
async fn foretold(world: &World, event: Event) -> Result<Option<ItemOutcome>> {
    let planned = previewed(world, &event).await?;
    let before = changes(world);
    let unfinished = deliver(world, &event).await?;
    let after = changes(world);
    let touched: Vec<&String> =
        after.iter().filter(|(number, is)| before.get(*number) != Some(is)).map(|(n, _)| n).collect();
    match &planned[..] {
        [] => assert_eq!((touched, unfinished), (vec![], vec![])),
        [Planned { outcome: ItemOutcome::Created, .. }] => {
            assert_eq!((touched.len(), after.len()), (1, before.len() + 1))
        }
        [Planned { outcome: ItemOutcome::Updated, name, .. }] => assert_eq!(touched, [name], "{unfinished:?}"),
        [Planned { outcome: ItemOutcome::Unchanged, .. }] => assert_eq!((touched, unfinished), (vec![], vec![])),
        [Planned { outcome: ItemOutcome::Failed(failure), .. }] => {
            assert_eq!(unfinished, std::slice::from_ref(failure));
            // That it could not be done may be noted.
            assert!(after.iter().all(|(number, (is, _))| before[number].0.get("state") == is.get("state")));
        }
        planned => bail!("{planned:?}"),
    }
    Ok(planned.into_iter().next().map(|planned| planned.outcome))
}

fn finished(request: &BuildRequest, gate: &Gate, outcome: BuildOutcome) -> Result<Event> {
    let mut result: BuildResult = event("build-finished")?;
    result.build = request.build.clone();
    result.delivery.key = format!("{} finished", request.delivery.key);
    result.delivery.occurred_at = now()?;
    (result.gate, result.outcome) = (Some(gate.clone()), outcome);
    Ok(Event::BuildFinished(result))
}

fn moved(key: &str, phase: DeployPhase) -> Result<DeployEvent> {
    let mut event: DeployEvent = event("deploy-requested")?;
    event.delivery.key = key.into();
    event.delivery.occurred_at = now()?;
    event.phase = phase;
    event.gate = None;
    Ok(event)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_build_is_foretold_as_it_happens_by_each_setting() -> Result<()> {
    use ItemOutcome::{Unchanged, Updated};
    for close in ["after-build", "after-deployment", "never"] {
        for outcome in [BuildOutcome::Passed, BuildOutcome::Failed("no".into()), BuildOutcome::Cancelled("no".into())] {
            let label = format!("{close}, {outcome:?}");
            let world =
                World::builder().settings(&format!("{CHANGES_ALONE}[change]\nclose = \"{close}\"\n")).start().await?;
            let request = request("ends")?;
            let mut work = Work::ask(&world, &request).await?;
            work.approve().await?;
            work.look().await?;
            let event = finished(&request, &work.waiting.last, outcome)?;
            assert_eq!(foretold(&world, event.clone()).await?, Some(Updated), "{label}");
            assert_eq!(foretold(&world, event).await?, Some(Unchanged), "{label}, again");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passed_build_whose_change_nobody_approved_cannot_be_closed_and_the_preview_says_so() -> Result<()> {
    let world =
        World::builder().settings(&format!("{CHANGES_ALONE}[change]\nclose = \"after-build\"\n")).start().await?;
    let request = request("unapproved")?;
    let work = Work::ask(&world, &request).await?;
    let said = foretold(&world, finished(&request, &work.waiting.last, BuildOutcome::Passed)?).await?;
    assert!(
        matches!(&said, Some(ItemOutcome::Failed(Failure::Refused(why))) if why.code == "change.not-approved"),
        "{said:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_change_is_foretold_to_stay_as_it_is() -> Result<()> {
    let world = World::builder().settings(CHANGES_ALONE).start().await?;
    let mut asked = request("rejected")?;
    assert_eq!(foretold(&world, Event::BuildRequested(asked.clone())).await?, Some(ItemOutcome::Created));
    asked.delivery.attempt = 2;
    let work = Work::ask(&world, &asked).await?;
    world.person("beth.anglin")?.reject(&work.change()?.id, "not now").await?;
    assert_eq!((work.record()?.get("state"), work.record()?.get("approval")), ("-5", "rejected"));
    assert_eq!(foretold(&world, Event::BuildRequested(asked)).await?, Some(ItemOutcome::Unchanged));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_of_a_deployment_is_foretold_as_it_happens() -> Result<()> {
    use ItemOutcome::{Created, Failed, Unchanged, Updated};
    let world = World::builder().settings(CHANGES_ALONE).start().await?;
    let told = async |key: &str, phase| foretold(&world, Event::Deploy(moved(key, phase)?)).await;
    assert_eq!(told("started before it was asked for", DeployPhase::Started).await?, None);
    assert_eq!(told("requested", DeployPhase::Requested).await?, Some(Created));
    assert_eq!(told("requested again", DeployPhase::Requested).await?, Some(Unchanged));
    for (key, phase) in [("early", DeployPhase::Started), ("early too", DeployPhase::Succeeded)] {
        let said = told(key, phase).await?;
        assert!(matches!(&said, Some(Failed(Failure::Refused(why))) if why.code == "change.not-approved"), "{said:?}");
    }
    let gate = world.plugin.on_deploy(&moved("requested", DeployPhase::Requested)?).await?;
    let gate = gate.map_err(|failure| anyhow::anyhow!("{failure:?}"))?.gate.context("no gate")?;
    let uncleared =
        Event::Deploy(DeployEvent { gate: Some(gate.clone()), ..moved("against its gate", DeployPhase::Started)? });
    assert_eq!(previewed(&world, &uncleared).await?[0].outcome, Updated, "it is noted");
    assert_eq!(deliver(&world, &uncleared).await?.len(), 1);
    world.person("beth.anglin")?.approve(&gate.change.context("no change")?.id, "go").await?;
    assert_eq!(told("started", DeployPhase::Started).await?, Some(Updated));
    assert_eq!(told("started", DeployPhase::Started).await?, Some(Unchanged));
    let failed = DeployPhase::Failed(Shortfall { why: "no space".into(), received: Vec::new() });
    assert_eq!(told("failed", failed.clone()).await?, Some(Updated));
    assert_eq!(told("failed", failed).await?, Some(Unchanged));
    assert_eq!(told("cancelled late", DeployPhase::Cancelled("enough".into())).await?, Some(Unchanged));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_records_with_one_key_the_preview_names_the_one_that_counts_and_cancels_none() -> Result<()> {
    let world = World::builder()
        .instance(|instance| instance.properties(|switches| switches.admin_only_sys_fields = true))
        .settings(CHANGES_ALONE)
        .start()
        .await?;
    let mut asked = request("twice")?;
    let work = Work::ask(&world, &asked).await?;
    let older = work.record()?.with("sys_id", "0".repeat(32)).with("number", "CHG0000007");
    world.servicenow.put_record(older.with("sys_created_on", "2020-01-01 00:00:00"));
    asked.delivery.attempt = 2;
    let planned = previewed(&world, &Event::BuildRequested(asked.clone())).await?;
    assert_eq!((planned[0].name.as_str(), &planned[0].outcome), ("CHG0000007", &ItemOutcome::Unchanged));
    let result = finished(&asked, &work.waiting.last, BuildOutcome::Cancelled("no".into()))?;
    assert_eq!(previewed(&world, &result).await?[0].name, "CHG0000007");
    let again = Work::ask(&world, &asked).await?;
    assert_eq!(again.change()?.number, "CHG0000007");
    assert_eq!(work.record()?.get("state"), "4", "the hook cancels the double");
    Ok(())
}
