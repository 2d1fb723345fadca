//! Mapping: rules anyone can write, code in any language, harm impossible.

mod examples;
mod harm;
mod limits;
mod live;
mod shown;
mod template;
mod versions;

use anyhow::{Context as _, Result};
use host_harness::guest::{Mapping, mapping_component};
use host_harness::servicenow::{self, Record};
use itsm_contract::events::{BuildRequest, FailureEvent};
use std::path::{Path, PathBuf};
use tests::{World, event};

/// The folder of an example.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../mappings/examples").join(name)
}

/// The settings of the examples: their rules.
fn rules() -> toml::Table {
    std::fs::read_to_string(example("rules.toml")).unwrap().parse().unwrap()
}

/// An instance that has what the examples' rules refer to by name.
fn acme(instance: servicenow::Builder) -> servicenow::Builder {
    let group = |name| Record::new("sys_user_group").with("name", name).with("active", "true");
    instance.record(group("Linux Platform")).record(group("Windows Platform"))
}

#[tokio::test(flavor = "multi_thread")]
async fn records_say_what_the_rules_say() -> Result<()> {
    let world = World::builder().instance(acme).settings(&std::fs::read_to_string(example("rules.toml"))?);
    let world = world.start().await?;
    world.plugin.on_build_requested(&event("build-requested")?).await?.expect("an answer");
    let changes = world.made("change_request");
    let change = changes.first().context("no change request")?;
    assert_eq!(change.get("category"), "System Software");

    world.plugin.on_failure(&event("failure")?).await?.expect("an answer");
    let incidents = world.made("incident");
    let incident = incidents.first().context("no incident")?;
    assert_eq!(incident.get("urgency"), "1");
    assert_eq!(
        incident.get("description"),
        "a required check failed: cis-benchmark\n- cis-benchmark: 3 of 212 rules do not hold"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_build_in_rust_runs_as_the_stock_one_does() -> Result<()> {
    let mapping = tokio::task::spawn_blocking(|| mapping_component(&Mapping::at(&example("rust"))?, &|_| ())).await??;
    let world = World::builder().instance(acme).mapping(mapping).start().await?;
    let request: BuildRequest = event("build-requested")?;
    world.plugin.on_build_requested(&request).await?.expect("an answer");
    world.plugin.on_build_requested(&request).await?.expect("an answer");
    let changes = world.made("change_request");
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].get("category"), "System Software");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_rules_are_told_before_any_event() -> Result<()> {
    let world = World::builder().settings("[mapping.incident.fields]\nurgency = \"{{ mesage }}\"").start().await?;
    let failure: FailureEvent = event("failure")?;
    let said = format!("{:?}", world.plugin.on_failure(&failure).await?.expect_err("broken rules"));
    assert!(said.contains("there is no `mesage` in this event; did you mean `message`?"), "{said}");
    assert_eq!(world.made("incident").len(), 0);
    Ok(())
}
