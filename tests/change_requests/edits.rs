//! What was approved is what goes on, and for nothing else: edits, comments, and gates of other work.

use super::work::{Work, deploy, now, proceeds, request, text, waits_for};
use super::{CHANGES_ALONE, HOUR};
use anyhow::{Context as _, Result};
use itsm_contract::events::{DeployEvent, DeployPhase};
use itsm_contract::types::Failure;
use serde_json::json;
use tests::{World, event};

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_between_the_approval_and_the_next_look_stops_the_work_until_it_is_undone() -> Result<()> {
    let world = World::builder().settings(CHANGES_ALONE).start().await?;
    let mut work = Work::ask(&world, &request("edited unseen")?).await?;
    work.approve().await?;
    world.servicenow.clock().advance(jiff::SignedDuration::from_mins(1));
    work.edit(json!({"start_date": text(now()? - HOUR)?, "end_date": text(now()? + HOUR)?})).await?;
    let waits = waits_for(work.look().await?);
    let words = "approval again, or the edit undone: since it was asked for, somebody edited the planned window";
    assert!(waits.starts_with(words), "{waits}");
    work.edit(json!({"start_date": "", "end_date": ""})).await?;
    assert!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_of_an_approver_after_an_edit_approves_nothing() -> Result<()> {
    let world = World::builder().settings(CHANGES_ALONE).start().await?;
    let mut work = Work::ask(&world, &request("commented")?).await?;
    work.approve().await?;
    assert!(proceeds(work.look().await?));
    work.edit(json!({"cmdb_ci": "", "start_date": text(now()? - HOUR)?, "end_date": text(now()? + HOUR)?})).await?;
    world.servicenow.clock().advance(jiff::SignedDuration::from_mins(1));
    let rows = world.servicenow.records("sysapproval_approver");
    let row = rows.iter().find(|row| row.get("state") == "approved").context("nobody approved")?;
    let comment = json!({"comments": "mind the window"});
    world.person("beth.anglin")?.update("sysapproval_approver", row.get("sys_id"), comment).await?;
    let gate = deploy(&world, DeployPhase::Requested, &work.waiting.last).await?.gate.context("no gate")?;
    let waits = waits_for(&gate.verdict);
    let words = "approval again, or the edit undone: since it was given, somebody edited the planned window";
    assert!(waits.starts_with(words), "{waits}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_of_another_build_lets_no_deployment_through() -> Result<()> {
    let world = World::builder().settings(CHANGES_ALONE).start().await?;
    let mut work = Work::ask(&world, &request("of another build")?).await?;
    work.approve().await?;
    assert!(proceeds(work.look().await?));
    let before = work.record()?;
    let mut other: DeployEvent = event("deploy-requested")?;
    other.build.id = "build-of-somebody-else".into();
    other.delivery.occurred_at = now()?;
    other.gate = Some(work.waiting.last.clone());
    let handed = world.plugin.on_deploy(&other).await?;
    assert!(matches!(&handed, Err(Failure::InvalidEvent(problem)) if problem.summary.contains("`gate`")), "{handed:?}");
    other.gate = None;
    other.change_number = Some(work.change()?.number.clone());
    let named = world.plugin.on_deploy(&other).await?;
    assert!(matches!(&named, Err(Failure::Refused(problem)) if problem.code == "change.of-other-work"), "{named:?}");
    assert_eq!(work.record()?, before);
    Ok(())
}
