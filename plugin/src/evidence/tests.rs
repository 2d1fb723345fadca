//! A build's evidence, against replies in the shapes that instances send.

use super::*;
use crate::identity::hex;
use crate::testing::{SETTINGS, Script, seal};
use crate::transport::Method::{Delete, Get, Patch, Post};
use itsm_contract::types::Decision;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const CHANGE: &str = "c9d2b0aa2f8a0110abcd12345678ef02";

fn event() -> BuildResult {
    serde_json::from_value(json!({
        "delivery": {"key": "evt-2", "attempt": 1, "occurred-at": "2026-11-24T10:30:00Z"},
        "build": {
            "id": "build/4711",
            "image": {"name": "rhel-9", "version": "2026.11.1", "digest": "sha256:AB12CD34"},
            "source-revision": "9f2c1e7",
        },
        "environment": {"name": "prod-eu-1", "tier": "production"},
        "outcome": "passed",
        "gate": {
            "change": {"kind": "change_request", "id": CHANGE, "number": "CHG0030001", "url": "https://x/CHG0030001"},
            "verdict": {"proceed": {"reason": "approved", "by-policy": false, "seal": seal("build/4711")}},
            "approvals": [],
        },
        "files": [
            {"name": "notes.txt", "media-type": "text/plain", "content": {"bytes": "YWxsIGhlbGQK"}},
            {"name": "sbom.json", "media-type": "application/json", "digest": "sha256:77", "content": {"link": "https://f/s"}},
            {"name": "trace.bin", "media-type": "application/octet-stream", "content": {"left-out": "kept 30 days"}},
        ],
        "labels": {"team": ["platform", "image"]},
    }))
    .unwrap()
}

fn approvals(_: &Ticket) -> Result<Result<Vec<Approval>, Error>, Failure> {
    let comment = Some("tested".into());
    Ok(Ok(vec![Approval {
        approver: "Ana".into(),
        decision: Decision::Approved,
        comment,
        at: Some(1_795_500_000_000),
    }]))
}

fn run(script: &Script, settings: &str, event: &BuildResult) -> Result<Recorded, Failure> {
    script.run(settings, |plugin| record(plugin, event, approvals))
}

fn attachment(name: &str, content: &[u8], letter: char) -> Value {
    json!({
        "sys_id": letter.to_string().repeat(32), "file_name": name, "table_sys_id": CHANGE,
        "hash": hex(&Sha256::digest(content)), "sys_created_on": "2026-11-24 10:30:01", "sys_created_by": "svc",
    })
}

fn list(rows: &[Value]) -> Value {
    json!({ "result": rows })
}

fn one(row: &Value) -> Value {
    json!({ "result": row })
}

/// What is stated of [`event`].
const STATEMENT: &str = concat!(
    r#"{"_type":"https://in-toto.io/Statement/v1","predicate":{"approvals":[{"approver":"Ana","at":"2026-11-24T06:00:00Z","#,
    r#""comment":"tested","decision":"approved"}],"build":{"id":"build/4711","image":{"digest":"sha256:AB12CD34","#,
    r#""format":null,"location":null,"name":"rhel-9","version":"2026.11.1"},"requested-by":null,"#,
    r#""source-revision":"9f2c1e7","url":null},"change":{"id":"c9d2b0aa2f8a0110abcd12345678ef02","number":"CHG0030001","#,
    r#""url":"https://x/CHG0030001"},"environment":{"name":"prod-eu-1","tier":"production"},"files":["#,
    r#"{"digest":"sha256:b7dd4b1a6da3106238f94e5438fde1756e14b15b423895bad0993297064e6722","kept":"attached","#,
    r#""media-type":"text/plain","name":"notes.txt","size":9},{"digest":"sha256:77","kept":"linked","link":"https://f/s","#,
    r#""media-type":"application/json","name":"sbom.json","size":null},{"digest":null,"kept":"left-out","#,
    r#""media-type":"application/octet-stream","name":"trace.bin","size":null,"why":"kept 30 days"}],"#,
    r#""finished-at":"2026-11-24T10:30:00Z","labels":{"team":["platform","image"]},"left-out":[],"outcome":"passed","#,
    r#""tests":null},"predicateType":"openfactory:itsm/evidence@0.1.0","#,
    r#""subject":[{"digest":{"sha256":"ab12cd34"},"name":"rhel-9 2026.11.1"}]}"#,
);

#[test]
fn the_files_and_a_statement_that_lists_them_are_attached() {
    let (notes, evidence) = (b"all held\n", STATEMENT);
    let files = [attachment("notes.txt", notes, 'a'), attachment("evidence-build-4711.json", evidence.as_bytes(), 'b')];
    let script = Script::new()
        .on(Get, "/api/now/attachment table_sys_id=c9d2", 200, list(&[]))
        .on(Post, "attachment/file file_name=notes.txt", 201, one(&files[0]))
        .on(Post, "attachment/file file_name=evidence-build-4711.json", 201, one(&files[1]))
        .on(Get, "/api/now/attachment", 200, list(&files));
    let recorded = run(&script, SETTINGS, &event()).unwrap();
    assert_eq!(script.request(1).body, notes);
    assert_eq!(script.request(1).content_type.as_deref(), Some("text/plain"));
    assert_eq!(String::from_utf8(script.request(2).body).unwrap(), evidence);
    assert_eq!(script.request(2).content_type.as_deref(), Some("application/vnd.in-toto+json"));
    assert_eq!(recorded.digest, digest(evidence.as_bytes()));
    assert_eq!(recorded.attached[0].number, "CHG0030001");
    assert_eq!(recorded.unfinished, []);
    assert_eq!(script.detail("evidence.recorded", "digest"), Some(recorded.digest));
    assert_eq!(script.detail("evidence.recorded", "statement"), None);
}

#[test]
fn a_redelivery_attaches_nothing() {
    let evidence = STATEMENT;
    let mut notes = attachment("notes.txt", b"", 'a');
    notes["hash"] = "".into(); // Not every instance states it: then the content tells.
    let held = [notes, attachment("evidence-build-4711.json", evidence.as_bytes(), 'b')];
    let script = Script::new().on(Get, "/api/now/attachment", 200, list(&held)).raw(
        Get,
        &format!("/api/now/attachment/{}/file", "a".repeat(32)),
        b"all held\n",
    );
    assert_eq!(run(&script, SETTINGS, &event()).unwrap().digest, digest(evidence.as_bytes()));
}

#[test]
fn a_file_that_was_altered_in_servicenow_is_attached_anew() {
    let evidence = STATEMENT;
    let held =
        [attachment("notes.txt", b"altered", 'a'), attachment("evidence-build-4711.json", evidence.as_bytes(), 'b')];
    let anew = attachment("notes.txt", b"all held\n", 'c');
    let script = Script::new()
        .on(Get, "/api/now/attachment", 200, list(&held))
        .on(Post, "file_name=notes.txt", 201, one(&anew))
        .on(Get, "/api/now/attachment", 200, list(&[held[0].clone(), held[1].clone(), anew]));
    run(&script, SETTINGS, &event()).unwrap();
}

#[test]
fn of_what_two_hosts_attached_at_once_one_copy_stays() {
    let evidence = attachment("evidence-build-4711.json", STATEMENT.as_bytes(), 'b');
    let (ours, theirs) = (attachment("notes.txt", b"all held\n", 'c'), attachment("notes.txt", b"all held\n", 'a'));
    let script = Script::new()
        .on(Get, "/api/now/attachment", 200, list(std::slice::from_ref(&evidence)))
        .on(Post, "file_name=notes.txt", 201, one(&ours))
        .on(Get, "/api/now/attachment", 200, list(&[ours.clone(), theirs, evidence]))
        .on(Delete, &format!("/api/now/attachment/{}", "c".repeat(32)), 204, Value::Null);
    run(&script, SETTINGS, &event()).unwrap();
}

#[test]
fn a_file_that_servicenow_refuses_is_listed_as_left_out() {
    let refusal =
        json!({"error": {"message": "Invalid file type", "detail": "txt is not allowed"}, "status": "failure"});
    let script = Script::new()
        .on(Get, "/api/now/attachment", 200, list(&[]))
        .on(Post, "file_name=notes.txt", 400, refusal)
        .on(Post, "file_name=evidence", 201, one(&json!({"sys_id": "b".repeat(32)})))
        .on(Get, "/api/now/attachment", 200, list(&[]));
    let recorded = run(&script, SETTINGS, &event()).unwrap();
    assert!(matches!(recorded.unfinished.as_slice(), [Failure::Refused(_)]));
    let sent: Value = serde_json::from_slice(&script.request(2).body).unwrap();
    assert_eq!(sent["predicate"]["files"][0]["kept"], "left-out");
    assert_eq!(sent["predicate"]["files"][0]["why"], "ServiceNow refused it: Invalid file type: txt is not allowed");
}

#[test]
fn evidence_that_is_only_linked_is_one_work_note_and_an_audit_entry() {
    let linked = SETTINGS.replacen('{', r#"{"evidence":{"placement":"link"},"#, 1);
    let record =
        |notes: &str| json!({"sys_id": {"value": CHANGE}, "work_notes": {"display_value": notes, "value": ""}});
    let script = Script::new().on(Get, "change_request display_value=all", 200, list(&[record("")])).on(
        Patch,
        CHANGE,
        200,
        one(&json!({"sys_id": CHANGE})),
    );
    let recorded = run(&script, &linked, &event()).unwrap();
    let note = script.body(1)["work_notes"].as_str().unwrap().to_owned();
    assert!(note.starts_with(&format!("Evidence of build/4711: {}\n", recorded.digest)), "{note}");
    assert!(note.contains("File notes.txt: nothing is attached: see the settings sha256:"), "{note}");
    let statement = script.detail("evidence.recorded", "statement").unwrap();
    assert_eq!(digest(statement.as_bytes()), recorded.digest);
    let script = Script::new().on(Get, "change_request", 200, list(&[record(&note)]));
    assert_eq!(run(&script, &linked, &event()).unwrap().digest, recorded.digest);
}

#[test]
fn approvals_that_may_not_be_read_are_listed_as_left_out() {
    let script = Script::new()
        .on(Get, "/api/now/attachment", 200, list(&[]))
        .on(Post, "file_name=notes.txt", 201, one(&json!({"sys_id": "a".repeat(32)})))
        .on(Post, "file_name=evidence", 201, one(&json!({"sys_id": "b".repeat(32)})))
        .on(Get, "/api/now/attachment", 200, list(&[]));
    let denied = |_: &Ticket| Ok(Err(Error::new(Kind::AclDenied, "GET sysapproval_approver")));
    let recorded = script.run(SETTINGS, |plugin| record(plugin, &event(), denied)).unwrap();
    assert!(matches!(recorded.unfinished.as_slice(), [Failure::Misconfigured(_)]));
    let sent: Value = serde_json::from_slice(&script.request(2).body).unwrap();
    assert_eq!(sent["predicate"]["approvals"], Value::Null);
    assert!(sent["predicate"]["left-out"][0].as_str().unwrap().starts_with("approvals: GET sysapproval_approver: "));
}

#[test]
fn without_a_change_request_the_statement_goes_to_the_audit_log() {
    let mut event = event();
    event.gate = None;
    event.build.image.digest = None;
    let script = Script::new();
    let recorded = run(&script, SETTINGS, &event).unwrap();
    assert_eq!(recorded.attached, []);
    let statement: Value = serde_json::from_str(&script.detail("evidence.recorded", "statement").unwrap()).unwrap();
    assert_eq!(statement["subject"][0]["digest"]["gitCommit"], "9f2c1e7");
    event.build.source_revision = None;
    let script = Script::new();
    run(&script, SETTINGS, &event).unwrap();
    let statement: Value = serde_json::from_str(&script.detail("evidence.recorded", "statement").unwrap()).unwrap();
    assert_eq!(statement["subject"][0]["digest"]["sha256"], hex(&Sha256::digest("build/4711")));
}

#[test]
fn what_makes_no_sense_is_named_and_nothing_is_sent() {
    let refused = |change: fn(&mut BuildResult)| {
        let mut event = event();
        change(&mut event);
        match run(&Script::new(), SETTINGS, &event) {
            Err(Failure::InvalidEvent(problem)) => problem.summary,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(|event| event.files[0].name = "a/b".into()).starts_with("`files[0].name`"));
    assert!(refused(|event| event.files[0].digest = Some("sha256:00".into())).starts_with("`files[0].digest`"));
    assert!(refused(|event| event.files[0].media_type = "text".into()).starts_with("`files[0].media-type`"));
    let mut event = event();
    event.gate = None;
    event.build.image.digest = Some("ab12".into());
    assert!(matches!(run(&Script::new(), SETTINGS, &event), Err(Failure::InvalidEvent(_))));
}
