//! Exactly one record for one event, however many hosts are told of it at once.

use anyhow::{Context as _, Result, ensure};
use host_harness::delivery::{Outbox, State, Status};
use itsm_contract::answers::Event;
use itsm_contract::events::BuildRequest;
use itsm_contract::types::Gate;
use std::time::Duration;
use tests::{World, eager, event};

/// Until an event must have come to its end.
const LONGEST: Duration = Duration::from_secs(60);

async fn deliver(outbox: &Outbox, event: Event) -> Result<String> {
    Ok(outbox.accept(event, None).await?.status().key.clone())
}

/// Waits until an event is settled or waits at its gate.
async fn stands(outbox: &Outbox, key: &str) -> Result<Status> {
    let stands = async {
        loop {
            let status = outbox.status(key).await?.context("the event is lost")?;
            if status.is_settled() || status.state == State::Waiting.name() {
                return anyhow::Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONGEST, stands).await.with_context(|| format!("{key} comes to no end"))?
}

async fn done(outbox: &Outbox, key: &str) -> Result<Status> {
    let status = outbox.wait(key, LONGEST).await?.context("the event is lost")?;
    ensure!(status.state == State::Done.name(), "{status:?}");
    Ok(status)
}

fn gate(status: &Status) -> Result<Gate> {
    let answer = status.answer.clone().context("no answer")?;
    let answer = answer.get("gate").cloned().unwrap_or(answer);
    Ok(serde_json::from_value(answer)?)
}

/// Two hosts, each with an outbox of its own, are given the same events at the same moment.
async fn two_hosts(keeps_ids: bool) -> Result<()> {
    let settings = "[approval]\ninterval = \"1s\"\n";
    let world = World::builder()
        .settings(settings)
        .instance(|instance| instance.properties(|properties| properties.admin_only_sys_fields = !keeps_ids))
        .start()
        .await?;
    let (first, second) = (world.outbox("first", eager()).await?, world.outbox("second", eager()).await?);
    for round in 0..5 {
        let mut request: BuildRequest = event("build-requested")?;
        request.delivery.key = format!("evt-{round}");
        request.build.id = format!("build-{round}");
        let given = || Event::BuildRequested(request.clone());
        let keys = tokio::try_join!(deliver(&first, given()), deliver(&second, given()))?;
        let (one, other) = tokio::try_join!(stands(&first, &keys.0), stands(&second, &keys.1))?;
        let mut changes = world.made("change_request");
        changes.retain(|change| change.get("state") != "4");
        ensure!(changes.len() == round + 1, "{} changes that are not cancelled after round {round}", changes.len());
        if keeps_ids {
            ensure!(world.made("change_request").len() == round + 1, "a change was made twice and cancelled");
        }
        let asked = changes.iter().find(|change| change.get("approval") == "requested").context("nobody is asked")?;
        world.person("beth.anglin")?.approve(asked.sys_id(), "go").await?;
        ensure!([one, other].iter().all(|status| status.state == State::Waiting.name()), "nobody has approved yet");
        let (one, other) = tokio::try_join!(done(&first, &keys.0), done(&second, &keys.1))?;
        ensure!(gate(&one)?.change.map(|change| change.id) == gate(&other)?.change.map(|change| change.id));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_that_are_told_of_one_build_at_once_make_one_change() -> Result<()> {
    two_hosts(true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_instance_gives_ids_of_its_own_one_change_of_two_hosts_is_not_cancelled() -> Result<()> {
    two_hosts(false).await
}
