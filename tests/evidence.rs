//! Evidence: attached once, and proved from ServiceNow's own copy, by the audit log.

use anyhow::{Context as _, Result};
use host_harness::evidence::{Proof, VerifyError, junit, verify};
use host_harness::servicenow::Record;
use itsm_contract::answers::Receipt;
use itsm_contract::events::{BuildResult, Content, DeployEvent, DeployPhase, EvidenceFile};
use itsm_contract::types::{Gate, Ticket};
use reqwest::Method;
use serde_json::json;
use tests::{World, event};

/// A build whose change request is approved, and that has ended.
async fn finished(world: &World) -> Result<BuildResult> {
    let request = event("build-requested")?;
    let gate = gate(world, &request).await?;
    let change = gate.change.clone().context("no change request")?;
    world.person("beth.anglin")?.approve(&change.id, "looks right").await?;
    let mut result: BuildResult = event("build-finished")?;
    result.gate = Some(self::gate(world, &request).await?);
    result.files.push(EvidenceFile {
        name: "sbom.json".into(),
        media_type: "application/json".into(),
        digest: None,
        content: Content::Link("https://factory.example/sboms/4711".into()),
    });
    result.files.push(EvidenceFile {
        name: "console.log".into(),
        media_type: "text/plain".into(),
        digest: None,
        content: Content::LeftOut("kept for 30 days only".into()),
    });
    Ok(result)
}

async fn gate(world: &World, request: &itsm_contract::events::BuildRequest) -> Result<Gate> {
    world.plugin.on_build_requested(request).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))
}

async fn keep(world: &World, result: &BuildResult) -> Result<(Receipt, Ticket)> {
    let receipt = world.plugin.on_build_finished(result).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let change = receipt.attached.first().cloned().context("nothing was attached")?;
    Ok((receipt, change))
}

async fn proved(world: &World, change: &Ticket) -> Result<Vec<Proof>, VerifyError> {
    verify(world.plugin.grant(), &change.number, &world.audit()).await
}

fn attachment(world: &World, name: &str) -> Result<Record> {
    let files = world.servicenow.records("sys_attachment");
    files.into_iter().find(|file| file.get("file_name") == name).with_context(|| format!("no {name}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_builds_evidence_is_attached_once_and_proved() -> Result<()> {
    let world = World::start().await?;
    let result = finished(&world).await?;
    let (receipt, change) = keep(&world, &result).await?;
    assert_eq!(receipt.unfinished, []);
    let (again, _) = keep(&world, &result).await?;
    assert_eq!(again.digest, receipt.digest);
    assert_eq!(world.servicenow.records("sys_attachment").len(), 2, "the file, and the statement");

    let statement = attachment(&world, "evidence-build-4711.json")?;
    let content = world.servicenow.attachment(statement.get("sys_id")).context("no content")?;
    let statement: serde_json::Value = serde_json::from_slice(&content)?;
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(
        statement["subject"],
        json!([{
            "name": "rhel-9-hardened 2026.11.1",
            "digest": {"sha256": "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"},
        }])
    );
    let predicate = &statement["predicate"];
    assert_eq!(predicate["change"]["number"], change.number.as_str());
    let approval = predicate["approvals"]
        .as_array()
        .and_then(|approvals| approvals.iter().find(|approval| approval["decision"] == "approved"));
    let approval = approval.context("nobody approved")?;
    assert_eq!((&approval["approver"], &approval["comment"]), (&json!("Beth Anglin"), &json!("looks right")));
    assert!(approval["at"].is_string());
    let kept: Vec<&str> =
        predicate["files"].as_array().into_iter().flatten().filter_map(|file| file["kept"].as_str()).collect();
    assert_eq!(kept, ["attached", "linked", "left-out"]);

    let proofs = proved(&world, &change).await?;
    assert_eq!(proofs.len(), 1);
    assert_eq!((&proofs[0].digest, &proofs[0].files), (&receipt.digest, &vec!["notes.txt".to_owned()]));
    assert_eq!(
        proofs[0].elsewhere,
        ["sbom.json: linked: https://factory.example/sboms/4711", "console.log: left-out: kept for 30 days only"]
    );
    Ok(())
}

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
async fn a_deployment_adds_its_own_statement() -> Result<()> {
    let world = World::start().await?;
    let (_, change) = keep(&world, &finished(&world).await?).await?;
    let mut deployed: DeployEvent = event("deploy-requested")?;
    deployed.change_number = Some(change.number.clone());
    deployed.phase = DeployPhase::Succeeded;
    for _ in 0..2 {
        let answer = world.plugin.on_deploy(&deployed).await?.expect("an answer");
        assert_eq!(answer.unfinished, []);
    }
    let proofs = proved(&world, &change).await?;
    let about: Vec<&str> = proofs.iter().map(|proof| proof.about.as_str()).collect();
    assert_eq!(about, ["build-4711", "deploy-88"]);
    let file = attachment(&world, "deployment-deploy-88.json")?;
    let content = world.servicenow.attachment(file.get("sys_id")).context("no content")?;
    let statement: serde_json::Value = serde_json::from_slice(&content)?;
    assert_eq!(statement["predicate"]["systems"], json!(["web-01", "db-01"]));
    assert_eq!(statement["predicate"]["configuration-items"].as_array().map(Vec::len), Some(3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_that_is_only_linked_is_proved_by_its_note() -> Result<()> {
    let world = World::builder().settings("[evidence]\nplacement = \"link\"").start().await?;
    let result = finished(&world).await?;
    let (receipt, change) = keep(&world, &result).await?;
    keep(&world, &result).await?;
    assert_eq!(world.servicenow.records("sys_attachment").len(), 0);
    let notes = world.servicenow.journal(&change.id, "work_notes");
    assert_eq!(notes.iter().filter(|note| note.contains(&receipt.digest)).count(), 1, "{notes:?}");
    let proofs = proved(&world, &change).await?;
    assert_eq!(proofs[0].digest, receipt.digest);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_report_alone_gives_the_summary() -> Result<()> {
    let world = World::start().await?;
    let mut result = finished(&world).await?;
    result.tests = None;
    result.files.push(EvidenceFile {
        name: "junit.xml".into(),
        media_type: "application/xml".into(),
        digest: None,
        content: Content::Bytes(
            br#"<testsuites><testsuite><testcase name="boots" time="1.5"/><testcase name="cis"><skipped/></testcase></testsuite></testsuites>"#
                .to_vec(),
        ),
    });
    assert!(junit::complete(&mut result)?);
    let (_, change) = keep(&world, &result).await?;
    assert_eq!(proved(&world, &change).await?[0].files, ["notes.txt", "junit.xml"]);
    let file = attachment(&world, "evidence-build-4711.json")?;
    let content = world.servicenow.attachment(file.get("sys_id")).context("no content")?;
    let statement: serde_json::Value = serde_json::from_slice(&content)?;
    assert_eq!(statement["predicate"]["tests"]["passed"], 1);
    assert_eq!(statement["predicate"]["tests"]["skipped"], 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hosts_at_once_leave_one_copy_of_each_file() -> Result<()> {
    let world = World::start().await?;
    let result = finished(&world).await?;
    let (one, other) = tokio::join!(keep(&world, &result), keep(&world, &result));
    let ((one, change), (other, _)) = (one?, other?);
    assert_eq!(one.digest, other.digest);
    assert_eq!(world.servicenow.records("sys_attachment").len(), 2);
    assert!(proved(&world, &change).await.is_ok());
    Ok(())
}
