//! The service killed at random moments, while events arrive and requests go wrong: nothing lost, nothing doubled, and no
//! gate passed that nobody approved. `ITSM_TEST_KILLS` says how often, `ITSM_TEST_SEED` which moments.

use anyhow::{Context as _, Result, ensure};
use host_harness::servicenow::{Action, Fault};
use itsm_contract::answers::Event;
use itsm_contract::events::{BuildRequest, FailureEvent};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tests::{Served, World, event};

/// Kills of an ordinary run.
const KILLS: u32 = 12;

/// Events sent in each life of the service, at most.
const EVENTS_OF_A_LIFE: u32 = 4;

/// How long it lives, in milliseconds, from when it accepts events.
const LIFE: std::ops::Range<u64> = 1..250;

/// One in so many is killed before that, while it starts.
const STILLBORN: u32 = 8;

/// How long such a one lives, in milliseconds.
const START: std::ops::Range<u64> = 1..150;

/// Until a request that stalls is given up; an instance on this machine answers in a few milliseconds.
const REPLY_TIMEOUT: &str = "500ms";

/// Until everything must be settled after the last kill.
const LONGEST: Duration = Duration::from_secs(240);

fn number(name: &str, default: u32) -> Result<u32> {
    match std::env::var(name) {
        Ok(text) => text.parse().with_context(|| format!("{name} is no number")),
        Err(_) => Ok(default),
    }
}

fn events(life: u32) -> Result<Vec<(String, Event)>> {
    let mut events = Vec::new();
    for index in 0..EVENTS_OF_A_LIFE {
        let (key, build) = (format!("evt-{life}-{index}"), format!("build-{life}-{}", index / 2));
        events.push(if index % 2 == 0 {
            let mut request: BuildRequest = event("build-requested")?;
            (request.delivery.key, request.build.id) = (key.clone(), build);
            (key, Event::BuildRequested(request))
        } else {
            let mut failure: FailureEvent = event("failure")?;
            (failure.delivery.key, failure.build.id, failure.thing) = (key.clone(), build, Some(key.clone()));
            (key, Event::Failed(failure))
        });
    }
    Ok(events)
}

/// Approves some of what waits, never a change whose build is to wait for ever.
async fn approve(world: &World, random: &mut SmallRng) -> Result<()> {
    let person = world.person("beth.anglin")?;
    for change in world.made("change_request") {
        let may = approvable(change.sys_id());
        if may && change.get("approval") == "requested" && random.random_bool(0.5) {
            // Another node may be about to cancel its own approvals; the next life tries again.
            let _ = person.approve(change.sys_id(), "go").await;
        }
    }
    Ok(())
}

/// Half of them, by their ids.
fn approvable(sys_id: &str) -> bool {
    sys_id.bytes().last().is_some_and(|digit| digit % 2 == 0)
}

fn go_wrong(world: &World, seed: u64) {
    let user = world.servicenow.account().user.clone();
    let quota = Action::Status { status: 500, headers: BTreeMap::new(), body: String::new(), applied: true };
    let actions = [
        Action::ResetBefore,
        Action::ResetAfter,
        Action::Html,
        Action::TruncatedJson,
        Action::Cut { bytes: 400 },
        Action::TooManyRequests { retry_after: None },
        Action::Stall,
        quota,
    ];
    for (index, action) in actions.into_iter().enumerate() {
        let rule = Fault::on("*").user(&user).probability(0.02, seed + index as u64).action(action);
        world.servicenow.fault(rule);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_moment_the_service_loses_no_event_doubles_none_and_opens_no_gate() -> Result<()> {
    let (kills, seed) = (number("ITSM_TEST_KILLS", KILLS)?, u64::from(number("ITSM_TEST_SEED", 1)?));
    let mut random = SmallRng::seed_from_u64(seed);
    let world = World::builder().settings("[approval]\ninterval = \"1s\"\n").start().await?;
    let service = || world.serve(crate::harness(["serve", "--reply-timeout", REPLY_TIMEOUT]));
    go_wrong(&world, seed);

    let mut unaccepted: Vec<(String, Event)> = Vec::new();
    let mut keys: Vec<String> = Vec::new();
    for kill in 0..kills {
        if random.random_ratio(1, STILLBORN) {
            let starting = service().await?.spawn()?;
            tokio::time::sleep(Duration::from_millis(random.random_range(START))).await;
            drop(starting);
            continue;
        }
        let life = Served::start(service().await?).await?;
        unaccepted.extend(events(kill)?);
        let ends = std::pin::pin!(tokio::time::sleep(Duration::from_millis(random.random_range(LIFE))));
        let mut accepted = 0;
        let load = async {
            for (_, event) in &unaccepted {
                if !life.send(event).await? {
                    break;
                }
                accepted += 1;
            }
            anyhow::Ok(())
        };
        // What is on its way when the service dies may be stored or not: it is sent again.
        let mut ends = ends;
        tokio::select! {
            sent = load => {
                sent?;
                ends.await;
            }
            () = &mut ends => {}
        }
        drop(life);
        keys.extend(unaccepted.drain(..accepted).map(|(key, _)| key));
        approve(&world, &mut random).await?;
    }

    world.servicenow.clear_faults();
    let life = Served::start(service().await?).await?;
    for (key, event) in unaccepted {
        ensure!(life.send(&event).await?, "{key} was not accepted");
        keys.push(key);
    }
    let settled = async {
        loop {
            approve(&world, &mut random).await?;
            let mut open = 0;
            for key in &keys {
                let status = life.status(key).await?;
                open += usize::from(!is_final(&status));
            }
            if open == 0 {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LONGEST, settled).await.context("some events come to no end")??;

    let (mut passed, mut waiting) = (0, 0);
    for key in keys.iter().filter(|key| key.ends_with("-0") || key.ends_with("-2")) {
        let status = life.status(key).await?;
        let change = status["answer"]["change"]["id"].as_str().context("no change")?.to_owned();
        if status["state"] == "done" {
            ensure!(status["answer"]["verdict"]["proceed"]["by-policy"] == false, "{status}");
            ensure!(approvable(&change), "{key} passed its gate though nobody approved");
            passed += 1;
        } else {
            waiting += 1;
        }
    }
    let (changes, incidents) = (world.made("change_request").len(), world.made("incident").len());
    println!("seed {seed}: {kills} kills, {} events, {passed} gates passed, {waiting} wait", keys.len());
    ensure!(changes == keys.len() / 2, "{changes} changes for {} requests", keys.len() / 2);
    ensure!(incidents == keys.len() / 2, "{incidents} incidents for {} failures", keys.len() / 2);
    ensure!(passed > 0 && waiting > 0);
    for incident in world.made("incident") {
        let notes = world.servicenow.journal(incident.sys_id(), "work_notes");
        ensure!(notes.len() == 1, "{}: {notes:?}", incident.get("number"));
    }
    Ok(())
}

/// Done, or at a gate that nobody will open.
fn is_final(status: &Value) -> bool {
    match status["state"].as_str() {
        Some("done") => true,
        Some("waiting") => !status["answer"]["change"]["id"].as_str().is_some_and(approvable),
        _ => false,
    }
}
