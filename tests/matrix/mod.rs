//! Every hook, every request of its flow, every way in which a request goes wrong: afterwards the records are those of a
//! run without a fault, field by field.

mod fault;
mod flow;

use anyhow::{Context as _, Result, bail, ensure};
use fault::{Column, columns};
use flow::{Flow, Stage, flows};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tests::{Snapshot, World, eager};
use tokio::task::JoinSet;

/// Every so many cells one is run, unless `ITSM_TEST_FULL` is set. It shares no divisor with the number of columns, so
/// that each of them is run.
const SAMPLE: usize = 41;

/// Only the cells are run whose names hold this, all of them: to look at what went wrong.
const ONLY: &str = "ITSM_TEST_CELLS";

/// Cells at once: each waits most of the time.
const AT_ONCE: usize = 12;

/// A world whose host logs in by a token, and waits as long as this column has it.
async fn world(column: Option<&Column>) -> Result<World> {
    let settings = "[approval]\ninterval = \"1s\"\n";
    let world = World::builder().settings(settings).by_token();
    let world = world.limits(|limits| column.into_iter().for_each(|column| column.limits(limits)));
    world.start().await
}

/// A flow without a fault: what it leaves, and how many requests it made.
async fn undisturbed(flow: Flow) -> Result<(Snapshot, usize)> {
    let world = world(None).await?;
    let outbox = world.outbox("host", eager()).await?;
    let stage = Stage { world: &world, outbox: &outbox };
    flow.prepare(&stage).await?;
    let earlier = world.asked().len();
    flow.play(&stage).await?;
    Ok((Snapshot::of(&world), world.asked().len() - earlier))
}

/// One cell: whether the fault met a request, and how what is left differs.
async fn disturbed(flow: Flow, nth: usize, column: &Column, expected: &Snapshot) -> Result<(bool, Option<String>)> {
    let world = world(Some(column)).await?;
    let outbox = world.outbox("host", eager()).await?;
    let stage = Stage { world: &world, outbox: &outbox };
    flow.prepare(&stage).await?;
    let fault = column.arm(&world, nth);
    flow.play(&stage).await?;
    let was_met = world.servicenow.picked(fault) > 0;
    if was_met && column.is_late() {
        // Applied in the end: only then is it seen.
        while !world.servicenow.requests().iter().any(|seen| seen.faulty && seen.status == 0) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let left = Snapshot::of(&world);
    Ok((was_met, if column.is_late() { left.once().difference(&expected.once()) } else { left.difference(expected) }))
}

/// What came of the cells that have ended.
#[derive(Default)]
struct Tally {
    met: BTreeMap<&'static str, usize>,
    unmet: usize,
    wrong: Vec<String>,
}

type Cell = (String, &'static str, Result<(bool, Option<String>)>);

impl Tally {
    fn count(&mut self, (cell, column, outcome): Cell) {
        match outcome {
            Ok((true, difference)) => {
                *self.met.entry(column).or_default() += 1;
                self.wrong.extend(difference.map(|what| format!("{cell}:\n{what}")));
            }
            Ok((false, _)) => self.unmet += 1,
            Err(error) => self.wrong.push(format!("{cell}: {error:#}")),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_request_goes_wrong_and_however_the_records_are_those_of_an_undisturbed_run() -> Result<()> {
    let sample = if std::env::var_os("ITSM_TEST_FULL").is_some() { 1 } else { SAMPLE };
    let only = std::env::var(ONLY).ok();
    let columns = columns();
    let shares = |one: usize, other: usize| one.is_multiple_of(other) || other.is_multiple_of(one);
    ensure!(sample == 1 || !shares(sample, columns.len()), "some columns are never run");
    let (mut cells, mut ran, mut tally, mut running) = (0, 0, Tally::default(), JoinSet::<Cell>::new());
    for flow in flows() {
        let (expected, requests) = undisturbed(flow).await.with_context(|| format!("{flow:?} without a fault"))?;
        ensure!(requests > 0, "{flow:?} asks nothing");
        let again = undisturbed(flow).await?.0;
        ensure!(again == expected, "{flow:?} differs by itself:\n{}", again.difference(&expected).unwrap_or_default());
        println!("{flow:?}: {requests} requests");
        let expected = Arc::new(expected);
        for nth in 1..=requests {
            for column in &columns {
                cells += 1;
                let name = format!("{flow:?}, request {nth}, {}", column.name);
                let is_run = only.as_ref().map_or(cells % sample == 0, |only| name.contains(only));
                if !is_run {
                    continue;
                }
                ran += 1;
                let (expected, column) = (expected.clone(), column.clone());
                running.spawn(async move {
                    let outcome = disturbed(flow, nth, &column, &expected).await;
                    (name, column.name, outcome)
                });
                while running.len() >= AT_ONCE {
                    tally.count(running.join_next().await.context("no cell runs")??);
                }
            }
        }
    }
    while let Some(ended) = running.join_next().await {
        tally.count(ended?);
    }
    let met: usize = tally.met.values().sum();
    println!("{ran} of {cells} cells ran; in {met} the fault was met, in {} the request never came", tally.unmet);
    for (column, met) in &tally.met {
        println!("  {met:4}  {column}");
    }
    if !tally.wrong.is_empty() {
        bail!("{} of {ran} cells differ:\n{}", tally.wrong.len(), tally.wrong.join("\n\n"));
    }
    ensure!(met * 10 >= ran * 8, "the faults met {met} of {ran} cells");
    Ok(())
}
