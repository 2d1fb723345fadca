//! Evidence: attached once, and proved from ServiceNow's own copy, by the audit log.

use anyhow::{Context as _, Result};
use host_harness::evidence::{Proof, VerifyError, junit, verify};
use host_harness::servicenow::Record;
use itsm_contract::answers::Receipt;
use itsm_contract::events::{BuildResult, Content, DeployEvent, DeployPhase, EvidenceFile};
use itsm_contract::types::{Failure, Gate, Ticket};
use serde_json::json;
use tests::{World, event};

/// A build whose change request is approved, and that has ended.
pub(crate) async fn finished(world: &World) -> Result<BuildResult> {
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

pub(crate) async fn keep(world: &World, result: &BuildResult) -> Result<(Receipt, Ticket)> {
    let receipt = world.plugin.on_build_finished(result).await?.map_err(|failure| anyhow::anyhow!("{failure:?}"))?;
    let change = receipt.attached.first().cloned().context("nothing was attached")?;
    Ok((receipt, change))
}

pub(crate) async fn proved(world: &World, change: &Ticket) -> Result<Vec<Proof>, VerifyError> {
    verify(world.plugin.grant(), &change.number, &world.audit()).await
}

pub(crate) fn attachment(world: &World, name: &str) -> Result<Record> {
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

pub(crate) fn file(name: &str, content: impl Into<Vec<u8>>) -> EvidenceFile {
    EvidenceFile {
        name: name.into(),
        media_type: "text/plain".into(),
        digest: None,
        content: Content::Bytes(content.into()),
    }
}

/// What is stated of `build-4711`, with the newest statement last.
fn stated(world: &World) -> Result<serde_json::Value> {
    let files = world.servicenow.records("sys_attachment");
    let file =
        files.iter().rfind(|file| file.get("file_name") == "evidence-build-4711.json").context("no statement")?;
    Ok(serde_json::from_slice(&world.servicenow.attachment(file.sys_id()).context("no content")?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_the_plugin_or_for_servicenow_is_listed_as_left_out() -> Result<()> {
    let world =
        World::builder().instance(|instance| instance.properties(|set| set.attachment_max_size = 1000)).start().await?;
    let mut result = finished(&world).await?;
    result.files = vec![file("huge.bin", vec![7; 16 * 1024 * 1024 + 1]), file("large.bin", vec![7; 200_000])];
    for _ in 0..2 {
        // The statement itself is within what this instance takes; it would be nothing without it.
        world.servicenow.set_properties(|set| set.attachment_max_size = 100_000);
        let (receipt, change) = keep(&world, &result).await?;
        let [Failure::Refused(problem)] = receipt.unfinished.as_slice() else { panic!("{:?}", receipt.unfinished) };
        assert!(problem.detail.as_ref().is_some_and(|words| words.starts_with("large.bin: ")), "{problem:?}");
        let left_out = proved(&world, &change).await?.remove(0).elsewhere;
        assert_eq!(
            left_out,
            [
                "huge.bin: left-out: it is larger than 16777216 bytes",
                "large.bin: left-out: ServiceNow refused it: Attachment size exceeds the maximum size"
            ]
        );
    }
    assert_eq!(world.servicenow.records("sys_attachment").len(), 1, "the statement");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_makes_no_sense_attaches_nothing() -> Result<()> {
    let world = World::start().await?;
    let sound = finished(&world).await?;
    type Wrong = fn(&mut BuildResult);
    let wrong: [(&str, Wrong); 2] = [
        ("`build.image.digest` is no digest", |event| event.build.image.digest = Some("md5".into())),
        ("`files[0].name` is longer than the 100 characters", |event| event.files[0].name = "n".repeat(101)),
    ];
    for (why, change) in wrong {
        let mut result = sound.clone();
        change(&mut result);
        match world.plugin.on_build_finished(&result).await? {
            Err(Failure::InvalidEvent(problem)) => assert!(problem.summary.starts_with(why), "{problem:?}"),
            other => panic!("{why}: {other:?}"),
        }
    }
    assert_eq!(world.servicenow.records("sys_attachment").len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_is_the_same_by_a_digest_in_capitals() -> Result<()> {
    let world = World::start().await?;
    let mut result = finished(&world).await?;
    result.build.image.digest = Some(format!("SHA256:{}", "AB".repeat(32)));
    keep(&world, &result).await?;
    assert_eq!(stated(&world)?["subject"][0]["digest"], json!({"sha256": "ab".repeat(32)}));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stated_of_a_deployment_stands_after_a_newer_one() -> Result<()> {
    for placement in ["attach", "link"] {
        let world = World::builder().settings(&format!("[evidence]\nplacement = \"{placement}\"")).start().await?;
        let change = finished(&world).await?.gate.and_then(|gate| gate.change).context("no change request")?;
        let mut first: DeployEvent = event("deploy-requested")?;
        first.change_number = Some(change.number.clone());
        first.phase = DeployPhase::Succeeded;
        let mut newer = first.clone();
        newer.delivery.key = "newer".into();
        newer.delivery.occurred_at += 3_600_000;
        newer.deployment_id = "deploy-89".into();
        newer.build.image.version = "2026.12.1".into();
        let mut held = Vec::new();
        for event in [&first, &newer, &first] {
            let answer = world.plugin.on_deploy(event).await?.expect("an answer");
            assert_eq!(answer.unfinished, []);
            let notes = world.servicenow.journal(&change.id, "work_notes");
            let linked = notes.iter().filter(|note| note.starts_with("Evidence of deploy-")).count();
            held.push(world.servicenow.records("sys_attachment").len() + linked);
        }
        assert_eq!(held, [1, 2, 2], "{placement}");
        assert_eq!(proved(&world, &change).await?.len(), 2);
    }
    Ok(())
}
