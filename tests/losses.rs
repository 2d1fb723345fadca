//! Requests that are lost: each request of a flow in turn, before ServiceNow applied it and after. The event is delivered
//! again, and then every record is what it is without the loss, field by field.

use crate::told;
use anyhow::{Context as _, Result, ensure};
use host_harness::evidence::verify;
use host_harness::servicenow::{Clock, Fault};
use itsm_contract::answers::Event;
use itsm_contract::events::DeployPhase;
use itsm_contract::types::{Failure, Gate};
use std::collections::{BTreeMap, BTreeSet};
use tests::World;

/// Deliveries until an event must be done: the first one, and one for each loss.
const DELIVERIES: usize = 3;

/// More requests than any flow here has.
const MANY: u64 = 60;

/// What is delivered while requests get lost.
#[derive(Clone, Copy, Debug)]
enum Flow {
    FirstFailure,
    Repeat,
    Recovery,
    FailureAfterRecovery,
    BuildFinished,
    Deployment,
    Upgrade,
    /// With a change request that is moved to its end beside the CMDB.
    ApprovedDeployment,
}

/// Tables whose records are compared.
const TABLES: &[&str] = &[
    "change_request",
    "cmdb_ci_spkg",
    "cmdb_ci_server",
    "cmdb_rel_ci",
    "incident",
    "sys_attachment",
    "sys_journal_field",
    "sys_object_source",
];

/// What differs between two runs of the same: ids that the instance gives, and how often a record was touched.
const VOLATILE: &[&str] = &["sys_id", "sys_mod_count", "download_link"];

impl Flow {
    /// What happened before, without losses; the gate that the host holds by then.
    async fn prepare(self, world: &World) -> Result<Option<Gate>> {
        let before: &[Self] = match self {
            Self::FirstFailure | Self::Deployment | Self::BuildFinished | Self::ApprovedDeployment => &[],
            Self::Repeat | Self::Recovery => &[Self::FirstFailure],
            Self::FailureAfterRecovery => &[Self::FirstFailure, Self::Recovery],
            Self::Upgrade => &[Self::Deployment],
        };
        for flow in before {
            let left = deliver(world, *flow, None).await?;
            ensure!(left.is_empty(), "{left:?}");
        }
        let (is_build, is_gated) = match self {
            Self::BuildFinished => (true, true),
            Self::ApprovedDeployment => (false, true),
            _ => (false, false),
        };
        if !is_gated {
            return Ok(None);
        }
        let ask = async || if is_build { told::gate(world).await } else { deployment_gate(world).await };
        told::approved(world, ask).await.map(Some)
    }
}

async fn deployment_gate(world: &World) -> Result<Gate> {
    let mut requested = told::deployed("1.0", 0, None)?;
    requested.delivery.key = "deploy-asked".into();
    requested.phase = DeployPhase::Requested;
    let answer = world.plugin.on_deploy(&requested).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    answer.gate.context("no gate")
}

/// Delivers the flow's event once, with the gate that the host hands back; what is not done.
async fn deliver(world: &World, flow: Flow, gate: Option<&Gate>) -> Result<Vec<Failure>> {
    let event = match flow {
        Flow::FirstFailure => told::failed("f1", 0)?,
        Flow::Repeat => told::failed("f2", 1000)?,
        Flow::FailureAfterRecovery => told::failed("f3", 9000)?,
        Flow::Recovery | Flow::BuildFinished => told::passed("s1", 5000, gate)?,
        Flow::Deployment | Flow::ApprovedDeployment => Event::Deploy(told::deployed("1.0", 0, gate)?),
        Flow::Upgrade => Event::Deploy(told::deployed("1.1", 9000, gate)?),
    };
    told::tell(&world.plugin, &event).await
}

/// Every record, its ids replaced by what people call it.
fn snapshot(world: &World) -> BTreeSet<String> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for table in TABLES {
        for record in world.servicenow.records(table) {
            let name = ["correlation_id", "name", "file_name"].map(|field| record.get(field).to_owned());
            let name = name.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
            names.insert(record.sys_id().to_owned(), format!("{}:{name}", record.table()));
        }
    }
    let mut told = BTreeSet::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for table in TABLES {
        for record in world.servicenow.records(table) {
            // What an approver says is theirs, in a record that no two runs give the same id.
            if record.get("name") == "sysapproval_approver" {
                continue;
            }
            // A statement names configuration items by the ids that the instance gave them, and its change request by an
            // address with this instance's port. That it is the true one is proved apart.
            let is_named_anew = record.get("content_type") == "application/vnd.in-toto+json";
            let fields = record
                .values()
                .filter(|(field, _)| !VOLATILE.contains(field))
                .filter(|(field, _)| !(is_named_anew && ["hash", "size_bytes", "size_compressed"].contains(field)))
                .map(|(field, value)| format!("{field}={}", names.get(value).map_or(value, String::as_str)))
                .collect::<Vec<_>>()
                .join("\n  ");
            let text = format!("{table}\n  {fields}");
            // Two that are alike are two.
            let count = seen.entry(text.clone()).or_default();
            *count += 1;
            told.insert(format!("{text}\n  copy {count}"));
        }
    }
    told
}

/// Plays a flow with one request lost; what there is afterwards, and whether a request was lost at all.
async fn play(flow: Flow, lost: Option<(u64, bool)>) -> Result<(BTreeSet<String>, bool)> {
    let clock = Clock::default();
    clock.freeze(jiff::Timestamp::from_second(1_795_600_000)?);
    let world = World::builder().instance(|instance| instance.clock(clock)).start().await?;
    let gate = flow.prepare(&world).await?;
    let user = world.servicenow.account().user.clone();
    let fault = lost.map(|(nth, is_applied)| {
        let picked = Fault::on("*").user(&user).nth(nth).times(1);
        world.servicenow.fault(if is_applied { picked.reset_after() } else { picked.reset_before() })
    });
    let mut left = Vec::new();
    for _ in 0..DELIVERIES {
        left = deliver(&world, flow, gate.as_ref()).await?;
        if left.is_empty() {
            break;
        }
        ensure!(left.iter().all(|failure| matches!(failure, Failure::Retry(_))), "{flow:?} {lost:?}: {left:?}");
    }
    ensure!(left.is_empty(), "{flow:?} {lost:?}: not done after {DELIVERIES} deliveries: {left:?}");
    let was_lost = fault.is_some_and(|fault| world.servicenow.picked(fault) > 0);
    if let Some(change) = gate.as_ref().and_then(|gate| gate.change.as_ref()) {
        world.servicenow.clear_faults();
        let proofs = verify(world.plugin.grant(), &change.number, &world.audit()).await?;
        ensure!(proofs.len() == 1, "{flow:?} {lost:?}: {proofs:?}");
    }
    Ok((snapshot(&world), was_lost))
}

async fn each_request_of(flow: Flow) -> Result<()> {
    let (whole, _) = play(flow, None).await?;
    let mut cells = 0;
    for nth in 1..=MANY {
        for is_applied in [false, true] {
            let (after, was_lost) = play(flow, Some((nth, is_applied))).await?;
            if !was_lost {
                println!("{flow:?}: {} requests, {cells} cells", nth - 1);
                ensure!(nth > 1, "{flow:?} sends nothing");
                return Ok(());
            }
            cells += 1;
            let missing: Vec<_> = whole.difference(&after).collect();
            let extra: Vec<_> = after.difference(&whole).collect();
            ensure!(
                missing.is_empty() && extra.is_empty(),
                "{flow:?}, request {nth} lost {}: missing {missing:#?}, extra {extra:#?}",
                if is_applied { "after it was applied" } else { "before it was applied" }
            );
        }
    }
    anyhow::bail!("{flow:?} has more than {MANY} requests")
}

#[tokio::test]
async fn a_first_failure_survives_every_loss() -> Result<()> {
    each_request_of(Flow::FirstFailure).await
}

#[tokio::test]
async fn a_repeated_failure_survives_every_loss() -> Result<()> {
    each_request_of(Flow::Repeat).await
}

#[tokio::test]
async fn a_recovery_survives_every_loss() -> Result<()> {
    each_request_of(Flow::Recovery).await
}

#[tokio::test]
async fn a_failure_after_a_recovery_survives_every_loss() -> Result<()> {
    each_request_of(Flow::FailureAfterRecovery).await
}

#[tokio::test]
async fn a_builds_evidence_survives_every_loss() -> Result<()> {
    each_request_of(Flow::BuildFinished).await
}

#[tokio::test]
async fn a_deployment_survives_every_loss() -> Result<()> {
    each_request_of(Flow::Deployment).await
}

#[tokio::test]
async fn an_upgrade_survives_every_loss() -> Result<()> {
    each_request_of(Flow::Upgrade).await
}

#[tokio::test]
async fn a_deployment_under_its_change_survives_every_loss() -> Result<()> {
    each_request_of(Flow::ApprovedDeployment).await
}
