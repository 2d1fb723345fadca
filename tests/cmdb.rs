//! The CMDB: a fleet in one call, and what is refused by name.

use anyhow::{Context as _, Result};
use host_harness::servicenow::{Action, Fault};
use itsm_contract::answers::Deployment;
use itsm_contract::events::{DeployEvent, DeployPhase, Shortfall};
use itsm_contract::types::{Failure, Gate, ItemOutcome, System, SystemKind};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;
use tests::{World, event};

const HOUR: u64 = 3_600_000;

/// A deployment of an image's version to systems, some hours after the first one.
pub(crate) fn deployment(version: &str, systems: Vec<System>, hours: u64) -> Result<DeployEvent> {
    let mut deployed: DeployEvent = event("deploy-requested")?;
    deployed.delivery.key = format!("{version}-{hours}");
    deployed.delivery.occurred_at += hours * HOUR;
    deployed.deployment_id = format!("deploy-{version}-{hours}");
    deployed.build.image.version = version.into();
    deployed.build.image.digest = Some(format!("sha256:{:0>64}", version.replace('.', "")));
    deployed.systems = systems;
    deployed.phase = DeployPhase::Succeeded;
    Ok(deployed)
}

/// Systems by turns virtual and physical.
pub(crate) fn fleet(count: usize) -> Vec<System> {
    (0..count).map(system).collect()
}

pub(crate) fn system(index: usize) -> System {
    let (kind, letter) =
        if index.is_multiple_of(2) { (SystemKind::Virtual, "VM") } else { (SystemKind::Physical, "HW") };
    let name = format!("node-{index:03}");
    let identifiers =
        vec![("serial-number".into(), format!("{letter}-{index:05}")), ("fqdn".into(), format!("{name}.prod.example"))];
    System { name, kind, identifiers }
}

pub(crate) async fn deploy(world: &World, event: &DeployEvent) -> Result<Deployment> {
    world.plugin.on_deploy(event).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))
}

/// What the CMDB says: each system with its image's version.
pub(crate) fn relations(world: &World) -> BTreeSet<(String, String)> {
    let items = world.servicenow.records("cmdb_ci");
    let field = |id: &str, field: &str| {
        items.iter().find(|item| item.get("sys_id") == id).map(|item| item.get(field).to_owned()).unwrap_or_default()
    };
    let packages = world.servicenow.records("cmdb_ci_spkg");
    let version = |id: &str| {
        let package = packages.iter().find(|item| item.get("sys_id") == id);
        package.and_then(|item| item.get("version").split('+').next().map(str::to_owned)).unwrap_or_default()
    };
    let rows = world.servicenow.records("cmdb_rel_ci");
    rows.iter()
        .filter(|row| field(row.get("child"), "correlation_id").starts_with("openfactory/image/"))
        .map(|row| (field(row.get("parent"), "name"), version(row.get("child"))))
        .collect()
}

pub(crate) fn pairs<'a>(systems: impl IntoIterator<Item = &'a System>, version: &str) -> BTreeSet<(String, String)> {
    systems.into_iter().map(|system| (system.name.clone(), version.to_owned())).collect()
}

pub(crate) fn count(answer: &Deployment, outcome: &ItemOutcome) -> usize {
    answer.items.iter().filter(|item| item.outcome == *outcome).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_systems_in_one_call_and_three_refused_by_name() -> Result<()> {
    // Three are of a class that identifies by an id that they do not have.
    let rule =
        |name| format!("[[mapping.system.when]]\nif = \"system.name == '{name}'\"\nclass = \"cmdb_ci_vm_template\"\n");
    let rules: String = ["node-100", "node-200", "node-300"].map(rule).concat();
    let world = World::builder().settings(&rules).start().await?;
    let systems = fleet(500);
    let event = deployment("1.0", systems.clone(), 0)?;
    let answer = deploy(&world, &event).await?;

    let refused = refused(&answer);
    assert_eq!(refused, ["node-100", "node-200", "node-300"]);
    let [Failure::Refused(problem)] = answer.unfinished.as_slice() else { panic!("{:?}", answer.unfinished) };
    assert_eq!(problem.code, "cmdb.identifier-missing");
    assert!(problem.summary.starts_with("node-100, node-200, node-300: "), "{}", problem.summary);
    // The image, 497 systems, and their relations.
    assert_eq!(count(&answer, &ItemOutcome::Created), 1 + 497 + 497);
    let true_ones: Vec<&System> = systems.iter().filter(|system| !refused.contains(&system.name.as_str())).collect();
    assert_eq!(relations(&world), pairs(true_ones.clone(), "1.0"));
    let calls = world.asked().into_iter().filter(|asked| asked.contains("identifyreconcile")).count();
    assert_eq!(calls, 1, "one call for the whole fleet");

    let again = deploy(&world, &event).await?;
    assert_eq!(count(&again, &ItemOutcome::Unchanged), 1 + 497 + 497, "a redelivery changes nothing");
    assert_eq!(count(&again, &ItemOutcome::Created) + count(&again, &ItemOutcome::Updated), 0);

    let before = world.asked().len();
    let upgrade = deploy(&world, &deployment("1.1", systems.clone(), 1)?).await?;
    assert_eq!(count(&upgrade, &ItemOutcome::Removed), 497);
    assert_eq!(relations(&world), pairs(true_ones, "1.1"));
    let asked = world.asked().split_off(before);
    assert!(asked.len() <= 24, "{} requests to move a fleet: {asked:?}", asked.len());
    Ok(())
}

fn refused(answer: &Deployment) -> Vec<&str> {
    let is_refused = |outcome: &ItemOutcome| matches!(outcome, ItemOutcome::Failed(Failure::Refused(_)));
    answer.items.iter().filter(|item| is_refused(&item.outcome)).map(|item| item.name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_systems_with_one_serial_number_never_become_one_item() -> Result<()> {
    let world = World::start().await?;
    let mut systems = fleet(3);
    systems[2].identifiers = systems[1].identifiers.clone();
    let event = deployment("1.0", systems.clone(), 0)?;
    for _ in 0..2 {
        let answer = deploy(&world, &event).await?;
        assert_eq!(refused(&answer), ["node-002"]);
        assert_eq!(relations(&world), pairs(&systems[..2], "1.0"));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_failed_deployment_the_systems_that_received_it_are_recorded() -> Result<()> {
    let world = World::start().await?;
    let systems = fleet(3);
    deploy(&world, &deployment("1.0", systems.clone(), 0)?).await?;
    let mut failed = deployment("1.1", systems.clone(), 1)?;
    failed.phase = DeployPhase::Failed(Shortfall { why: "power".into(), received: vec!["node-001".into()] });
    deploy(&world, &failed).await?;
    let mut expected = pairs(&systems[1..2], "1.1");
    expected.extend(pairs([&systems[0], &systems[2]], "1.0"));
    assert_eq!(relations(&world), expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_version_built_anew_is_another_image() -> Result<()> {
    let world = World::start().await?;
    let systems = fleet(2);
    deploy(&world, &deployment("1.0", systems.clone(), 0)?).await?;
    let mut rebuilt = deployment("1.0", systems[..1].to_vec(), 1)?;
    rebuilt.build.image.digest = Some(format!("sha256:{}", "e".repeat(64)));
    let answer = deploy(&world, &rebuilt).await?;
    assert_eq!((count(&answer, &ItemOutcome::Removed), answer.items[0].outcome.clone()), (1, ItemOutcome::Created));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_that_depends_on_another_is_told_with_its_remedy() -> Result<()> {
    let world = World::builder().settings("[cmdb]\nimage-class = \"cmdb_ci_os_template\"").start().await?;
    let answer = deploy(&world, &deployment("1.0", fleet(2), 0)?).await?;
    let problems: Vec<&str> = answer
        .unfinished
        .iter()
        .filter_map(|failure| match failure {
            Failure::Misconfigured(problem) => Some(problem.code.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(problems, ["cmdb.dependency"], "{:?}", answer.unfinished);
    assert_eq!(relations(&world), BTreeSet::new());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_with_one_deployment_record_it_once() -> Result<()> {
    let world = World::start().await?;
    let systems = fleet(12);
    deploy(&world, &deployment("1.0", systems.clone(), 0)?).await?;
    let event = deployment("1.1", systems.clone(), 1)?;
    let (one, other) = tokio::join!(deploy(&world, &event), deploy(&world, &event));
    assert_eq!((one?.unfinished, other?.unfinished), (Vec::new(), Vec::new()));
    assert_eq!(relations(&world), pairs(&systems, "1.1"));
    let ours =
        world.servicenow.records("cmdb_ci_server").into_iter().filter(|item| item.get("name").starts_with("node-"));
    assert_eq!(ours.count(), 12);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_discovery_knows_more_exactly_keeps_its_class() -> Result<()> {
    let world = World::start().await?;
    let found = json!({"name": "node-001", "serial_number": "HW-00001", "kernel_release": "5.14"});
    let admin = world.person("admin")?;
    admin.send(Method::POST, "/api/now/table/cmdb_ci_linux_server", Some(found)).await?;
    let systems = fleet(2);
    for (version, hours) in [("1.0", 0), ("1.1", 1)] {
        let answer = deploy(&world, &deployment(version, systems.clone(), hours)?).await?;
        assert_eq!(answer.unfinished, []);
        assert_eq!(relations(&world), pairs(&systems, version));
    }
    let servers = world.servicenow.records("cmdb_ci_linux_server");
    let server =
        servers.iter().find(|item| item.get("name") == "node-001").context("it is no Linux server any more")?;
    assert_eq!(server.get("kernel_release"), "5.14");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_system_has_an_outcome_even_where_the_call_failed() -> Result<()> {
    let world = World::start().await?;
    let away = world.servicenow.fault(Fault::on("/api/now/identifyreconcile*").status(503));
    let event = deployment("1.0", fleet(2), 0)?;
    let answer = deploy(&world, &event).await?;
    let names: Vec<&str> = answer.items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["rhel-9-hardened 1.0", "node-000", "node-001"]);
    let is_put_off = |outcome: &ItemOutcome| matches!(outcome, ItemOutcome::Failed(Failure::Retry(_)));
    assert!(answer.items.iter().all(|item| is_put_off(&item.outcome)), "{:?}", answer.items);
    assert_eq!(answer.unfinished.len(), 1, "{:?}", answer.unfinished);
    world.servicenow.remove_fault(away);
    assert_eq!(deploy(&world, &event).await?.unfinished, []);
    assert_eq!(relations(&world), pairs(&event.systems, "1.0"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_cmdb_is_done_and_the_change_is_not_a_redelivery_does_only_the_rest() -> Result<()> {
    for (path, method) in [("/api/now/table/change_request/*", "PATCH"), ("/api/now/identifyreconcile*", "POST")] {
        let world = World::start().await?;
        let mut event = deployment("1.0", fleet(2), 0)?;
        event.gate = Some(approved(&world, &event).await?);
        let denied = r#"{"error":{"message":"Operation Failed","detail":"ACL Exception"},"status":"failure"}"#;
        let status = Action::Status { status: 403, headers: Default::default(), body: denied.into(), applied: false };
        let fault = world.servicenow.fault(Fault::on(path).method(method).action(status));
        let first = deploy(&world, &event).await?;
        let done = |outcome: &ItemOutcome| count(&first, outcome);
        let is_cmdb_done = path.contains("change_request");
        assert_eq!(first.unfinished.len(), 1, "{path}: {:?}", first.unfinished);
        assert_eq!(done(&ItemOutcome::Created), if is_cmdb_done { 5 } else { 0 }, "{path}");
        let state = |world: &World| world.made("change_request")[0].get("state").to_owned();
        let open = state(&world);

        world.servicenow.remove_fault(fault);
        let second = deploy(&world, &event).await?;
        assert_eq!(second.unfinished, []);
        assert_eq!(relations(&world), pairs(&event.systems, "1.0"));
        assert_eq!(state(&world), "3", "it is closed, from {open}");
        let expected = if is_cmdb_done { ItemOutcome::Unchanged } else { ItemOutcome::Created };
        assert_eq!(count(&second, &expected), 5, "{path}: {:?}", second.items);
    }
    Ok(())
}

/// The gate of a deployment whose change request is approved.
async fn approved(world: &World, event: &DeployEvent) -> Result<Gate> {
    let mut requested = event.clone();
    requested.delivery.key = "asked".into();
    requested.phase = DeployPhase::Requested;
    let change = deploy(world, &requested).await?.gate.and_then(|gate| gate.change).context("no change request")?;
    world.person("beth.anglin")?.approve(&change.id, "go").await?;
    deploy(world, &requested).await?.gate.context("no gate")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_source_that_the_instance_lacks_is_told_with_its_remedy() -> Result<()> {
    let world = World::builder().settings("[cmdb]\ndata-source = \"Nonesuch\"").start().await?;
    let answer = deploy(&world, &deployment("1.0", fleet(2), 0)?).await?;
    let [Failure::Misconfigured(problem)] = answer.unfinished.as_slice() else { panic!("{:?}", answer.unfinished) };
    assert_eq!(problem.code, "cmdb.data-source-unknown");
    Ok(())
}
