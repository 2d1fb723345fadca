//! Evidence that was altered in ServiceNow is found, and what only looks so is not.

use crate::evidence::{attachment, file, finished, keep, proved};
use anyhow::{Context as _, Result};
use host_harness::evidence::VerifyError;
use itsm_contract::events::BuildRequest;
use reqwest::Method;
use serde_json::json;
use tests::{World, event};

#[tokio::test(flavor = "multi_thread")]
async fn five_ways_to_alter_it_in_servicenow_are_each_found() -> Result<()> {
    for way in ["file", "statement", "removed", "renamed", "added"] {
        let world = World::start().await?;
        let (_, change) = keep(&world, &finished(&world).await?).await?;
        assert!(proved(&world, &change).await.is_ok());
        let admin = world.person("admin")?;
        let replace = |name: &'static str, content: &'static str| {
            let world = &world;
            let (admin, change) = (world.person("admin"), change.id.clone());
            async move {
                let admin = admin?;
                let file = attachment(world, name)?;
                admin.send(Method::DELETE, &format!("/api/now/attachment/{}", file.get("sys_id")), None).await?;
                admin.attach("change_request", &change, name, content.as_bytes()).await?;
                anyhow::Ok(())
            }
        };
        let path = |name: &str| {
            Ok::<_, anyhow::Error>(format!("/api/now/attachment/{}", attachment(&world, name)?.get("sys_id")))
        };
        let expected = match way {
            "file" => {
                replace("notes.txt", "all checks held, really\n").await?;
                "`notes.txt` was altered"
            }
            "statement" => {
                replace("evidence-build-4711.json", "{}").await?;
                "`evidence-build-4711.json` was altered"
            }
            "removed" => {
                admin.send(Method::DELETE, &path("notes.txt")?, None).await?;
                "`notes.txt` is gone"
            }
            "renamed" => {
                admin.send(Method::PATCH, &path("notes.txt")?, Some(json!({"file_name": "old.txt"}))).await?;
                "`notes.txt` is gone"
            }
            _ => {
                admin.attach("change_request", &change.id, "notes.txt", b"no check held\n").await?;
                "a second `notes.txt` was added"
            }
        };
        let found = proved(&world, &change).await.expect_err(way);
        assert!(matches!(found, VerifyError::Differs(_)), "{way}: {found}");
        assert!(found.to_string().starts_with(expected), "{way}: {found}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_attach_besides_is_theirs() -> Result<()> {
    let world = World::start().await?;
    let (_, change) = keep(&world, &finished(&world).await?).await?;
    world.person("admin")?.attach("change_request", &change.id, "minutes.txt", b"we met\n").await?;
    assert!(proved(&world, &change).await.is_ok());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_builds_of_one_change_and_a_redelivery_with_other_files_are_proved() -> Result<()> {
    let world = World::start().await?;
    let mut result = finished(&world).await?;
    let person = world.person("david.loo")?;
    let planned = json!({"type": "normal", "assignment_group": "287ebd7da9fe198100f92cc8d1d2154e"});
    let made = person.send(Method::POST, "/api/now/table/change_request", Some(planned)).await?;
    let number = made["result"]["number"].as_str().context("no number")?.to_owned();
    // Ids that differ in what no file's name may hold.
    for id in ["build/1", "build-1"] {
        let mut request: BuildRequest = event("build-requested")?;
        request.delivery.key = format!("requested {id}");
        request.build.id = id.into();
        request.change_number = Some(number.clone());
        let gate = world.plugin.on_build_requested(&request).await?;
        result.gate = Some(gate.map_err(|failure| anyhow::anyhow!("{failure:?}"))?);
        result.build.id = id.into();
        result.delivery.key = format!("finished {id}");
        result.files = vec![file("log.txt", id)];
        keep(&world, &result).await?;
    }
    result.files = vec![file("log.txt", "told again")];
    let (_, change) = keep(&world, &result).await?;
    let about: Vec<String> = proved(&world, &change).await?.into_iter().map(|proof| proof.about).collect();
    assert_eq!(about, ["build/1", "build-1"]);
    let admin = world.person("admin")?;
    let first = attachment(&world, "log.txt")?;
    admin.send(Method::DELETE, &format!("/api/now/attachment/{}", first.get("sys_id")), None).await?;
    let found = proved(&world, &change).await.expect_err("the first build's file is gone");
    assert!(found.to_string().starts_with("`log.txt` was altered"), "{found}");
    Ok(())
}
