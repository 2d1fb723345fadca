//! Hosts that act at once, and requests that are lost.

use super::work::{Work, request, waits_for};
use anyhow::Result;
use host_harness::servicenow::Fault;
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_with_the_same_event_at_the_same_moment_leave_one_change_that_counts() -> Result<()> {
    for keeps_sys_ids in [true, false] {
        let world = World::builder()
            .instance(|instance| instance.properties(|switches| switches.admin_only_sys_fields = !keeps_sys_ids))
            .start()
            .await?;
        let request = request("twice")?;
        let (first, second) = tokio::join!(Work::ask(&world, &request), Work::ask(&world, &request));
        let mut works = [first?, second?];
        for work in &mut works {
            work.look().await?;
        }
        let made = world.made("change_request");
        let open: Vec<_> = made.iter().filter(|record| record.get("state") != "4").collect();
        assert_eq!(open.len(), 1, "keeps sys_ids: {keeps_sys_ids}: {made:#?}");
        assert!(!keeps_sys_ids || made.len() == 1);
        for work in &works {
            assert_eq!(work.change()?.id, open[0].get("sys_id"), "keeps sys_ids: {keeps_sys_ids}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_request_leaves_the_same_change_as_none_once_the_event_comes_again() -> Result<()> {
    for keeps_sys_ids in [true, false] {
        for nth in 1..=3 {
            for is_applied in [false, true] {
                let world = World::builder()
                    .instance(|instance| {
                        instance.properties(|switches| switches.admin_only_sys_fields = !keeps_sys_ids)
                    })
                    .start()
                    .await?;
                let fault = Fault::on("/api/*").user("svc.imagefactory").nth(nth);
                let fault = if is_applied { fault.reset_after() } else { fault.reset_before() };
                let fault = world.servicenow.fault(fault);
                let mut request = request("lost")?;
                let first = world.plugin.on_build_requested(&request).await?;
                request.delivery.attempt += u32::from(first.is_err());
                let mut work = Work::ask(&world, &request).await?;
                work.look().await?;
                let label = format!("keeps sys_ids: {keeps_sys_ids}, request {nth}, applied: {is_applied}");
                assert_eq!(world.servicenow.picked(fault), 1, "{label}");
                let made = world.made("change_request");
                assert_eq!(made.len(), 1, "{label}");
                assert_eq!((made[0].get("state"), made[0].get("approval")), ("-3", "requested"), "{label}");
                assert!(waits_for(&work.waiting.last.verdict).contains("approval by CAB Approval"), "{label}");
            }
        }
    }
    Ok(())
}
