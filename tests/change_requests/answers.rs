//! What people say to a change request, and what becomes of the work behind it.

use super::HOUR;
use super::work::{Work, deploy, now, proceeds, request, text, waits_for};
use anyhow::{Context as _, Result};
use itsm_contract::events::DeployPhase;
use itsm_contract::types::Verdict;
use serde_json::json;
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_gives_up_with_the_approvers_name_and_comment() -> Result<()> {
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("rejected")?).await?;
    world.person("beth.anglin")?.reject(&work.change()?.id, "not during the freeze").await?;
    let number = work.change()?.number.clone();
    let expected = Verdict::Cancel(format!("{number} was rejected by Beth Anglin: not during the freeze"));
    assert_eq!(*work.look().await?, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_writes_no_line_and_no_fact_into_what_audit_show_tells() -> Result<()> {
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("forged")?).await?;
    let number = work.change()?.number.clone();
    let line = format!("2026-11-25T09:00:00.000Z  host    call.answered         {number}    hook=on-build-requested");
    let forged = format!("no\n{line}  verdict=proceed  by-policy=true");
    world.person("beth.anglin")?.reject(&work.change()?.id, &forged).await?;
    assert!(matches!(work.look().await?, Verdict::Cancel(why) if why.contains("no")));

    let audit = world.audit();
    let run = crate::harness(["audit", "show", "--change", &number]).arg(&audit).run()?;
    let entries = host_harness::grant::audit::of_change(&audit, &number)?.count();
    let told: Vec<_> = run.stdout.lines().collect();
    assert_eq!((run.code, told.len()), (0, entries), "{run:?}");
    // It is told, in quotes and within the entries that say so.
    let quoting: Vec<_> = told.iter().filter(|told| told.contains("by-policy=true")).collect();
    assert!(!quoting.is_empty(), "{run:?}");
    for told in quoting {
        let before = told.split("by-policy=true").next().unwrap_or_default();
        assert_eq!(before.matches('"').count() % 2, 1, "{told}");
    }
    assert!(told.iter().all(|told| !told.starts_with("2026-11-25T09:00:00.000Z")), "{run:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_cancelled_by_hand_ends_the_work() -> Result<()> {
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("cancelled")?).await?;
    work.edit(json!({"state": "4", "work_notes": "not needed"})).await?;
    let number = work.change()?.number.clone();
    assert_eq!(*work.look().await?, Verdict::Cancel(format!("{number} was cancelled in ServiceNow")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_pauses_approved_work_until_it_is_released() -> Result<()> {
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("held")?).await?;
    work.approve().await?;
    work.edit(json!({"on_hold": "true", "on_hold_reason": "the data centre moves"})).await?;
    let waits = waits_for(work.look().await?);
    assert!(waits.contains("is on hold: the data centre moves"), "{waits}");
    work.edit(json!({"on_hold": "false"})).await?;
    assert!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_after_the_approval_stops_the_deployment() -> Result<()> {
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("edited")?).await?;
    work.approve().await?;
    assert!(proceeds(work.look().await?));
    let gate = deploy(&world, DeployPhase::Requested, &work.waiting.last).await?.gate.context("no gate")?;
    assert!(proceeds(&gate.verdict), "{gate:?}");
    let (start, end) = (text(now()? - HOUR)?, text(now()? + HOUR)?);
    work.edit(json!({"start_date": start, "end_date": end})).await?;
    let gate = deploy(&world, DeployPhase::Requested, &work.waiting.last).await?.gate.context("no gate")?;
    let waits = waits_for(&gate.verdict);
    assert!(
        waits.starts_with("approval again, or the edit undone: since it was given, somebody edited the planned window"),
        "{waits}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_answers_in_time_the_policy_decides() -> Result<()> {
    for (policy, state) in [("pause", "-3"), ("cancel", "4"), ("proceed", "-3")] {
        let settings = format!("[approval]\ntimeout = \"2h\"\non-timeout = \"{policy}\"");
        let world = World::builder().settings(&settings).start().await?;
        let mut late = request("late")?;
        late.delivery.occurred_at -= 3 * HOUR;
        let mut work = Work::ask(&world, &late).await?;
        let verdict = work.look().await?.clone();
        match policy {
            "pause" => assert!(waits_for(&verdict).ends_with("the time to answer is over"), "{verdict:?}"),
            "cancel" => assert!(matches!(verdict, Verdict::Cancel(_)), "{verdict:?}"),
            _ => assert!(matches!(&verdict, Verdict::Proceed(clearance) if clearance.by_policy), "{verdict:?}"),
        }
        assert_eq!(work.record()?.get("state"), state, "{policy}");
        let audited = std::fs::read_to_string(world.audit())?.contains("gate.proceed-by-policy");
        assert_eq!(audited, policy == "proceed", "{policy}");
    }
    Ok(())
}
