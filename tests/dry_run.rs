//! Dry runs: what would become of a deployment, told without doing it, and then it happens so.

use crate::cmdb::{deploy, deployment, fleet, relations, system};
use crate::harness;
use anyhow::Result;
use host_harness::servicenow::Fault;
use itsm_contract::answers::{Event, Planned};
use itsm_contract::types::{Failure, ItemOutcome};
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_writes_nothing_and_is_what_then_happens() -> Result<()> {
    let world = World::start().await?;
    let systems = fleet(6);
    deploy(&world, &deployment("1.0", systems.clone(), 0)?).await?;
    let mut upgrade = deployment("1.1", systems[..4].to_vec(), 1)?;
    upgrade.systems.push(system(77));
    let before = relations(&world);
    let writes = world.asked().len();
    let planned = world.plugin.preview(&Event::Deploy(upgrade.clone())).await?.expect("a preview");
    assert_eq!(relations(&world), before);
    let asked = world.asked().split_off(writes);
    let is_read = |asked: &String| asked.starts_with("GET ") || asked.ends_with("/identifyreconcile/queryEnhanced");
    assert!(asked.iter().all(is_read), "{asked:?}");

    let done = deploy(&world, &upgrade).await?;
    let foretold: Vec<(&str, &ItemOutcome)> =
        planned.iter().filter(|item| item.kind.starts_with("cmdb")).map(told).collect();
    let happened: Vec<(&str, &ItemOutcome)> =
        done.items.iter().map(|item| (item.name.as_str(), &item.outcome)).collect();
    assert_eq!(foretold, happened);
    let image = &planned.iter().find(|item| item.kind == "cmdb_ci_spkg").expect("the image").fields;
    assert!(image.iter().any(|field| field.name == "name" && field.value.as_deref() == Some("rhel-9-hardened 1.1")));
    Ok(())
}

fn told(item: &Planned) -> (&str, &ItemOutcome) {
    (&item.name, &item.outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_by_the_command_tells_what_then_happens_and_changes_nothing() -> Result<()> {
    let world = World::start().await?;
    let file = world.folder().join("event.json");
    std::fs::write(&file, serde_json::to_vec(&deployment("1.0", fleet(3), 0)?)?)?;
    let settings = world.folder().join("servicenow.toml");
    std::fs::write(&settings, format!("[instance]\nurl = \"{}\"\ncredential = \"sn\"\n", world.servicenow.url()))?;
    let account = world.servicenow.account();
    let secret = serde_json::json!({"user": account.user, "password": account.password}).to_string();
    let call = || {
        let call = harness(["call", "on-deploy", "--credential", "sn=env:SN", "--event"]).arg(&file);
        call.arg("--settings").arg(&settings).env("SN", &secret).within(world.folder())
    };
    let all = || ["cmdb_ci", "cmdb_rel_ci", "sys_object_source"].map(|table| world.servicenow.records(table).len());
    let before = all();
    let run = call().arg("--dry-run").run()?;
    let planned = run.json()?;
    assert_eq!(all(), before, "a dry run writes nothing");
    let outcomes = |list: &serde_json::Value| -> Vec<(String, serde_json::Value)> {
        let items = list.as_array().into_iter().flatten();
        items.map(|item| (item["name"].as_str().unwrap_or_default().to_owned(), item["outcome"].clone())).collect()
    };
    let foretold: Vec<_> = outcomes(&planned)
        .into_iter()
        .zip(planned.as_array().into_iter().flatten())
        .filter(|(_, item)| item["kind"].as_str().is_some_and(|kind| kind.starts_with("cmdb")))
        .map(|(told, _)| told)
        .collect();
    let done = call().run()?.json()?;
    assert_eq!(foretold, outcomes(&done["items"]));
    assert_eq!(foretold.len(), 7, "the image, three systems, and their relations");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_no_preview() -> Result<()> {
    for path in ["/api/now/identifyreconcile/queryEnhanced", "/api/now/table/cmdb_rel_ci"] {
        let world = World::start().await?;
        let event = deployment("1.0", fleet(2), 0)?;
        deploy(&world, &event).await?;
        world.servicenow.fault(Fault::on(path).status(503));
        let planned = world.plugin.preview(&Event::Deploy(event)).await?;
        assert!(matches!(planned, Err(Failure::Retry(_))), "{path}: {planned:?}");
    }
    Ok(())
}
