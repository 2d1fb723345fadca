//! Incidents: each failure in a person's words, and the life of one incident from first failure to the one after it.

use anyhow::{Context as _, Result};
use itsm_contract::answers::{Event, Incident};
use itsm_contract::events::{BuildResult, DeployEvent, DeployPhase, FailedStep, FailureEvent};
use itsm_contract::types::{Environment, ItemOutcome, Ticket, Tier};
use tests::{World, event};

/// A failure of a step, as a fresh event.
pub(crate) fn failure(key: &str, step: FailedStep, at: u64) -> Result<FailureEvent> {
    let mut failure: FailureEvent = event("failure")?;
    failure.delivery.key = key.into();
    failure.delivery.occurred_at += at;
    failure.step = step;
    Ok(failure)
}

/// A build of the same image that ended well, later.
pub(crate) fn success(key: &str, at: u64) -> Result<BuildResult> {
    let mut result: BuildResult = event("build-finished")?;
    result.delivery.key = key.into();
    result.delivery.occurred_at = event::<FailureEvent>("failure")?.delivery.occurred_at + at;
    result.files.clear();
    Ok(result)
}

pub(crate) async fn fail(world: &World, event: &FailureEvent) -> Result<Incident> {
    let answer = world.plugin.on_failure(event).await?;
    answer.map_err(|failure| anyhow::anyhow!("{failure:?}"))?.context("no incident")
}

/// What an incident holds.
pub(crate) fn field(world: &World, incident: &Ticket, name: &str) -> String {
    let records = world.servicenow.records("incident");
    let record = records.iter().find(|record| record.get("sys_id") == incident.id);
    record.map(|record| record.get(name).to_owned()).unwrap_or_default()
}

/// An open change request, to be linked.
async fn change(world: &World) -> Result<Ticket> {
    let request = event("build-requested")?;
    let gate = world.plugin.on_build_requested(&request).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    gate.change.context("no change request")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_build_reads_so() -> Result<()> {
    let world = World::start().await?;
    let change = change(&world).await?;
    let mut failed = failure("build-failed", FailedStep::Build, 0)?;
    failed.message = "the package mirror does not answer".into();
    failed.tests = None;
    failed.log_url = None;
    failed.build.source_revision = Some("9f2c1e7".into());
    failed.build.url = Some("https://factory.example/builds/4712".into());
    failed.environment = Some(Environment { name: "test-1".into(), tier: Tier::Test });
    failed.change = Some(change.clone());
    let incident = fail(&world, &failed).await?.ticket;

    assert_eq!(field(&world, &incident, "short_description"), "Image build failed: rhel-9-hardened 2026.11.2 (test-1)");
    assert_eq!(
        field(&world, &incident, "description"),
        format!(
            "the package mirror does not answer\n\n\
             Failed step: build\n\
             Build: build-4712, https://factory.example/builds/4712\n\
             Image: rhel-9-hardened 2026.11.2\n\
             Artifact: none yet\n\
             Source revision: 9f2c1e7\n\
             Environment: test-1 (test)\n\
             Change request: {}\n\n\
             Recommended next action: ask OpenFactory for the log, correct the image's recipe, and build it again. No \
             system has changed.",
            change.number
        )
    );
    let severity = ["impact", "urgency", "priority"].map(|name| field(&world, &incident, name));
    assert_eq!(severity, ["3", "3", "5"]);
    assert_eq!(field(&world, &incident, "rfc"), change.id);
    assert_eq!(field(&world, &incident, "caused_by"), "");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_verification_reads_so() -> Result<()> {
    let world = World::start().await?;
    let incident = fail(&world, &failure("verification-failed", FailedStep::Verification, 0)?).await?.ticket;
    assert_eq!(
        field(&world, &incident, "short_description"),
        "Image verification failed: rhel-9-hardened 2026.11.2 (prod-eu-1)"
    );
    assert_eq!(
        field(&world, &incident, "description"),
        "a required check failed: cis-benchmark\n\n\
         Failed step: verification\n\
         Build: build-4712\n\
         Image: rhel-9-hardened 2026.11.2\n\
         Artifact: none yet\n\
         Environment: prod-eu-1 (production)\n\
         Tests: 127 passed, 1 failed, 2 skipped\n  \
         Check: cis-benchmark (failed, required): 3 of 212 rules do not hold\n\
         Log: https://factory.example/logs/4712\n\n\
         Recommended next action: correct what fails in cis-benchmark, and build the image again. Do not deploy build-4712."
    );
    let severity = ["impact", "urgency", "priority"].map(|name| field(&world, &incident, name));
    assert_eq!(severity, ["2", "2", "3"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_deployment_reads_so_and_is_linked_to_its_change_and_its_system() -> Result<()> {
    let world = World::start().await?;
    let change = change(&world).await?;
    let mut deployed: DeployEvent = event("deploy-requested")?;
    deployed.phase = DeployPhase::Succeeded;
    let recorded = world.plugin.on_deploy(&deployed).await?.expect("an answer");
    let system = recorded.items.iter().find(|item| item.name == "web-01").and_then(|item| item.ticket.clone());

    let mut failed = failure("deployment-failed", FailedStep::Deployment, 0)?;
    failed.message = "web-01 did not come up within 10 minutes".into();
    failed.build = deployed.build.clone();
    failed.systems = deployed.systems[..1].to_vec();
    failed.tests = None;
    failed.change = Some(change.clone());
    let incident = fail(&world, &failed).await?.ticket;
    assert_eq!(
        field(&world, &incident, "short_description"),
        "Image deployment failed: rhel-9-hardened 2026.11.1 (prod-eu-1)"
    );
    assert_eq!(
        field(&world, &incident, "description"),
        format!(
            "web-01 did not come up within 10 minutes\n\n\
             Failed step: deployment\n\
             Build: build-4711\n\
             Image: rhel-9-hardened 2026.11.1\n\
             Artifact: sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\n\
             Environment: prod-eu-1 (production)\n\
             Systems: web-01 (virtual)\n\
             Change request: {}\n\
             Log: https://factory.example/logs/4712\n\n\
             Recommended next action: check the systems named above, read the log, and deploy the image again or roll \
             back to the one before.",
            change.number
        )
    );
    assert_eq!(field(&world, &incident, "caused_by"), change.id);
    assert_eq!(Some(field(&world, &incident, "cmdb_ci")), system.map(|system| system.id));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undelivered_event_reads_so_and_resolves_when_it_is_delivered() -> Result<()> {
    let world = World::start().await?;
    let mut failed = failure("given-up-1", FailedStep::Delivery, 0)?;
    failed.thing = Some("evt-build-4713-finished".into());
    failed.message =
        "the event evt-build-4713-finished was given up after 20 attempts: ServiceNow is not available".into();
    failed.tests = None;
    failed.log_url = None;
    let incident = fail(&world, &failed).await?.ticket;
    assert_eq!(
        field(&world, &incident, "short_description"),
        "ServiceNow was not told about an image: rhel-9-hardened 2026.11.2 (prod-eu-1)"
    );
    assert_eq!(
        field(&world, &incident, "description"),
        "the event evt-build-4713-finished was given up after 20 attempts: ServiceNow is not available\n\n\
         Failed step: delivery\n\
         Build: build-4712\n\
         Image: rhel-9-hardened 2026.11.2\n\
         Artifact: none yet\n\
         Environment: prod-eu-1 (production)\n\n\
         Recommended next action: look up why in OpenFactory's list of deliveries, and deliver the event again: records \
         in ServiceNow may lack what it said."
    );

    let mut late = success("evt-build-4713-finished", 0)?;
    late.delivery.given_up_at = Some(failed.delivery.occurred_at);
    let receipt = world.plugin.on_build_finished(&late).await?.expect("an answer");
    assert_eq!(receipt.unfinished, []);
    assert!(receipt.resolved.iter().any(|resolved| resolved.id == incident.id), "{:?}", receipt.resolved);
    assert_eq!(field(&world, &incident, "state"), "6");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_one_incident() -> Result<()> {
    const HOUR: u64 = 3_600_000;
    let world = World::start().await?;
    let step = || FailedStep::Verification;
    let notes = |incident: &Ticket| world.servicenow.journal(&incident.id, "work_notes");

    let first = fail(&world, &failure("f1", step(), 0)?).await?;
    assert_eq!(first.outcome, ItemOutcome::Created);
    let again = fail(&world, &failure("f1", step(), 0)?).await?;
    assert_eq!((again.ticket.id.clone(), again.outcome), (first.ticket.id.clone(), ItemOutcome::Unchanged));
    assert_eq!(notes(&first.ticket).len(), 1);

    let repeat = fail(&world, &failure("f2", step(), HOUR)?).await?;
    assert_eq!((repeat.ticket.id.clone(), repeat.outcome), (first.ticket.id.clone(), ItemOutcome::Updated));
    assert_eq!(notes(&first.ticket).len(), 2);

    let recovered = success("s1", 2 * HOUR)?;
    let receipt = world.plugin.on_build_finished(&recovered).await?.expect("an answer");
    assert_eq!(receipt.resolved.iter().map(|ticket| &ticket.id).collect::<Vec<_>>(), [&first.ticket.id]);
    let closing = ["state", "close_code", "close_notes"].map(|name| field(&world, &first.ticket, name));
    assert_eq!(closing, ["6", "Solution provided", "Build build-4711 succeeded."]);
    let receipt = world.plugin.on_build_finished(&recovered).await?.expect("an answer");
    assert_eq!(receipt.resolved.len(), 1, "a redelivery names it again");
    assert_eq!(notes(&first.ticket).len(), 3, "and adds nothing");

    let second = fail(&world, &failure("f3", step(), 3 * HOUR)?).await?;
    assert_eq!(second.outcome, ItemOutcome::Created);
    assert_ne!(second.ticket.id, first.ticket.id);
    assert_eq!(field(&world, &second.ticket, "parent"), first.ticket.id);
    assert!(
        field(&world, &second.ticket, "description").contains(&format!("Earlier incident: {}", first.ticket.number))
    );
    let stale = fail(&world, &failure("f1", step(), 0)?).await?;
    assert_eq!((stale.ticket.id, stale.outcome), (first.ticket.id, ItemOutcome::Unchanged), "it is known even now");
    assert_eq!(world.made("incident").len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolved_incident_is_reopened_where_the_settings_say_so() -> Result<()> {
    let world = World::builder().settings("[incident]\nreopen = true").start().await?;
    let first = fail(&world, &failure("f1", FailedStep::Verification, 0)?).await?;
    world.plugin.on_build_finished(&success("s1", 1000)?).await?.expect("an answer");
    assert_eq!(field(&world, &first.ticket, "state"), "6");
    let again = fail(&world, &failure("f2", FailedStep::Verification, 2000)?).await?;
    assert_eq!(again.ticket.id, first.ticket.id);
    assert_eq!(field(&world, &first.ticket, "state"), "2");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_works_resolves_what_its_failure_called_its_thing() -> Result<()> {
    let world = World::start().await?;
    let mut failed = failure("f1", FailedStep::Deployment, 0)?;
    failed.thing = Some("fleet/web".into());
    let incident = fail(&world, &failed).await?.ticket;
    let mut deployed: DeployEvent = event("deploy-requested")?;
    deployed.delivery.occurred_at = failed.delivery.occurred_at + 1000;
    deployed.phase = DeployPhase::Succeeded;
    deployed.labels.push(("thing".into(), "fleet/web".into()));
    let answer = world.plugin.on_deploy(&deployed).await?.expect("an answer");
    assert_eq!(answer.resolved.len(), 1, "{answer:?}");
    assert_eq!(field(&world, &incident, "state"), "6");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_out_of_order_neither_resolves_nor_opens() -> Result<()> {
    let world = World::start().await?;
    let newer = fail(&world, &failure("f2", FailedStep::Verification, 2000)?).await?;
    let receipt = world.plugin.on_build_finished(&success("s1", 1000)?).await?.expect("an answer");
    assert_eq!(receipt.resolved, []);
    assert_eq!(field(&world, &newer.ticket, "state"), "1");
    world.plugin.on_build_finished(&success("s3", 3000)?).await?.expect("an answer");
    let late = fail(&world, &failure("f2b", FailedStep::Verification, 2500)?).await?;
    assert_eq!(late.outcome, ItemOutcome::Skipped);
    assert_eq!(world.made("incident").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_with_first_failures_at_once_open_one_incident() -> Result<()> {
    let world = World::start().await?;
    let (one, other) = (failure("h1", FailedStep::Build, 0)?, failure("h2", FailedStep::Build, 0)?);
    let (one, other) = tokio::join!(fail(&world, &one), fail(&world, &other));
    assert_eq!(one?.ticket.id, other?.ticket.id);
    let incidents = world.made("incident");
    assert_eq!(incidents.len(), 1);
    let notes = world.servicenow.journal(incidents[0].get("sys_id"), "work_notes");
    assert_eq!(notes.len(), 2, "{notes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_gives_ids_of_its_own_keeps_one_incident_open() -> Result<()> {
    let world = World::builder()
        .instance(|instance| instance.properties(|set| set.admin_only_sys_fields = true))
        .start()
        .await?;
    let (one, other) = (failure("h1", FailedStep::Build, 0)?, failure("h2", FailedStep::Build, 0)?);
    let (first, second) = tokio::join!(fail(&world, &one), fail(&world, &other));
    first?;
    second?;
    // Whoever looks again settles what a race left.
    let (first, second) = (fail(&world, &one).await?, fail(&world, &other).await?);
    assert_eq!(first.ticket.id, second.ticket.id);
    let incidents = world.made("incident");
    let open: Vec<_> = incidents.iter().filter(|incident| incident.get("state") != "8").collect();
    assert_eq!(open.len(), 1, "one is not cancelled");
    let notes = world.servicenow.journal(open[0].get("sys_id"), "work_notes");
    assert_eq!(notes.len(), 2, "{notes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_switched_in_the_settings() -> Result<()> {
    let world = World::builder().settings("[incident]\nsteps = [\"deployment\"]").start().await?;
    for step in [FailedStep::Build, FailedStep::Verification, FailedStep::Delivery, FailedStep::Other("sign".into())] {
        let answer = world.plugin.on_failure(&failure("off", step, 0)?).await?;
        assert_eq!(answer, Ok(None));
    }
    assert!(world.plugin.on_failure(&failure("on", FailedStep::Deployment, 0)?).await?.expect("an answer").is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_of_a_failure_is_what_then_happens() -> Result<()> {
    let world = World::start().await?;
    let failed = failure("f1", FailedStep::Verification, 0)?;
    let planned = world.plugin.preview(&Event::Failed(failed.clone())).await?.expect("a preview");
    assert_eq!(world.made("incident").len(), 0, "a preview only reads");
    let [planned] = planned.as_slice() else { panic!("{planned:?}") };
    assert_eq!((planned.kind.as_str(), &planned.outcome), ("incident", &ItemOutcome::Created));
    let incident = fail(&world, &failed).await?.ticket;
    for field_planned in planned.fields.iter().filter(|planned| planned.name != "work_notes") {
        let held = field(&world, &incident, &field_planned.name);
        assert_eq!(Some(held), field_planned.value, "{}", field_planned.name);
    }
    let again = world.plugin.preview(&Event::Failed(failed)).await?.expect("a preview");
    assert_eq!(again[0].outcome, ItemOutcome::Unchanged);
    Ok(())
}
