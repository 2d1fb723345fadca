//! The host as a service, run as an operator runs it: `itsm-harness serve`.

use crate::harness;
use anyhow::{Context as _, Result, ensure};
use host_harness::guest;
use host_harness::servicenow::{Action, Fault};
use itsm_contract::answers::Event;
use itsm_contract::events::{BuildRequest, FailureEvent};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use tests::{Harness, Served, World, event};

/// Until what must happen has happened.
const LONGEST: Duration = Duration::from_secs(60);

fn serve() -> Harness {
    harness(["serve"])
}

fn request(key: &str) -> Result<Event> {
    let mut request: BuildRequest = event("build-requested")?;
    (request.delivery.key, request.build.id) = (key.into(), format!("build-of-{key}"));
    Ok(Event::BuildRequested(request))
}

fn failure(key: &str) -> Result<Event> {
    let mut failure: FailureEvent = event("failure")?;
    (failure.delivery.key, failure.build.id) = (key.into(), format!("build-of-{key}"));
    Ok(Event::Failed(failure))
}

/// Waits until it holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let holds = async {
        while !holds().await? {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    };
    tokio::time::timeout(LONGEST, holds).await.with_context(|| format!("it never came to: {what}"))?
}

async fn until_state(service: &Served, key: &str, state: &str) -> Result<Value> {
    until(&format!("{key} is {state}"), async || Ok(service.status(key).await?["state"] == state)).await?;
    service.status(key).await
}

fn incidents(world: &World, state: &str) -> Vec<String> {
    let incidents = world.made("incident").into_iter().filter(|incident| incident.get("state") == state);
    incidents.map(|incident| incident.get("short_description").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_told_to_stop_gives_back_what_is_under_way_and_the_next_one_delivers_it() -> Result<()> {
    let world = World::start().await?;
    let stall = world.servicenow.fault(Fault::on("/api/*").action(Action::Stall));
    let first = Served::start(world.serve(serve()).await?).await?;
    ensure!(first.send(&failure("a")?).await?);
    until("a request stalls", async || Ok(world.servicenow.picked(stall) > 0)).await?;
    ensure!(first.stop().await? == 0, "a stop in order is no failure");

    world.servicenow.clear_faults();
    let second = Served::start(world.serve(serve()).await?).await?;
    ensure!(second.ready["queued"] == 1, "{}", second.ready);
    let status = until_state(&second, "a", "done").await?;
    ensure!(status["attempts"] == 2, "{status}");
    ensure!(world.made("incident").len() == 1);

    let log = std::fs::read_to_string(world.service_log())?;
    let lines = log.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    let said = |message: &str| lines.iter().filter(|line| line["message"] == message).count();
    ensure!((said("listening"), said("stopped"), said("delivered")) == (2, 1, 1), "{log}");
    ensure!(lines.iter().any(|line| line["message"] == "delivered" && line["key"] == "a"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_the_environment_guards_the_service_and_nothing_listens_further_without_one() -> Result<()> {
    let world = World::start().await?;
    let guarded =
        world.serve(serve()).await?.args(["--token", "env:ITSM_TOKEN"]).env("ITSM_TOKEN", "correct-horse-battery");
    let service = Served::start(guarded).await?;
    let http = reqwest::Client::builder().build()?;
    let gates = format!("{}/v1/gates", service.url);
    ensure!(http.get(&gates).send().await?.status() == 401);
    ensure!(http.get(&gates).bearer_auth("correct-horse-battery").send().await?.status() == 200);
    ensure!(service.get("/healthz").await?["healthy"] == true);

    let settings = world.settings_file()?;
    for (args, words) in [
        (vec!["--listen", "0.0.0.0:0"], "--token env:VARIABLE"),
        (vec!["--listen", "0.0.0.0:0", "--token", "env:ITSM_NO_SUCH"], "`ITSM_NO_SUCH`, which is not set"),
        (vec!["--callback-origin", "factory.example"], "--callback-origin factory.example"),
        (vec![], "--credential servicenow=env:VARIABLE"),
        (vec!["--longest-wait", "soon"], "such as 30s"),
    ] {
        let run = harness(["serve", "--settings"]).arg(&settings).args(&args).run()?;
        ensure!(run.code == 2 && run.stderr.contains(words), "{args:?}: {run:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_service_does_not_take_an_outbox_that_is_in_use() -> Result<()> {
    let world = World::start().await?;
    let _first = Served::start(world.serve(serve()).await?).await?;
    let second = world.serve(serve()).await?;
    let run = tokio::task::spawn_blocking(|| second.run()).await??;
    let log = std::fs::read_to_string(world.service_log())?;
    ensure!(run.code == 3 && log.contains("is in use by another process"), "{run:?}: {log}");
    Ok(())
}

/// An event is given up while ServiceNow is away: it is told at once, becomes an incident when ServiceNow is back, and
/// that one is resolved when somebody has the event delivered after all.
async fn given_up(bound: [&str; 2], why: &str) -> Result<()> {
    let world = World::start().await?;
    let away = world.servicenow.fault(Fault::on("*").status(503));
    let service = Served::start(world.serve(serve()).await?.args(bound)).await?;
    ensure!(service.send(&request("a")?).await?);
    let status = until_state(&service, "a", "given-up").await?;
    ensure!(status["answer"]["failure"]["retry"]["problem"]["code"].is_string(), "{status}");
    let listed = service.get("/v1/events").await?;
    ensure!(listed["events"][0]["key"] == "a", "{listed}");
    let metrics = service.text("/metrics").await?;
    ensure!(
        metrics.contains("itsm_events_settled_total{hook=\"on-build-requested\",state=\"given-up\"} 1"),
        "{metrics}"
    );
    ensure!(std::fs::read_to_string(world.service_log())?.contains("\"message\":\"given up\""));
    ensure!(world.made("incident").is_empty());

    world.servicenow.remove_fault(away);
    until("an incident is open", async || Ok(incidents(&world, "1").len() == 1)).await?;
    let incident = world.made("incident").remove(0);
    let words = incident.get("description");
    ensure!(words.contains("the request for a build `a` was given up") && words.contains(why), "{words}");

    service.post("/v1/events/a/retry").await?;
    until_state(&service, "a", "waiting").await?;
    until("the incident is resolved", async || Ok(incidents(&world, "6").len() == 1)).await?;
    ensure!(world.made("incident").len() == 1 && world.made("change_request").len() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_last_attempt_an_event_becomes_an_incident_that_its_delivery_resolves() -> Result<()> {
    given_up(["--attempts", "2"], "after 2 attempts").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_grew_too_old_becomes_an_incident_that_its_delivery_resolves() -> Result<()> {
    given_up(["--age", "1s"], "attempts").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_delivered_before_it_is_told_that_it_was_not_leaves_no_incident_open() -> Result<()> {
    let world = World::start().await?;
    let away = world.servicenow.fault(Fault::on("*").status(503));
    let service = Served::start(world.serve(serve()).await?.args(["--age", "1s"])).await?;
    let keys = (0..6).map(|number| format!("evt-{number}")).collect::<Vec<_>>();
    for key in &keys {
        ensure!(service.send(&request(key)?).await?);
    }
    for key in &keys {
        until_state(&service, key, "given-up").await?;
    }
    // Both at once: each event by hand, and what tells of it by itself.
    world.servicenow.remove_fault(away);
    for key in &keys {
        service.post(&format!("/v1/events/{key}/retry")).await?;
    }
    for key in &keys {
        until_state(&service, key, "waiting").await?;
    }
    until("nothing is under way", async || Ok(service.get("/healthz").await?["queued"] == 0)).await?;
    let (open, resolved) = (incidents(&world, "1"), incidents(&world, "6"));
    println!("{} of {} were told before they were delivered", resolved.len(), keys.len());
    ensure!(open.is_empty(), "{open:?}");
    ensure!(world.made("change_request").len() == keys.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_that_died_had_begun_is_found_again_and_no_record_is_left_without_its_event() -> Result<()> {
    let world = World::builder().settings("[approval]\ninterval = \"1s\"\n").start().await?;
    let first = Served::start(world.serve(serve()).await?).await?;
    ensure!(first.send(&request("waits")?).await?);
    let waiting = until_state(&first, "waits", "waiting").await?;
    // Applied, and the host dies before it hears of it.
    let lost = world
        .servicenow
        .fault(Fault::on("/api/*").method("POST").times(2).reply_delayed(600_000).action(Action::Nothing));
    for event in [request("begun")?, failure("reported")?] {
        ensure!(first.send(&event).await?);
    }
    until("both are applied", async || Ok(world.servicenow.picked(lost) == 2)).await?;
    drop(first);
    world.servicenow.clear_faults();
    // While no host runs, somebody approves.
    let change = waiting["answer"]["change"]["id"].as_str().context("no change")?;
    world.person("beth.anglin")?.approve(change, "go").await?;

    let second = Served::start(world.serve(serve()).await?).await?;
    let (queued, gates) = (&second.ready["queued"], &second.ready["gates-waiting"]);
    ensure!((queued, gates) == (&Value::from(2), &Value::from(1)), "{}", second.ready);
    let passed = until_state(&second, "waits", "done").await?;
    ensure!(passed["answer"]["verdict"]["proceed"]["by-policy"] == false, "{passed}");
    let begun = until_state(&second, "begun", "waiting").await?;
    let reported = until_state(&second, "reported", "done").await?;
    let known: BTreeSet<&str> = [&passed["answer"]["change"]["id"], &begun["answer"]["change"]["id"]]
        .into_iter()
        .chain([&reported["answer"]["ticket"]["id"]])
        .filter_map(Value::as_str)
        .collect();
    let (changes, incidents) = (world.made("change_request"), world.made("incident"));
    let there: BTreeSet<&str> = changes.iter().chain(&incidents).map(|record| record.sys_id()).collect();
    ensure!(known == there && known.len() == 3, "told of {known:?}, there are {there:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_audit_log_cannot_be_written_is_not_healthy_until_it_can() -> Result<()> {
    let world = World::start().await?;
    let service = Served::start(world.serve(serve()).await?).await?;
    let log = world.folder().join("service-audit.jsonl");
    let whole = std::fs::read(&log)?;
    std::fs::write(&log, [&whole[..], b"{}\n"].concat())?;
    ensure!(service.send(&failure("a")?).await?);
    let health = async || -> Result<Value> {
        let reply = reqwest::get(format!("{}/healthz", service.url)).await?;
        Ok(serde_json::from_slice(&reply.bytes().await?)?)
    };
    until("it is not healthy", async || Ok(health().await?["healthy"] == false)).await?;
    let trouble = health().await?["trouble"].clone();
    assert_eq!(trouble, "the audit log is no longer what this host left: look at it with `audit verify`");
    std::fs::write(&log, &whole)?;
    until_state(&service, "a", "done").await?;
    assert_eq!(world.made("incident").len(), 1);
    ensure!(health().await?["healthy"] == true);
    Ok(())
}

/// The service of a world's instance, with an outbox and an audit log in another folder.
async fn serving(world: &World, folder: &Path, outbox: &str) -> Result<Harness> {
    let component = tokio::task::spawn_blocking(guest::stock_component).await?;
    let component = component.map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(serve()
        .args(["--json", "--listen", "127.0.0.1:0", "--log", "json", "--credential", &world.credential()])
        .args(["--component".as_ref(), component.as_os_str()])
        .args(["--settings".as_ref(), world.settings_file()?.as_os_str()])
        .args(["--outbox", outbox, "--audit", "audit.jsonl"])
        .within(folder))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_and_an_audit_log_are_one_services_and_an_outbox_one_instances() -> Result<()> {
    let (world, other) = (World::start().await?, World::start().await?);
    let folder = tempfile::tempdir()?;
    let run = async |harness: Harness| tokio::task::spawn_blocking(|| harness.run()).await?;
    let log = folder.path().join("service.log");
    let first = Served::start(serving(&world, folder.path(), "first.db").await?.log_to(&log)?).await?;

    // The log is the first service's, whatever the outbox.
    let second = run(serving(&world, folder.path(), "second.db").await?).await?;
    let said = "error: the audit log `audit.jsonl` is another service's: give each service a log of its own\n";
    assert_eq!((second.code, second.stderr.as_str()), (2, said));
    ensure!(first.stop().await? == 0);

    // The outbox is the first instance's, until that moves.
    let refused = run(serving(&other, folder.path(), "first.db").await?).await?;
    let said = format!(
        "error: the outbox first.db is that of {}, and the settings are for {}: give each instance an outbox of its own with \
         --outbox; where the instance has moved to this URL, start with --moved\n",
        world.servicenow.url(),
        other.servicenow.url()
    );
    assert_eq!((refused.code, refused.stderr.as_str()), (2, said.as_str()));
    let moved = serving(&other, folder.path(), "first.db").await?.args(["--moved"]).log_to(&log)?;
    let moved = Served::start(moved).await?;
    ensure!(moved.stop().await? == 0);
    Ok(())
}
