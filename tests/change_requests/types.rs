//! Normal, emergency and standard changes from the first event to the last, and what that costs.

use super::CHANGES_ALONE;
use super::work::{Work, deploy, proceeds, request, waits_for};
use anyhow::Result;
use itsm_contract::events::DeployPhase;
use itsm_contract::types::Failure;
use std::collections::BTreeSet;
use tests::World;

#[tokio::test(flavor = "multi_thread")]
async fn each_type_goes_its_own_way_to_a_closed_change() -> Result<()> {
    let types = [
        ("normal", "type = \"normal\""),
        ("emergency", "type = \"emergency\""),
        ("standard", "type = \"standard\"\ntemplate = \"Publish golden image\""),
    ];
    for (kind, settings) in types {
        let settings = format!("{CHANGES_ALONE}[change]\n{settings}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_change_costs_ten_requests_and_a_token_on_one_connection() -> Result<()> {
    // On a busy machine a connection may be given back a moment too late, and a second one made.
    for _ in 0..5 {
        if counted().await? == 1 {
            return Ok(());
        }
    }
    anyhow::bail!("a change never kept to one connection")
}

/// A change from its request to its end, its requests counted. Tells how many connections they took.
async fn counted() -> Result<usize> {
    let world = World::builder().settings(CHANGES_ALONE).start().await?;
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
    let ours = requests.iter().filter(|seen| seen.user.as_ref() == Some(user));
    Ok(ours.map(|seen| seen.connection).collect::<BTreeSet<_>>().len())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_transition_is_explained_by_the_conditions_that_do_not_hold() -> Result<()> {
    let world = World::builder()
        .settings("[change]\ntype = \"standard\"\ntemplate = \"Publish golden image\"")
        .instance(|instance| instance.properties(|properties| properties.planned_dates_required = true))
        .start()
        .await?;
    match world.plugin.on_build_requested(&request("unplanned")?).await? {
        Err(Failure::Refused(problem)) => {
            let words = "go from New to Scheduled: these conditions do not hold: Planned dates are not empty";
            assert!(problem.summary.ends_with(words), "{problem:?}");
            assert!(problem.detail.unwrap_or_default().contains("Change Model: Check State Transition"));
        }
        other => anyhow::bail!("{other:?}"),
    }
    Ok(())
}
