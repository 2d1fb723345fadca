//! The main job: a component, its host, and a ServiceNow to talk to.

use crate::harness;
use anyhow::{Context as _, Result};
use host_harness::guest;
use host_harness::runtime::{Class, Inspection};
use itsm_contract::answers::Deployment;
use itsm_contract::events::{BuildRequest, DeployEvent, DeployPhase};
use itsm_contract::types::{Gate, Verdict};
use tests::{World, event, folder};

#[tokio::test(flavor = "multi_thread")]
async fn a_build_waits_for_its_change_and_proceeds_once_it_is_approved() -> Result<()> {
    let world = World::start().await?;
    let request: BuildRequest = event("build-requested")?;
    let gate = world.plugin.on_build_requested(&request).await?.expect("an answer");
    let change = gate.change.clone().context("no change request")?;
    assert!(matches!(gate.verdict, Verdict::Pause(_)), "{gate:?}");

    world.person("beth.anglin")?.approve(&change.id, "go").await?;
    let gate = world.plugin.on_build_requested(&request).await?.expect("an answer");
    assert!(matches!(gate.verdict, Verdict::Proceed(_)), "{gate:?}");
    assert_eq!(gate.change, Some(change));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivered_request_creates_no_second_change() -> Result<()> {
    let world = World::start().await?;
    let mut request: BuildRequest = event("build-requested")?;
    let first = world.plugin.on_build_requested(&request).await?.expect("an answer");
    request.delivery.attempt = 2;
    let second = world.plugin.on_build_requested(&request).await?.expect("an answer");
    assert_eq!(first.change, second.change);
    assert_eq!(world.made("change_request").len(), 1);
    Ok(())
}

#[test]
fn the_component_imports_exactly_what_it_is_granted() -> Result<()> {
    let component = guest::stock_component().map_err(|error| anyhow::anyhow!("{error}"))?;
    let inspection = Inspection::of("the stock component", &std::fs::read(component)?)?;
    let imports: Vec<&str> = inspection.of_class(Class::Granted).collect();
    assert_eq!(
        imports,
        [
            "openfactory:itsm/answers@0.1.0",
            "openfactory:itsm/audit@0.1.0",
            "openfactory:itsm/events@0.1.0",
            "openfactory:itsm/types@0.1.0",
            "wasi:clocks/wall-clock@0.2.12",
            "wasi:config/store@0.2.0-rc.1",
            "wasi:http/outgoing-handler@0.2.12",
            "wasi:http/types@0.2.12",
            "wasi:io/error@0.2.12",
            "wasi:io/poll@0.2.12",
            "wasi:io/streams@0.2.12",
        ]
    );
    assert_eq!(inspection.imports.len(), imports.len(), "{:?}", inspection.imports);
    let exports = ["approvals", "diagnostics", "evidence", "itsm-integration"];
    assert_eq!(inspection.exports, exports.map(|name| format!("openfactory:itsm/{name}@0.1.0")));
    Ok(())
}

#[test]
fn the_command_calls_a_hook_twice_and_makes_one_change() -> Result<()> {
    let work = tempfile::tempdir()?;
    let (_sim, ready) = harness(["sim", "--listen", "127.0.0.1:0", "--json"]).start()?;
    for key in ["url", "user", "password", "client-id", "client-secret", "credential"] {
        assert!(ready[key].is_string(), "{key} in {ready}");
    }
    let url = ready["url"].as_str().context("no url")?;
    let settings = work.path().join("servicenow.toml");
    std::fs::write(&settings, format!("[instance]\nurl = \"{url}\"\ncredential = \"sn\"\n"))?;
    let call = || {
        let event = folder("events").join("build-requested.json");
        harness(["call", "on-build-requested", "--credential", "sn=env:SN", "--event"])
            .arg(&event)
            .arg("--settings")
            .arg(&settings)
            .env("SN", ready["credential"].as_str().unwrap_or_default())
            .within(work.path())
            .run()
    };
    let (first, second) = (call()?, call()?);
    assert_eq!((first.code, second.code), (4, 4), "{first:?} {second:?}");
    let (first, second) = (first.json()?, second.json()?);
    assert_eq!(first["change"], second["change"]);
    assert!(first["verdict"]["pause"].is_object(), "{first}");
    Ok(())
}

/// A deployment's events, in one phase after the other, with the gate handed back.
async fn deploy(world: &World, gate: Option<Gate>, phase: DeployPhase) -> Result<Deployment> {
    let mut event: DeployEvent = event("deploy-requested")?;
    event.delivery.key = format!("deploy-{phase:?}");
    event.phase = phase;
    event.gate = gate;
    Ok(world.plugin.on_deploy(&event).await?.expect("an answer"))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_gates_switched_off_a_deployment_is_noted_on_a_change_that_nobody_approved() -> Result<()> {
    let world = World::builder().settings("[workflows]\napproval-gates = false").start().await?;
    let asked = deploy(&world, None, DeployPhase::Requested).await?;
    assert!(matches!(asked.gate.context("no gate")?.verdict, Verdict::Proceed(clearance) if clearance.by_policy));
    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        assert_eq!(deploy(&world, None, phase).await?.unfinished, []);
    }
    let change = world.made("change_request").pop().context("no change")?;
    let notes = world.servicenow.journal(change.sys_id(), "work_notes");
    assert!(notes.iter().any(|note| note.contains("started by policy: nobody had approved it")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("succeeded")), "{notes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_of_another_change_does_not_keep_a_deployment_shut() -> Result<()> {
    let world = World::builder().settings("[change]\nclose = \"after-build\"").start().await?;
    let request: BuildRequest = event("build-requested")?;
    let build = world.plugin.on_build_requested(&request).await?.expect("an answer").change.context("no change")?;
    world.person("beth.anglin")?.approve(&build.id, "go").await?;
    let built = world.plugin.on_build_requested(&request).await?.expect("an answer");

    let asked = deploy(&world, Some(built), DeployPhase::Requested).await?.gate.context("no gate")?;
    let change = asked.change.clone().context("no change")?;
    assert_ne!(change.id, build.id);
    world.person("beth.anglin")?.approve(&change.id, "go").await?;
    let gate = deploy(&world, Some(asked), DeployPhase::Requested).await?.gate.context("no gate")?;
    assert!(matches!(gate.verdict, Verdict::Proceed(_)), "{gate:?}");
    Ok(())
}
