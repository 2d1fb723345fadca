//! Two hosts at once. Between any two requests of one host, another one does all of its work: whatever falls between a
//! look and the write that rests on it is played, one cell for each request.

use crate::told::{self, failed, tell};
use anyhow::{Context as _, Result, ensure};
use host_harness::servicenow::Fault;
use itsm_contract::answers::Event;
use itsm_contract::events::BuildResult;
use itsm_contract::types::Gate;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tests::{Nobody, World, event};

/// Milliseconds after which a held request goes on even if the other host has not come to its end.
const HELD: u64 = 20_000;

/// More requests than any event here takes.
const MANY: u64 = 60;

/// How two hosts meet.
struct Meeting {
    settings: &'static str,
    /// Whether the integration user may delete an entry of a journal.
    may_tidy: bool,
    /// Whether the instance gives records ids of its own.
    renames: bool,
    /// What one host was told before.
    before: Vec<Event>,
    /// Whether the build's change request is made and approved, and handed back.
    is_gated: bool,
    one: Event,
    other: Event,
}

impl Meeting {
    fn of(one: Event, other: Event) -> Self {
        Self { settings: "", may_tidy: true, renames: false, before: Vec::new(), is_gated: false, one, other }
    }

    fn after(self, before: Event) -> Self {
        Self { before: vec![before], ..self }
    }

    /// Plays it with each request of `one` held while the other host is told `other`; `check` looks at what is there in the
    /// end. Then each is told once more, and it must still be so.
    async fn play(&self, check: impl Fn(&World) -> Result<()>) -> Result<()> {
        for nth in 1..=MANY {
            let world = self.world().await?;
            let gate = if self.is_gated {
                Some(told::approved(&world, async || told::gate(&world).await).await?)
            } else {
                None
            };
            for event in &self.before {
                ensure!(tell(&world.plugin, event).await?.is_empty(), "{event:?} was not done");
            }
            let (one, other) = (with(&self.one, gate.as_ref()), with(&self.other, gate.as_ref()));
            let second = world.another("second", Arc::new(Nobody))?;
            let user = world.servicenow.account().user.clone();
            let fault = world.servicenow.fault(Fault::on("*").user(&user).nth(nth).times(1).only_delayed(HELD));
            let mut first = std::pin::pin!(tell(&world.plugin, &one));
            let is_held = tokio::select! {
                ended = &mut first => {
                    ended?;
                    false
                }
                () = until_held(&world, fault) => true,
            };
            if is_held {
                let (first, then) = tokio::join!(first, async {
                    let then = tell(&second, &other).await;
                    world.servicenow.remove_fault(fault);
                    then
                });
                drop((first?, then?));
            }
            world.servicenow.remove_fault(fault);
            for event in [&one, &other, &one] {
                let left = tell(&world.plugin, event).await?;
                ensure!(left.is_empty(), "request {nth} held: {left:?}");
            }
            check(&world).with_context(|| format!("request {nth} held"))?;
            if !is_held {
                ensure!(nth > 1, "nothing is sent");
                println!("{} cells", nth - 1);
                return Ok(());
            }
        }
        anyhow::bail!("more than {MANY} requests")
    }

    async fn world(&self) -> Result<World> {
        let builder = World::builder().settings(self.settings);
        let builder = match self.may_tidy {
            true => builder.instance(|instance| instance.integration(|user| user.roles(&["admin"]))),
            false => builder,
        };
        let renames = self.renames;
        builder.instance(|instance| instance.properties(|set| set.admin_only_sys_fields = renames)).start().await
    }
}

async fn until_held(world: &World, fault: host_harness::servicenow::FaultId) {
    while world.servicenow.picked(fault) == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn with(event: &Event, gate: Option<&Gate>) -> Event {
    match event.clone() {
        Event::BuildFinished(event) => Event::BuildFinished(BuildResult { gate: gate.cloned(), ..event }),
        event => event,
    }
}

fn passed(key: &str, later: u64) -> Result<Event> {
    told::passed(key, later, None)
}

fn deployed(version: &str, later: u64) -> Result<Event> {
    told::deployed(version, later, None).map(Event::Deploy)
}

/// The work notes of the one incident there must be, and its state.
fn incident(world: &World) -> Result<(Vec<String>, String)> {
    let incidents = world.made("incident");
    let [incident] = incidents.as_slice() else { anyhow::bail!("{} incidents", incidents.len()) };
    Ok((world.servicenow.journal(incident.sys_id(), "work_notes"), incident.get("state").to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_that_two_hosts_ask_for_has_one_change_request() -> Result<()> {
    for renames in [false, true] {
        let request = Event::BuildRequested(event("build-requested")?);
        let meeting = Meeting { renames, may_tidy: false, ..Meeting::of(request.clone(), request) };
        meeting
            .play(|world| {
                let changes = world.made("change_request");
                ensure!(renames || changes.len() == 1, "{} change requests", changes.len());
                let standing: Vec<_> = changes.iter().filter(|change| change.get("state") != "4").collect();
                ensure!(standing.len() == 1, "{} of {} are not cancelled", standing.len(), changes.len());
                Ok(())
            })
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_ids_are_not_kept_first_failures_leave_one_incident_that_is_not_cancelled() -> Result<()> {
    let meeting = Meeting { renames: true, may_tidy: false, ..Meeting::of(failed("f1", 0)?, failed("f2", 1000)?) };
    meeting
        .play(|world| {
            let incidents = world.made("incident");
            let standing: Vec<_> = incidents.iter().filter(|incident| incident.get("state") != "8").collect();
            let [standing] = standing.as_slice() else { anyhow::bail!("{} are not cancelled", standing.len()) };
            let notes = world.servicenow.journal(standing.sys_id(), "work_notes");
            ensure!(notes.len() == 2, "{notes:?}");
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_failure_that_two_hosts_tell_is_noted_once() -> Result<()> {
    let meeting = Meeting::of(failed("f2", 1000)?, failed("f2", 1000)?).after(failed("f1", 0)?);
    meeting.play(|world| noted(world, 2, "1")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_tidy_the_journal_leaves_two_notes_at_most_and_says_so() -> Result<()> {
    let meeting = Meeting::of(failed("f2", 1000)?, failed("f2", 1000)?).after(failed("f1", 0)?);
    let meeting = Meeting { may_tidy: false, ..meeting };
    meeting
        .play(|world| {
            let (notes, _) = incident(world)?;
            ensure!((2..=3).contains(&notes.len()), "{notes:?}");
            let audit = std::fs::read_to_string(world.audit())?;
            let other = std::fs::read_to_string(world.folder().join("audit-second.jsonl"))?;
            let is_told = audit.contains("note.doubled") || other.contains("note.doubled");
            ensure!(is_told == (notes.len() == 3), "{notes:?}, told: {is_told}");
            Ok(())
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_that_two_hosts_tell_is_noted_once() -> Result<()> {
    let meeting = Meeting::of(passed("s1", 1000)?, passed("s1", 1000)?).after(failed("f1", 0)?);
    meeting.play(|world| noted(world, 2, "6")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_first_failures_are_one_incident_with_a_note_of_each() -> Result<()> {
    Meeting::of(failed("f1", 0)?, failed("f2", 1000)?).play(|world| noted(world, 2, "1")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_after_a_success_keeps_its_incident_open_whoever_is_quicker() -> Result<()> {
    for (one, other) in [(passed("s1", 1000)?, failed("f2", 2000)?), (failed("f2", 2000)?, passed("s1", 1000)?)] {
        let meeting = Meeting::of(one, other).after(failed("f1", 0)?);
        meeting
            .play(|world| {
                // One incident, or a second after the first was resolved.
                let open: Vec<_> = world.made("incident").into_iter().filter(|one| one.get("state") != "6").collect();
                ensure!(open.len() == 1, "{} open", open.len());
                Ok(())
            })
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builds_evidence_that_two_hosts_keep_is_there_once() -> Result<()> {
    for settings in ["", "[evidence]\nplacement = \"both\""] {
        let meeting = Meeting { is_gated: true, settings, ..Meeting::of(passed("s1", 0)?, passed("s1", 0)?) };
        meeting
            .play(|world| {
                let files = world.servicenow.records("sys_attachment");
                let files: BTreeSet<String> = files.iter().map(|file| file.get("file_name").to_owned()).collect();
                let count = world.servicenow.records("sys_attachment").len();
                ensure!((files.len(), count) == (2, 2), "{count} attachments: {files:?}");
                let changes = world.made("change_request");
                let [change] = changes.as_slice() else { anyhow::bail!("{} changes", changes.len()) };
                let notes = world.servicenow.journal(change.sys_id(), "work_notes");
                let distinct: BTreeSet<&String> = notes.iter().collect();
                ensure!(distinct.len() == notes.len(), "{notes:?}");
                Ok(())
            })
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_two_hosts_tell_is_recorded_once() -> Result<()> {
    Meeting::of(deployed("1.1", 0)?, deployed("1.1", 0)?)
        .after(deployed("1.0", 0)?)
        .play(|world| related(world, "1.1"))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_deployments_the_newer_one_stands_whoever_is_quicker() -> Result<()> {
    for (one, other) in [("1.1", "1.2"), ("1.2", "1.1")] {
        let later = |version| if version == "1.2" { 9_000_000 } else { 3_000_000 };
        let meeting =
            Meeting::of(deployed(one, later(one))?, deployed(other, later(other))?).after(deployed("1.0", 0)?);
        meeting.play(|world| related(world, "1.2")).await?;
    }
    Ok(())
}

fn noted(world: &World, count: usize, state: &str) -> Result<()> {
    let (notes, found) = incident(world)?;
    ensure!(notes.len() == count, "{} notes: {notes:?}", notes.len());
    ensure!(found == state, "in state {found}");
    Ok(())
}

/// Each system has this version's image, and no other.
fn related(world: &World, version: &str) -> Result<()> {
    let images = world.servicenow.records("cmdb_ci_spkg");
    let relations = world.servicenow.records("cmdb_rel_ci");
    let of_ours = relations.iter().filter_map(|row| {
        let image = images.iter().find(|image| image.sys_id() == row.get("child"))?;
        image
            .get("correlation_id")
            .starts_with("openfactory/")
            .then(|| (row.get("parent").to_owned(), image.get("version").to_owned()))
    });
    let found: Vec<(String, String)> = of_ours.collect();
    ensure!(found.len() == 2 && found.iter().all(|(_, held)| held.starts_with(version)), "{found:?}");
    Ok(())
}
