//! Change requests and their gates, end to end: the plugin in its sandbox, ServiceNow over real HTTP.

use anyhow::{Context as _, Result};
use host_harness::servicenow::{Fault, Record};
use itsm_contract::answers::{Review, Waiting};
use itsm_contract::events::{BuildRequest, DeployEvent, DeployPhase};
use itsm_contract::types::{Gate, Schedule, Ticket, Timestamp, Verdict, Window};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use tests::{World, event};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

fn now() -> Result<Timestamp> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}

/// As ServiceNow writes it.
fn text(time: Timestamp) -> Result<String> {
    let text = itsm_contract::json::time::text(time / 1000 * 1000).context("no such time")?;
    Ok(text.replace('T', " ").replace('Z', ""))
}

/// A build that asks to start now.
fn request(key: &str) -> Result<BuildRequest> {
    let mut request: BuildRequest = event("build-requested")?;
    request.delivery.key = key.into();
    request.delivery.occurred_at = now()?;
    request.systems.clear();
    Ok(request)
}

/// One piece of work at its gate.
struct Work<'w> {
    world: &'w World,
    waiting: Waiting,
    cursor: Option<String>,
}

impl<'w> Work<'w> {
    async fn ask(world: &'w World, request: &BuildRequest) -> Result<Self> {
        let last = world.plugin.on_build_requested(request).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        Ok(Self { world, waiting: Waiting { last, since: request.delivery.occurred_at }, cursor: None })
    }

    fn change(&self) -> Result<&Ticket> {
        self.waiting.last.change.as_ref().context("no change request")
    }

    fn record(&self) -> Result<Record> {
        let id = &self.change()?.id;
        let records = self.world.servicenow.records("change_request");
        records.into_iter().find(|record| record.get("sys_id") == *id).context("no record")
    }

    /// What the gate says now.
    async fn look(&mut self) -> Result<&Verdict> {
        let answer = self.world.plugin.check(std::slice::from_ref(&self.waiting), self.cursor.as_deref()).await?;
        let Review { mut moved, cursor } = answer.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        self.cursor = Some(cursor);
        if let Some(reviewed) = moved.pop() {
            self.waiting.last = reviewed.answer.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
        }
        Ok(&self.waiting.last.verdict)
    }

    async fn approve(&self) -> Result<()> {
        self.world.person("beth.anglin")?.approve(&self.change()?.id, "go").await
    }

    async fn edit(&self, fields: Value) -> Result<()> {
        self.world.person("david.loo")?.update("change_request", &self.change()?.id, fields).await?;
        Ok(())
    }
}

fn waits_for(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Pause(pause) => pause.waiting_for.join("; "),
        other => format!("no pause: {other:?}"),
    }
}

fn proceeds(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Proceed(clearance) if !clearance.by_policy)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_goes_its_own_way_to_a_closed_change() -> Result<()> {
    let types = [
        ("normal", "type = \"normal\""),
        ("emergency", "type = \"emergency\""),
        ("standard", "type = \"standard\"\ntemplate = \"Publish golden image\""),
    ];
    for (kind, settings) in types {
        let settings = format!("[change]\n{settings}\n[workflows]\ncmdb = false\nincidents = false\nevidence = false");
        let world = World::builder().settings(&settings).start().await?;
        let mut work = Work::ask(&world, &request(kind)?).await?;
        if kind == "standard" {
            assert!(proceeds(&work.waiting.last.verdict), "{:?}", work.waiting.last);
        } else {
            let waits = waits_for(work.look().await?);
            assert!(waits.contains("approval by CAB Approval (") && waits.contains("Beth Anglin"), "{kind}: {waits}");
            work.approve().await?;
            assert!(proceeds(work.look().await?), "{kind}: {:?}", work.waiting.last);
        }
        assert_eq!(work.record()?.get("type"), kind);
        for phase in [DeployPhase::Requested, DeployPhase::Started, DeployPhase::Succeeded] {
            let answer = deploy(&world, phase, &work.waiting.last).await?;
            assert_eq!(answer.unfinished, [], "{kind}");
        }
        let record = work.record()?;
        assert_eq!((record.get("state"), record.get("close_code")), ("3", "successful"), "{kind}");
    }
    Ok(())
}

async fn deploy(world: &World, phase: DeployPhase, gate: &Gate) -> Result<itsm_contract::answers::Deployment> {
    let mut event: DeployEvent = event("deploy-requested")?;
    event.delivery.key = format!("deploy-{phase:?}");
    event.delivery.occurred_at = now()?;
    event.phase = phase;
    event.gate = Some(gate.clone());
    world.plugin.on_deploy(&event).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejection_gives_up_with_the_approvers_name_and_comment() -> Result<()> {
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("rejected")?).await?;
    world.person("beth.anglin")?.reject(&work.change()?.id, "not during the freeze").await?;
    let number = work.change()?.number.clone();
    let expected = Verdict::Cancel(format!("{number} was rejected by Beth Anglin: not during the freeze"));
    assert_eq!(*work.look().await?, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_cancelled_by_hand_ends_the_work() -> Result<()> {
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("cancelled")?).await?;
    work.edit(json!({"state": "4", "work_notes": "not needed"})).await?;
    let number = work.change()?.number.clone();
    assert_eq!(*work.look().await?, Verdict::Cancel(format!("{number} was cancelled in ServiceNow")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_pauses_approved_work_until_it_is_released() -> Result<()> {
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("held")?).await?;
    work.approve().await?;
    work.edit(json!({"on_hold": "true", "on_hold_reason": "the data centre moves"})).await?;
    let waits = waits_for(work.look().await?);
    assert!(waits.contains("is on hold: the data centre moves"), "{waits}");
    work.edit(json!({"on_hold": "false"})).await?;
    assert!(proceeds(work.look().await?), "{:?}", work.waiting.last);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_after_the_approval_stops_the_deployment() -> Result<()> {
    let world = World::start().await?;
    let mut work = Work::ask(&world, &request("edited")?).await?;
    work.approve().await?;
    assert!(proceeds(work.look().await?));
    let gate = deploy(&world, DeployPhase::Requested, &work.waiting.last).await?.gate.context("no gate")?;
    assert!(proceeds(&gate.verdict), "{gate:?}");
    let (start, end) = (text(now()? - HOUR)?, text(now()? + HOUR)?);
    work.edit(json!({"start_date": start, "end_date": end})).await?;
    let gate = deploy(&world, DeployPhase::Requested, &work.waiting.last).await?.gate.context("no gate")?;
    let waits = waits_for(&gate.verdict);
    assert!(waits.starts_with("approval again: since it was given, somebody edited the planned window; "), "{waits}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_answers_in_time_the_policy_decides() -> Result<()> {
    for (policy, state) in [("pause", "-3"), ("cancel", "4"), ("proceed", "-3")] {
        let settings = format!("[approval]\ntimeout = \"2h\"\non-timeout = \"{policy}\"");
        let world = World::builder().settings(&settings).start().await?;
        let mut late = request("late")?;
        late.delivery.occurred_at -= 3 * HOUR;
        let mut work = Work::ask(&world, &late).await?;
        let verdict = work.look().await?.clone();
        match policy {
            "pause" => assert!(waits_for(&verdict).ends_with("the time to answer is over"), "{verdict:?}"),
            "cancel" => assert!(matches!(verdict, Verdict::Cancel(_)), "{verdict:?}"),
            _ => assert!(matches!(&verdict, Verdict::Proceed(clearance) if clearance.by_policy), "{verdict:?}"),
        }
        assert_eq!(work.record()?.get("state"), state, "{policy}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn approved_work_waits_for_its_window_and_goes_on_when_it_opens() -> Result<()> {
    let world = World::start().await?;
    let mut planned = request("planned")?;
    let start = now()? + 4000;
    planned.schedule = Some(Schedule::Window(Window { start, end: start + HOUR }));
    let mut work = Work::ask(&world, &planned).await?;
    work.approve().await?;
    let waits = waits_for(work.look().await?);
    assert!(waits.starts_with("the planned start at ") || now()? >= start, "{waits}");
    while !proceeds(work.look().await?) {
        assert!(now()? < start + MINUTE, "the window is open: {:?}", work.waiting.last);
    }
    assert!(now()? >= start / 1000 * 1000);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_free_slot_is_found_for_what_the_change_affects() -> Result<()> {
    let item = Record::new("cmdb_ci_server").with("name", "web-01").with("sys_class_name", "cmdb_ci_server");
    let world = World::builder().instance(|instance| instance.record(item)).start().await?;
    let mut wanted = request("slot")?;
    wanted.systems = event::<BuildRequest>("build-requested")?.systems;
    wanted.schedule = Some(Schedule::FirstFree(HOUR));
    let mut work = Work::ask(&world, &wanted).await?;
    while work.record()?.get("state") == "-5" {
        work.look().await?;
    }
    let record = work.record()?;
    assert!(!record.get("start_date").is_empty() && !record.get("end_date").is_empty());
    assert_eq!(world.servicenow.records("task_ci").len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_costs_ten_requests_and_a_token_on_one_connection() -> Result<()> {
    let world =
        World::builder().settings("[workflows]\ncmdb = false\nincidents = false\nevidence = false").start().await?;
    let mut work = Work::ask(&world, &request("counted")?).await?;
    assert!(waits_for(work.look().await?).contains("approval by CAB Approval"));
    work.approve().await?;
    assert!(proceeds(work.look().await?));
    for phase in [DeployPhase::Started, DeployPhase::Succeeded] {
        assert_eq!(deploy(&world, phase, &work.waiting.last).await?.unfinished, []);
    }
    assert_eq!(work.record()?.get("state"), "3");
    let asked = world.asked();
    // One to look the group up, and none for a token: with OAuth there is one more.
    assert_eq!(asked.len(), 10, "{asked:#?}");
    let user = &world.servicenow.account().user;
    let requests = world.servicenow.requests();
    let first = requests.iter().find(|seen| seen.user.as_ref() == Some(user)).context("no request")?.connection;
    assert!(requests.iter().filter(|seen| seen.user.as_ref() == Some(user)).all(|seen| seen.connection == first));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_with_the_same_event_at_the_same_moment_leave_one_change_that_counts() -> Result<()> {
    for keeps_sys_ids in [true, false] {
        let world = World::builder()
            .instance(|instance| instance.properties(|switches| switches.admin_only_sys_fields = !keeps_sys_ids))
            .start()
            .await?;
        let request = request("twice")?;
        let (first, second) = tokio::join!(Work::ask(&world, &request), Work::ask(&world, &request));
        let mut works = [first?, second?];
        for work in &mut works {
            work.look().await?;
        }
        let made = world.made("change_request");
        let open: Vec<_> = made.iter().filter(|record| record.get("state") != "4").collect();
        assert_eq!(open.len(), 1, "keeps sys_ids: {keeps_sys_ids}: {made:#?}");
        assert!(!keeps_sys_ids || made.len() == 1);
        for work in &works {
            assert_eq!(work.change()?.id, open[0].get("sys_id"), "keeps sys_ids: {keeps_sys_ids}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_request_leaves_the_same_change_as_none_once_the_event_comes_again() -> Result<()> {
    for keeps_sys_ids in [true, false] {
        for nth in 1..=3 {
            for is_applied in [false, true] {
                let world = World::builder()
                    .instance(|instance| {
                        instance.properties(|switches| switches.admin_only_sys_fields = !keeps_sys_ids)
                    })
                    .start()
                    .await?;
                let fault = Fault::on("/api/*").user("svc.imagefactory").nth(nth);
                let fault = if is_applied { fault.reset_after() } else { fault.reset_before() };
                let fault = world.servicenow.fault(fault);
                let mut request = request("lost")?;
                let first = world.plugin.on_build_requested(&request).await?;
                request.delivery.attempt += u32::from(first.is_err());
                let mut work = Work::ask(&world, &request).await?;
                work.look().await?;
                let label = format!("keeps sys_ids: {keeps_sys_ids}, request {nth}, applied: {is_applied}");
                assert_eq!(world.servicenow.picked(fault), 1, "{label}");
                let made = world.made("change_request");
                assert_eq!(made.len(), 1, "{label}");
                assert_eq!((made[0].get("state"), made[0].get("approval")), ("-3", "requested"), "{label}");
                assert!(waits_for(&work.waiting.last.verdict).contains("approval by CAB Approval"), "{label}");
            }
        }
    }
    Ok(())
}
