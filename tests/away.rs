//! ServiceNow away for an hour while events go on arriving: all of them are delivered after it, in order, and no faster than
//! ServiceNow allows.

use anyhow::{Context as _, Result, ensure};
use host_harness::delivery::{Clock as _, Limits, ManualClock, SystemClock};
use host_harness::servicenow::{Clock, Fault, Record};
use itsm_contract::answers::Event;
use itsm_contract::events::FailureEvent;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tests::{World, event};

/// Events of that hour; 5,000 where `ITSM_TEST_FULL` is set.
const EVENTS: u32 = 150;

/// Requests that ServiceNow allows in an hour, for each event: a few hours' worth.
const ALLOWED: u32 = 1;

/// Builds that they come from.
const BUILDS: u32 = 40;

/// Attempts that the hour may see: a few until the circuit opens, then one for each of its pauses.
const ATTEMPTS: usize = 100;

const HOUR: Duration = Duration::from_secs(3600);

/// One time for the host and for ServiceNow.
struct Time {
    host: ManualClock,
    servicenow: Clock,
}

impl Time {
    fn advance(&self, by: Duration) -> Result<()> {
        // ServiceNow first: what it announces is what the host goes by.
        self.servicenow.advance(SignedDuration::try_from(by)?);
        self.host.advance(by);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_an_hour_without_servicenow_are_all_delivered_after_it_in_order_and_within_the_budget()
-> Result<()> {
    let events = if std::env::var_os("ITSM_TEST_FULL").is_some() { 5_000 } else { EVENTS };
    let limit = events * ALLOWED;
    let time = Time { host: ManualClock::at(SystemClock.now()), servicenow: Clock::default() };
    time.servicenow.freeze(Timestamp::from_millisecond(i64::try_from(time.host.now())?)?);
    let rule = Record::new("sys_rate_limit_rules").with("resource", "Table API").with("active", "true");
    let rule = rule.with("request_limit", limit.to_string());
    let clock = time.servicenow.clone();
    let world = World::builder().instance(|instance| instance.clock(clock).record(rule)).start().await?;
    let outbox = world.outbox_by("host", Limits::default(), Arc::new(time.host.clone())).await?;

    let away = world.servicenow.fault(Fault::on("*").status(503));
    for number in 0..events {
        let mut failure: FailureEvent = event("failure")?;
        failure.delivery.key = format!("evt-{number}");
        failure.build.id = format!("build-{}", number % BUILDS);
        failure.thing = Some(format!("thing-{number}"));
        failure.message = format!("{number}");
        outbox.accept(Event::Failed(failure), None).await?;
        time.advance(HOUR / events)?;
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
        let wake = time.host.next_wake().filter(|_| outbox.depth().in_flight == 0);
        if let Some(at) = wake {
            time.advance(Duration::from_millis(at.saturating_sub(time.host.now())))?;
        }
    }
    in_order(&world, events)?;
    let hours = hours(&world, limit)?;
    println!(
        "{events} events, {attempts} requests during the outage, then {hours:?} in the hours after, of {limit} allowed"
    );
    Ok(())
}

/// The instance numbers incidents in the order in which they are opened.
fn in_order(world: &World, events: u32) -> Result<()> {
    let mut opened: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    let mut incidents = world.made("incident");
    incidents.sort_by(|one, other| one.get("number").cmp(other.get("number")));
    for incident in &incidents {
        let words = incident.get("description");
        let number = words.lines().find_map(|line| line.trim().parse::<u32>().ok());
        let number = number.with_context(|| format!("no number in {words:?}"))?;
        opened.entry(format!("build-{}", number % BUILDS)).or_default().push(number);
    }
    ensure!(incidents.len() == events as usize, "{} incidents for {events} events", incidents.len());
    for (build, numbers) in &opened {
        ensure!(numbers.is_sorted(), "{build} was delivered out of order: {numbers:?}");
    }
    Ok(())
}

/// Requests in each hour that ServiceNow counts, as its own log has them: none refused, and of each hour no more than are
/// allowed.
fn hours(world: &World, limit: u32) -> Result<Vec<u32>> {
    let mut hours: BTreeMap<i64, u32> = BTreeMap::new();
    for seen in world.servicenow.requests().iter().filter(|seen| !seen.faulty) {
        ensure!(seen.status != 429, "{} {} was one too many", seen.method, seen.target);
        ensure!(seen.target.starts_with("/api/now/table/"), "{} is counted by no rule", seen.target);
        *hours.entry(seen.at.as_second().div_euclid(3600)).or_default() += 1;
    }
    ensure!(hours.len() > 2, "the budget was never used up: {hours:?}");
    for (hour, requests) in &hours {
        ensure!(*requests <= limit, "{requests} requests in hour {hour}, {limit} are allowed");
    }
    Ok(hours.into_values().collect())
}
