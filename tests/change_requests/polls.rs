//! Many gates that wait, in one look through the sandbox.

use super::CHANGES_ALONE;
use super::work::{Work, now, request};
use anyhow::{Context as _, Result, ensure};
use host_harness::grant::{Observer, Usage};
use host_harness::runtime::Plugin;
use host_harness::servicenow::Fault;
use itsm_contract::answers::{Review, Waiting};
use itsm_contract::types::{Failure, Gate, Ticket, Verdict};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tests::World;

/// What each call used up.
#[derive(Default)]
struct Used(Mutex<Vec<Usage>>);

impl Observer for Used {
    fn called(&self, _hook: &str, usage: &Usage) {
        self.0.lock().unwrap().push(*usage);
    }
}

/// Builds whose changes wait for the CAB, with a first look at all of them behind them.
struct Crowd {
    world: World,
    plugin: Plugin,
    used: Arc<Used>,
    waiting: Vec<Waiting>,
    cursor: Option<String>,
    /// Requests seen before the present look.
    earlier: usize,
}

impl Crowd {
    async fn of(count: usize) -> Result<Self> {
        let world = World::builder().settings(CHANGES_ALONE).start().await?;
        // They were made and submitted two hours ago, as the first one is now.
        let like = Work::ask(&world, &request("one of many")?).await?;
        let change = like.record()?;
        let asked = world.servicenow.records("sysapproval_approver");
        let asked: Vec<_> = asked.into_iter().filter(|row| row.get("sysapproval") == change.sys_id()).collect();
        ensure!(asked.len() > 1, "too few are asked");
        let board = world.servicenow.records("sysapproval_group").pop().context("no group is asked")?;
        let clock = world.servicenow.clock();
        clock.advance(jiff::SignedDuration::from_hours(-2));
        let mut waiting = Vec::with_capacity(count);
        for number in 0..count {
            let (id, key) = (format!("{number:032x}"), format!("openfactory/build-change/{number:032x}"));
            let made = change.clone().with("sys_id", &*id).with("number", format!("CHG{number:07}"));
            world.servicenow.put_record(made.with("correlation_id", &*key));
            for (row, approver) in asked.iter().enumerate() {
                let row = approver.clone().with("sys_id", format!("{row:x}{number:031x}")).with("sysapproval", &*id);
                let group = format!("c{number:031x}");
                world
                    .servicenow
                    .put_record(row.with("document_id", &*id).with("group", group).with("wf_activity", &*id));
            }
            let board = board.clone().with("sys_id", format!("c{number:031x}"));
            world.servicenow.put_record(board.with("parent", &*id).with("number", ""));
            waiting.push(Waiting { last: gate(&like.waiting.last, &id, number, key)?, since: now()? });
        }
        clock.reset();
        like.edit(json!({"work_notes": "the newest of all"})).await?;
        let used = Arc::new(Used::default());
        let plugin = world.another("crowd", used.clone())?;
        let mut crowd = Self { world, plugin, used, waiting, cursor: None, earlier: 0 };
        // One look judges some of them, the next ones the rest.
        let mut told = 0;
        while told < count {
            told += crowd.look().await?.len();
            ensure!(!crowd.asked().is_empty(), "{told} of {count} gates were read");
            crowd.tell("a first look");
        }
        ensure!(told == count, "{told} gates were told, and {count} wait");
        Ok(crowd)
    }

    async fn look(&mut self) -> Result<Vec<String>> {
        self.earlier = self.world.asked().len();
        let answer = self.plugin.check(&self.waiting, self.cursor.as_deref()).await?;
        let Review { moved, cursor } = answer.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        self.cursor = Some(cursor);
        let places: BTreeMap<String, usize> =
            self.waiting.iter().enumerate().map(|(at, work)| (id(&work.last), at)).collect();
        let mut told = Vec::new();
        for reviewed in moved {
            let gate = reviewed.answer.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
            self.waiting[places[&reviewed.change]].last = gate;
            told.push(reviewed.change);
        }
        Ok(told)
    }

    /// What the last look asked for.
    fn asked(&self) -> Vec<String> {
        self.world.asked().split_off(self.earlier)
    }

    fn tell(&self, what: &str) {
        let used = self.used.0.lock().unwrap().last().copied().unwrap_or_default();
        println!(
            "{} waiting gates, {what}: {} requests, {:?}, {} M units of fuel, {} MiB",
            self.waiting.len(),
            used.exchanges,
            used.took,
            used.fuel / 1_000_000,
            used.memory >> 20
        );
    }
}

fn id(gate: &Gate) -> String {
    gate.change.as_ref().map(|ticket| ticket.id.clone()).unwrap_or_default()
}

fn gate(like: &Gate, id: &str, number: usize, key: String) -> Result<Gate> {
    let ticket = like.change.clone().context("no change request")?;
    let ticket = Ticket { id: id.into(), number: format!("CHG{number:07}"), key: Some(key), ..ticket };
    Ok(Gate { change: Some(ticket), ..like.clone() })
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_waiting_gates_cost_one_request_and_two_when_some_have_moved() -> Result<()> {
    let mut crowd = Crowd::of(10_000).await?;
    for _ in 0..3 {
        assert_eq!(crowd.look().await?, [""; 0]);
        assert_eq!(crowd.asked(), ["GET /api/now/table/change_request"]);
        crowd.tell("none moved");
    }

    let beth = crowd.world.person("beth.anglin")?;
    let approved: BTreeSet<String> = (0..137).map(|number| format!("{:032x}", number * 7)).collect();
    for id in &approved {
        beth.approve(id, "go").await?;
    }
    let told = crowd.look().await?;
    crowd.tell("137 moved");
    assert_eq!(crowd.asked(), ["GET /api/now/table/change_request", "POST /api/now/v1/batch"]);
    assert_eq!((told.len(), told.into_iter().collect::<BTreeSet<_>>()), (137, approved.clone()));
    for work in &crowd.waiting {
        let proceeds = matches!(&work.last.verdict, Verdict::Proceed(clearance) if !clearance.by_policy);
        assert_eq!(proceeds, approved.contains(&id(&work.last)), "{:?}", work.last);
    }

    assert_eq!(crowd.look().await?, [""; 0], "none is told twice");
    assert_eq!(crowd.asked(), ["GET /api/now/table/change_request"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_notices_a_change_that_was_deleted_and_one_that_was_hidden_each_failing_alone() -> Result<()> {
    let settings = format!("{CHANGES_ALONE}[approval]\nsweep = \"1ms\"");
    // Few are read by id in any case, more than that by what changed.
    for count in [3, 12] {
        let world = World::builder().settings(&settings).start().await?;
        let mut waiting = Vec::new();
        for number in 0..count {
            let work = Work::ask(&world, &request(&format!("swept {number}"))?).await?;
            waiting.push(work.waiting);
        }
        let cursor = read(&world, &mut waiting, None).await?.1;
        let (deleted, hidden) = (id(&waiting[0].last), id(&waiting[1].last));
        ensure!(world.servicenow.remove_record("change_request", &deleted), "it was there");
        world.servicenow.fault(Fault::on("*").hide_rows("change_request", &format!("sys_id={hidden}")));
        let failed = read(&world, &mut waiting, Some(&cursor)).await?.0;
        assert_eq!(failed, BTreeSet::from([deleted, hidden]), "of {count}");
        for work in &waiting[2..] {
            assert!(matches!(work.last.verdict, Verdict::Pause(_)));
        }
    }
    Ok(())
}

/// One look; those that cannot be read, and the cursor.
async fn read(world: &World, waiting: &mut [Waiting], cursor: Option<&str>) -> Result<(BTreeSet<String>, String)> {
    let answer = world.plugin.check(waiting, cursor).await?;
    let Review { moved, cursor } = answer.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let mut failed = BTreeSet::new();
    for reviewed in moved {
        match reviewed.answer {
            Ok(gate) => {
                let work = waiting.iter_mut().find(|work| id(&work.last) == reviewed.change);
                work.context("nobody waits for it")?.last = gate;
            }
            Err(Failure::Refused(problem)) if problem.code == "servicenow.record-not-found" => {
                failed.insert(reviewed.change);
            }
            Err(failure) => anyhow::bail!("{failure:?}"),
        }
    }
    Ok((failed, cursor))
}
