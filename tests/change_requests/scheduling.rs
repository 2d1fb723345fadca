//! When work may start: its window, a free slot, and what stands in the way.

use super::work::{Work, now, proceeds, request, waits_for};
use super::{HOUR, MINUTE};
use anyhow::Result;
use host_harness::servicenow::Record;
use itsm_contract::events::BuildRequest;
use itsm_contract::types::{Schedule, Window};
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
    Ok(())
}
