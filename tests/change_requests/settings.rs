//! Names in the settings that mean nothing to the instance.

use super::work::request;
use anyhow::Result;
use host_harness::servicenow::Record;
use itsm_contract::events::FailureEvent;
use itsm_contract::types::Failure;
use tests::{World, event};

fn blamed<T: std::fmt::Debug>(answer: Result<T, Failure>) -> Result<String> {
    match answer {
        Err(Failure::Misconfigured(problem)) if problem.code == "settings.unknown-name" => Ok(problem.summary),
        other => anyhow::bail!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_nothing_has_is_blamed_on_the_setting_that_gives_it() -> Result<()> {
    for (settings, key) in [
        ("[change]\nmodel = \"Nope\"", "change.model"),
        ("[change]\nassignment-group = \"Nope\"", "change.assignment-group"),
    ] {
        let world = World::builder().settings(settings).start().await?;
        let summary = blamed(world.plugin.on_build_requested(&request("misnamed")?).await?)?;
        assert!(summary.starts_with(&format!("`{key}` in the settings: nothing in ")), "{summary}");
        assert!(world.made("change_request").is_empty());
    }
    for (settings, key) in [
        ("[incident]\ncaller = \"nope\"", "incident.caller"),
        ("[incident]\nassignment-group = \"Nope\"", "incident.assignment-group"),
    ] {
        let world = World::builder().settings(settings).start().await?;
        let failure: FailureEvent = event("failure")?;
        let summary = blamed(world.plugin.on_failure(&failure).await?)?;
        assert!(summary.starts_with(&format!("`{key}` in the settings: nothing in ")), "{summary}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_two_have_is_blamed_too_instead_of_one_being_taken() -> Result<()> {
    let twin = || Record::new("sys_user_group").with("name", "Twins").with("active", "true");
    let world = World::builder()
        .settings("[change]\nassignment-group = \"Twins\"")
        .instance(|instance| instance.record(twin()).record(twin()))
        .start()
        .await?;
    let summary = blamed(world.plugin.on_build_requested(&request("twins")?).await?)?;
    assert_eq!(
        summary,
        "`change.assignment-group` in the settings: more than one in sys_user_group has the name `Twins`"
    );
    Ok(())
}
