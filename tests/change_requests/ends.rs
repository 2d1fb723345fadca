//! How a change request ends: closed when the settings say, given up, or with another deployment of its build.

use super::work::{Work, deploy, now, proceeds, request, waits_for};
use super::{CHANGES_ALONE, HOUR};
use anyhow::{Context as _, Result, ensure};
use host_harness::servicenow::Fault;
use itsm_contract::events::{BuildOutcome, BuildResult, DeployEvent, DeployPhase, Shortfall};
use itsm_contract::types::{Failure, Gate, Verdict};
use tests::{World, event};

async fn world(settings: &str) -> Result<World> {
    World::builder().settings(&format!("{CHANGES_ALONE}{settings}")).start().await
}

async fn finished(world: &World, gate: &Gate, outcome: BuildOutcome) -> Result<()> {
    let mut result: BuildResult = event("build-finished")?;
    (result.outcome, result.gate) = (outcome, Some(gate.clone()));
    let receipt = world.plugin.on_build_finished(&result).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    ensure!(receipt.unfinished.is_empty(), "{:?}", receipt.unfinished);
    Ok(())
}

/// An approved build.
async fn approved<'w>(world: &'w World, key: &str) -> Result<Work<'w>> {
    let mut work = Work::ask(world, &request(key)?).await?;
    work.approve().await?;
    ensure!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    Ok(work)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_closed_after_the_build_after_the_deployment_or_never() -> Result<()> {
    let passed = || BuildOutcome::Passed;
    let failed = || BuildOutcome::Failed("no space left".into());
    // The setting, how the build ended, the state after it, the state after its deployment, and the code in the end.
    for (close, outcome, built, deployed, code) in [
        ("after-build", passed(), "3", "3", "successful"),
        ("after-build", failed(), "3", "3", "unsuccessful"),
        ("after-deployment", passed(), "-2", "3", "successful"),
        ("after-deployment", failed(), "4", "4", ""),
        ("never", passed(), "-2", "-1", ""),
        ("never", failed(), "-2", "-2", ""),
    ] {
        let world = world(&format!("[change]\nclose = \"{close}\"")).await?;
        let work = approved(&world, "closing").await?;
        let is_deployed = outcome == passed() && close != "after-build";
        let label = format!("{close}, {outcome:?}");
        finished(&world, &work.waiting.last, outcome).await?;
        assert_eq!(work.record()?.get("state"), built, "{label}");
        if is_deployed {
            for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
                assert_eq!(deploy(&world, phase, &work.waiting.last).await?.unfinished, [], "{label}");
            }
        }
        let record = work.record()?;
        assert_eq!((record.get("state"), record.get("close_code")), (deployed, code), "{label}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_withdraws_its_change_or_notes_it_as_the_settings_say() -> Result<()> {
    for (on_cancel, state) in [("withdraw", "4"), ("comment", "-2")] {
        let world = world(&format!("[change]\non-cancel = \"{on_cancel}\"")).await?;
        let work = approved(&world, "given up").await?;
        finished(&world, &work.waiting.last, BuildOutcome::Cancelled("not needed".into())).await?;
        assert_eq!(work.record()?.get("state"), state, "{on_cancel}");
        let notes = world.servicenow.journal(&work.change()?.id, "work_notes");
        assert_eq!(notes.iter().filter(|note| note.contains("was cancelled: not needed")).count(), 1, "{notes:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_deployment_closes_its_change_as_unsuccessful() -> Result<()> {
    let world = world("").await?;
    let work = approved(&world, "failing").await?;
    deploy(&world, DeployPhase::Started, &work.waiting.last).await?;
    let shortfall = Shortfall { why: "disk full".into(), received: vec!["web-01".into()] };
    assert_eq!(deploy(&world, DeployPhase::Failed(shortfall), &work.waiting.last).await?.unfinished, []);
    let record = work.record()?;
    assert_eq!((record.get("state"), record.get("close_code")), ("3", "unsuccessful"));
    assert!(record.get("close_notes").contains("failed: disk full"), "{}", record.get("close_notes"));
    assert!(record.get("close_notes").contains("Systems that have the image: web-01."));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_after_the_time_was_over_says_why_the_change_was_withdrawn() -> Result<()> {
    let world = world("[approval]\ntimeout = \"2h\"\non-timeout = \"cancel\"").await?;
    let mut late = request("late")?;
    late.delivery.occurred_at -= 3 * HOUR;
    let first = Work::ask(&world, &late).await?;
    late.delivery.attempt = 2;
    let again = Work::ask(&world, &late).await?;
    assert!(matches!(&first.waiting.last.verdict, Verdict::Cancel(why) if why.contains("waited too long for")));
    assert_eq!(first.waiting.last.verdict, again.waiting.last.verdict);
    assert_eq!(world.servicenow.journal(&first.change()?.id, "work_notes").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linked_change_that_was_closed_meanwhile_ends_the_work_and_is_refused_to_others() -> Result<()> {
    let world = world("").await?;
    let theirs = approved(&world, "theirs").await?;
    let mut linking = request("linking")?;
    linking.change_number = Some(theirs.change()?.number.clone());
    let linked = Work::ask(&world, &linking).await?;
    assert!(proceeds(&linked.waiting.last.verdict));
    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        assert_eq!(deploy(&world, phase, &linked.waiting.last).await?.unfinished, []);
    }
    linking.delivery.attempt = 2;
    let again = Work::ask(&world, &linking).await?;
    let over = format!("{} is in Closed: its work is over", theirs.change()?.number);
    assert_eq!(again.waiting.last.verdict, Verdict::Cancel(over));
    // A deployment of it, too.
    let gate = deploy(&world, DeployPhase::Requested, &linked.waiting.last).await?.gate.context("no gate")?;
    assert!(matches!(gate.verdict, Verdict::Cancel(_)), "{gate:?}");

    (linking.delivery.key, linking.delivery.attempt) = ("another".into(), 1);
    match world.plugin.on_build_requested(&linking).await? {
        Err(Failure::Refused(problem)) => assert_eq!(problem.code, "change.not-open"),
        other => anyhow::bail!("{other:?}"),
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_deployment_of_a_build_whose_change_is_closed_asks_for_its_own() -> Result<()> {
    let world = world("").await?;
    let work = approved(&world, "once").await?;
    let build = work.waiting.last.clone();
    let deployment = |id: &str, phase: DeployPhase, gate: &Gate| -> Result<DeployEvent> {
        let mut event: DeployEvent = event("deploy-requested")?;
        event.delivery.key = format!("{id}-{phase:?}");
        event.delivery.occurred_at = now()?;
        (event.deployment_id, event.phase, event.gate) = (id.into(), phase, Some(gate.clone()));
        Ok(event)
    };
    let tell = async |event: &DeployEvent| -> Result<Gate> {
        let answer = world.plugin.on_deploy(event).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        ensure!(answer.unfinished.is_empty(), "{:?}", answer.unfinished);
        Ok(answer.gate.unwrap_or_else(|| build.clone()))
    };
    let first = deployment("first", DeployPhase::Requested, &build)?;
    assert!(proceeds(&tell(&first).await?.verdict));
    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        tell(&deployment("first", phase, &build)?).await?;
    }
    assert_eq!(work.record()?.get("state"), "3");
    // The first one again: its change is over, and it gets no other.
    assert!(matches!(tell(&first).await?.verdict, Verdict::Cancel(_)));
    assert_eq!(world.made("change_request").len(), 1);

    let second = deployment("second", DeployPhase::Requested, &build)?;
    let gate = tell(&second).await?;
    assert!(waits_for(&gate.verdict).contains("ServiceNow to say who has to approve"), "{gate:?}");
    assert_eq!(world.made("change_request").len(), 2);
    let change = gate.change.as_ref().context("no change")?;
    assert_ne!(change.id, work.change()?.id);
    world.person("beth.anglin")?.approve(&change.id, "go").await?;
    let gate = tell(&second).await?;
    assert!(proceeds(&gate.verdict));
    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        tell(&deployment("second", phase, &gate)?).await?;
    }
    assert_eq!(world.made("change_request").len(), 2);
    assert!(world.made("change_request").iter().all(|record| record.get("state") == "3"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_waited_too_long_is_given_up_though_its_change_may_not_be_cancelled() -> Result<()> {
    let settings = format!("{CHANGES_ALONE}[approval]\ntimeout = \"2h\"\non-timeout = \"cancel\"");
    let world = World::builder().settings(&settings).start().await?;
    let mut work = Work::ask(&world, &request("may not be cancelled")?).await?;
    work.waiting.since -= 3 * HOUR;
    world.servicenow.fault(Fault::on("/api/now/table/change_request/*").method("PATCH").status(403));
    match work.look().await? {
        Verdict::Cancel(why) => {
            assert!(why.contains("waited too long") && why.contains("cancel it in ServiceNow"), "{why}");
        }
        other => anyhow::bail!("{other:?}"),
    }
    assert_ne!(work.record()?.get("state"), "4");
    assert!(std::fs::read_to_string(world.audit())?.contains("change.not-cancelled"));
    Ok(())
}
