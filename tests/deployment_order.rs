//! Which deployment of a system stands: the newest, in whatever order they are told, and whatever the system was called.

use crate::cmdb::{count, deploy, deployment, fleet, pairs, relations};
use anyhow::Result;
use itsm_contract::answers::Event;
use itsm_contract::types::ItemOutcome;
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn upgrade_and_rollback_leave_exactly_the_true_relations() -> Result<()> {
    let world = World::start().await?;
    let systems = fleet(20);
    deploy(&world, &deployment("1.0", systems.clone(), 0)?).await?;
    let upgrade = deploy(&world, &deployment("1.1", systems[..12].to_vec(), 1)?).await?;
    assert_eq!(count(&upgrade, &ItemOutcome::Removed), 12);
    let mut expected = pairs(&systems[..12], "1.1");
    expected.extend(pairs(&systems[12..], "1.0"));
    assert_eq!(relations(&world), expected);

    let rollback = deploy(&world, &deployment("1.0", systems[..5].to_vec(), 2)?).await?;
    assert_eq!((count(&rollback, &ItemOutcome::Removed), rollback.unfinished.len()), (5, 0));
    let mut expected = pairs(&systems[5..12], "1.1");
    expected.extend(pairs(&systems[..5], "1.0"));
    expected.extend(pairs(&systems[12..], "1.0"));
    assert_eq!(relations(&world), expected);
    assert_eq!(
        world.servicenow.records("cmdb_ci_spkg").iter().filter(|item| !item.get("correlation_id").is_empty()).count(),
        2
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_event_never_replaces_a_newer_deployment() -> Result<()> {
    let world = World::start().await?;
    let systems = fleet(4);
    deploy(&world, &deployment("2.0", systems[..3].to_vec(), 5)?).await?;
    let late = deploy(&world, &deployment("1.0", systems.clone(), 0)?).await?;
    assert_eq!(count(&late, &ItemOutcome::Skipped), 3);
    let mut expected = pairs(&systems[..3], "2.0");
    expected.extend(pairs(&systems[3..], "1.0"));
    assert_eq!(relations(&world), expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_was_renamed_or_moved_loses_no_newer_image_to_an_older_event() -> Result<()> {
    for (name, environment) in [("renamed", "prod-eu-1"), ("node-000", "prod-us-1")] {
        let world = World::start().await?;
        let systems = fleet(1);
        deploy(&world, &deployment("1.0", systems.clone(), 0)?).await?;
        // The same machine, by its serial number.
        let mut newer = deployment("3.0", systems.clone(), 9)?;
        newer.systems[0].name = name.into();
        newer.environment.name = environment.into();
        let moved = deploy(&world, &newer).await?;
        assert_eq!(count(&moved, &ItemOutcome::Removed), 1, "it has one image");

        let older = deployment("2.0", systems, 5)?;
        let planned = world.plugin.preview(&Event::Deploy(older.clone())).await?.expect("a preview");
        assert!(planned.iter().any(|item| item.kind == "cmdb_rel_ci" && item.outcome == ItemOutcome::Skipped));
        for _ in 0..2 {
            let late = deploy(&world, &older).await?;
            assert_eq!((late.unfinished.as_slice(), count(&late, &ItemOutcome::Skipped)), ([].as_slice(), 1));
            let versions: Vec<String> = relations(&world).into_iter().map(|(_, version)| version).collect();
            assert_eq!(versions, ["3.0"], "{name} in {environment}");
        }
    }
    Ok(())
}
