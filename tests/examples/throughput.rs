//! How many events a second pass through the service, durably: HTTP in, outbox on disk, sandbox, HTTP to a ServiceNow in
//! this process; and what a fresh sandbox costs meanwhile, and with nothing else to do.
//! `cargo run --release -p tests --example throughput -- [EVENTS] [CALLS AT ONCE]`

use anyhow::{Context as _, Result, ensure};
use host_harness::delivery::{Limits, Outbox, Pacing, Sandboxed, SqliteStore, SystemClock, Witness};
use host_harness::grant::{Exchange, Observer, Usage};
use host_harness::service::{GRACE, Options, Service};
use itsm_contract::answers::Event;
use itsm_contract::events::FailureEvent;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tests::{World, event};
use tokio::task::JoinSet;

/// Events unless the first argument says otherwise.
const EVENTS: usize = 2_000;

/// Connections on which they come.
const CLIENTS: usize = 16;

/// Calls that ask nothing of ServiceNow, one after another, for what a sandbox costs by itself.
const QUIET_CALLS: usize = 1_000;

/// Remembers what each sandbox took until it stood.
struct Stopwatch {
    witness: Arc<Witness>,
    taken: Mutex<Vec<Duration>>,
}

impl Observer for Stopwatch {
    fn exchanged(&self, exchange: &Exchange) {
        self.witness.exchanged(exchange);
    }

    fn called(&self, _: &str, usage: &Usage) {
        if let Ok(mut taken) = self.taken.lock() {
            taken.push(usage.instantiation);
        }
    }
}

impl Stopwatch {
    /// The median and the 99th percentile of what was taken since the last time, in microseconds.
    fn read(&self) -> Result<(f64, f64)> {
        let mut taken = std::mem::take(&mut *self.taken.lock().map_err(|_| anyhow::anyhow!("a panic"))?);
        taken.sort();
        let at = |percent: usize| taken.get(taken.len() * percent / 100).context("no calls");
        let micros = |time: &Duration| time.as_secs_f64() * 1e6;
        Ok((micros(at(50)?), micros(at(99)?)))
    }
}

/// A failure of its own, which opens an incident of its own.
fn body(number: usize) -> Result<Vec<u8>> {
    let mut failure: FailureEvent = event("failure")?;
    failure.delivery.key = format!("evt-{number}");
    failure.build.id = format!("build-{number}");
    failure.thing = Some(format!("thing-{number}"));
    Ok(serde_json::to_vec(&Event::Failed(failure))?)
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().context("a number"));
    let events = arguments.next().transpose()?.unwrap_or(EVENTS);
    let mut limits = Limits::default();
    if let Some(calls) = arguments.next().transpose()? {
        limits.concurrency = calls;
    }
    let calls = limits.concurrency;
    let world = World::start().await?;
    let pacing = Pacing::new(&limits, Arc::new(SystemClock));
    let witness = Witness::new(pacing.clone());
    let stopwatch = Arc::new(Stopwatch { witness: witness.clone(), taken: Mutex::default() });
    let plugin = world.another("throughput", stopwatch.clone())?;
    for _ in 0..QUIET_CALLS {
        plugin.describe().await?;
    }
    let quiet = stopwatch.read()?;
    let hooks = Sandboxed::new(plugin, witness);
    let store = SqliteStore::open(&world.folder().join("throughput.db"))?;
    let outbox = Outbox::builder(store, hooks).limits(limits).pacing(pacing);
    let options = Options { listen: "127.0.0.1:0".parse()?, ..Options::default() };
    let service = Service::start(options, outbox).await?;
    let bodies = (0..events).map(body).collect::<Result<Vec<_>>>()?;
    let url = format!("http://{}/v1/events", service.address());
    let http = reqwest::Client::builder().build()?;

    let began = Instant::now();
    let mut clients = JoinSet::new();
    let mut parts: Vec<Vec<Vec<u8>>> = vec![Vec::new(); CLIENTS];
    for (number, body) in bodies.into_iter().enumerate() {
        parts[number % CLIENTS].push(body);
    }
    for part in parts {
        let (http, url) = (http.clone(), url.clone());
        clients.spawn(async move {
            for body in part {
                let sent = http.post(&url).header("content-type", "application/json").body(body).send().await?;
                ensure!(sent.status() == 202, "{}", sent.text().await?);
            }
            anyhow::Ok(())
        });
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    let accepted = began.elapsed();
    while service.outbox().depth().queued > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let delivered = began.elapsed();
    ensure!(world.made("incident").len() == events, "{} incidents", world.made("incident").len());
    let rate = |count: usize, time: Duration| count as f64 / time.as_secs_f64();
    let requests = world.asked().len();
    println!("{events} events, {calls} calls at once, {requests} requests to ServiceNow");
    println!("accepted   {:8.0} events a second", rate(events, accepted));
    println!(
        "delivered  {:8.0} events a second, {:.0} requests a second",
        rate(events, delivered),
        rate(requests, delivered)
    );
    for (when, (median, slowest)) in [("one at a time", quiet), ("under this load", stopwatch.read()?)] {
        println!("instantiated in {median:.1} µs, 99 of 100 within {slowest:.1} µs, {when}");
    }
    service.stop(GRACE).await;
    Ok(())
}
