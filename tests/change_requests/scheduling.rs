//! When work may start: its window, a free slot, and what stands in the way.

use super::work::{Work, now, proceeds, request, text, waits_for};
use super::{HOUR, MINUTE};
use anyhow::{Context as _, Result};
use host_harness::servicenow::Record;
use itsm_contract::events::BuildRequest;
use itsm_contract::types::{Failure, Schedule, Window};
use serde_json::json;
use tests::{World, event};

#[tokio::test(flavor = "multi_thread")]
async fn approved_work_waits_for_its_window_and_goes_on_when_it_opens() -> Result<()> {
    let world = World::start().await?;
    let mut planned = request("planned")?;
    let start = now()? + 4000;
    planned.schedule = Some(Schedule::Window(Window { start, end: start + HOUR }));
    let mut work = Work::ask(&world, &planned).await?;
    work.approve().await?;
    let waits = waits_for(work.look().await?);
    assert!(waits.starts_with("the planned start at ") || now()? >= start, "{waits}");
    while !proceeds(work.look().await?) {
        assert!(now()? < start + MINUTE, "the window is open: {:?}", work.waiting.last);
    }
    assert!(now()? >= start / 1000 * 1000);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_slot_is_found_for_what_the_change_affects() -> Result<()> {
    let item = Record::new("cmdb_ci_server").with("name", "web-01").with("sys_class_name", "cmdb_ci_server");
    let world = World::builder().instance(|instance| instance.record(item)).start().await?;
    let mut wanted = request("slot")?;
    wanted.systems = event::<BuildRequest>("build-requested")?.systems;
    wanted.schedule = Some(Schedule::FirstFree(HOUR));
    let mut work = Work::ask(&world, &wanted).await?;
    while work.record()?.get("state") == "-5" {
        work.look().await?;
    }
    let record = work.record()?;
    assert!(!record.get("start_date").is_empty() && !record.get("end_date").is_empty());
    assert_eq!(world.servicenow.records("task_ci").len(), 1);
    work.approve().await?;
    assert!(proceeds(work.look().await?), "the slot begins now: {:?}", work.waiting.last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blackout_pauses_approved_work_and_the_status_word_alone_does_not() -> Result<()> {
    let item = Record::new("cmdb_ci_server").with("name", "web-01").with("sys_class_name", "cmdb_ci_server");
    let world = World::builder().instance(|instance| instance.record(item)).start().await?;
    let mut planned = request("blackout")?;
    planned.systems = event::<BuildRequest>("build-requested")?.systems;
    let (start, end) = (now()? - HOUR, now()? + HOUR);
    planned.schedule = Some(Schedule::Window(Window { start, end }));
    let mut work = Work::ask(&world, &planned).await?;
    while work.record()?.get("state") == "-5" {
        work.look().await?;
    }
    work.approve().await?;
    assert!(proceeds(work.look().await?), "no conflicts: {:?}", work.waiting.last);

    let blackout =
        Record::new("cmn_schedule").with("sys_id", "b1ac0000b1ac0000b1ac0000b1ac0000").with("name", "Freeze");
    let blackout = blackout.with("type", "blackout").with("start_date_time", text(start)?);
    world.servicenow.put_record(blackout.with("end_date_time", text(end)?));
    let david = world.person("david.loo")?;
    let path = format!("/api/sn_chg_rest/change/{}/conflict", work.change()?.id);
    david.send(reqwest::Method::POST, &path, None).await?;
    let waits = waits_for(work.look().await?);
    assert!(waits.starts_with("no scheduling conflicts: "), "{waits}");

    // Its conflicts are gone, and its status still says `Conflict`, as an instance leaves it.
    for conflict in world.servicenow.records("conflict") {
        world.servicenow.remove_record("conflict", conflict.sys_id());
    }
    assert_eq!(work.record()?.get("conflict_status"), "Conflict");
    work.edit(json!({"work_notes": "the freeze is over"})).await?;
    assert!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn systems_without_a_configuration_item_are_named_in_the_description() -> Result<()> {
    let item = Record::new("cmdb_ci_server").with("name", "web-01").with("sys_class_name", "cmdb_ci_server");
    let world = World::builder().instance(|instance| instance.record(item)).start().await?;
    let mut wanted = request("described")?;
    wanted.systems = event::<BuildRequest>("build-requested")?.systems;
    let mut unknown = wanted.systems.first().cloned().context("no system")?;
    unknown.name = "web-99".into();
    wanted.systems.push(unknown);
    let work = Work::ask(&world, &wanted).await?;
    let record = work.record()?;
    let description = record.get("description");
    assert!(description.contains("- web-01 (virtual)\n- web-99 (virtual, no configuration item yet)"), "{description}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_ends_before_it_starts_is_refused_by_its_field() -> Result<()> {
    let world = World::start().await?;
    let mut wrong = request("senseless")?;
    wrong.schedule = Some(Schedule::Window(Window { start: now()?, end: now()? - MINUTE }));
    match world.plugin.on_build_requested(&wrong).await? {
        Err(Failure::InvalidEvent(problem)) => {
            assert!(problem.summary.starts_with("`schedule.window` "), "{problem:?}")
        }
        other => anyhow::bail!("{other:?}"),
    }
    assert!(world.asked().is_empty());
    Ok(())
}
