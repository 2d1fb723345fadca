//! The CMDB: a fleet in one call, what is refused by name, and exactly the true relations after every deployment.

use crate::harness;
use anyhow::{Context as _, Result};
use host_harness::servicenow::{Action, Fault};
use itsm_contract::answers::{Deployment, Event, Planned};
use itsm_contract::events::{DeployEvent, DeployPhase, Shortfall};
use itsm_contract::types::{Failure, Gate, ItemOutcome, System, SystemKind};
use std::collections::BTreeSet;
use tests::{World, event};

const HOUR: u64 = 3_600_000;

/// A deployment of an image's version to systems, some hours after the first one.
fn deployment(version: &str, systems: Vec<System>, hours: u64) -> Result<DeployEvent> {
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
fn fleet(count: usize) -> Vec<System> {
    (0..count).map(system).collect()
}

fn system(index: usize) -> System {
    let (kind, letter) =
        if index.is_multiple_of(2) { (SystemKind::Virtual, "VM") } else { (SystemKind::Physical, "HW") };
    let name = format!("node-{index:03}");
    let identifiers =
        vec![("serial-number".into(), format!("{letter}-{index:05}")), ("fqdn".into(), format!("{name}.prod.example"))];
    System { name, kind, identifiers }
}

async fn deploy(world: &World, event: &DeployEvent) -> Result<Deployment> {
    world.plugin.on_deploy(event).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))
}

/// What the CMDB says: each system with its image's version.
fn relations(world: &World) -> BTreeSet<(String, String)> {
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

fn pairs<'a>(systems: impl IntoIterator<Item = &'a System>, version: &str) -> BTreeSet<(String, String)> {
    systems.into_iter().map(|system| (system.name.clone(), version.to_owned())).collect()
}

fn count(answer: &Deployment, outcome: &ItemOutcome) -> usize {
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
