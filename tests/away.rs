//! ServiceNow away for an hour while events go on arriving: all of them are delivered after it, in order.

use anyhow::{Result, ensure};
use host_harness::delivery::{Clock, Limits, ManualClock, SystemClock};
use host_harness::servicenow::Fault;
use itsm_contract::answers::Event;
use itsm_contract::events::FailureEvent;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tests::{World, event};

/// Events of that hour; 5,000 where `ITSM_TEST_FULL` is set.
const EVENTS: u32 = 150;

/// Builds that they come from.
const BUILDS: u32 = 40;

/// Attempts that the hour may see: a few until the circuit opens, then one for each of its pauses.
const ATTEMPTS: usize = 100;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_an_hour_without_servicenow_are_all_delivered_after_it_in_order_per_build() -> Result<()> {
    let events = if std::env::var_os("ITSM_TEST_FULL").is_some() { 5_000 } else { EVENTS };
    let world = World::start().await?;
    let clock = ManualClock::at(SystemClock.now());
    let outbox = world.outbox_by("host", Limits::default(), Arc::new(clock.clone())).await?;
    let away = world.servicenow.fault(Fault::on("*").status(503));
    for number in 0..events {
        let mut failure: FailureEvent = event("failure")?;
        failure.delivery.key = format!("evt-{number}");
        failure.build.id = format!("build-{}", number % BUILDS);
        failure.thing = Some(format!("thing-{number}"));
        failure.message = format!("{number}");
        outbox.accept(Event::Failed(failure), None).await?;
        clock.advance(HOUR / events);
        if number % 25 == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let attempts = world.asked().len();
    ensure!(attempts < ATTEMPTS, "{attempts} requests while ServiceNow was away");
    ensure!(world.made("incident").is_empty());
    world.servicenow.remove_fault(away);
    while outbox.depth().queued > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        // Time passes while nothing is under way, or days would go by during one request.
        let wake = clock.next_wake().filter(|_| outbox.depth().in_flight == 0);
        if let Some(at) = wake {
            clock.advance(Duration::from_millis(at.saturating_sub(clock.now())));
        }
    }
    // The instance numbers incidents in the order in which they are opened.
    let mut opened: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let mut incidents = world.made("incident");
    incidents.sort_by(|one, other| one.get("number").cmp(other.get("number")));
    for incident in &incidents {
        let number: u32 = incident
            .get("description")
            .lines()
            .find_map(|line| line.trim().parse().ok())
            .ok_or_else(|| anyhow::anyhow!("no number in {:?}", incident.get("description")))?;
        opened.entry(format!("build-{}", number % BUILDS)).or_default().push(number);
    }
    ensure!(incidents.len() == events as usize, "{} incidents for {events} events", incidents.len());
    for (build, numbers) in &opened {
        ensure!(numbers.is_sorted(), "{build} was delivered out of order: {numbers:?}");
    }
    println!("{events} events, {attempts} requests during the outage, {} after it", world.asked().len() - attempts);
    Ok(())
}
