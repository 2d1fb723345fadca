//! What an instance holds survives a restart where that was asked for.

use crate::support::{Client, text};
use host_harness::servicenow::Instance;
use reqwest::Method;
use serde_json::json;
use std::io::Write as _;

#[tokio::test]
async fn records_attachments_and_credentials_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.jsonl");
    let instance = Instance::builder().state(&file).start().await.unwrap();
    let client = Client::integration(&instance);
    let account = instance.account().clone();
    let id = text(&client.create("change_request", json!({"short_description": "kept"})).await["sys_id"]).to_owned();
    let gone = text(&client.create("incident", json!({})).await["sys_id"]).to_owned();
    Client::of(&instance, "admin").delete(&format!("/api/now/table/incident/{gone}")).await.expect(204);
    client.patch(&format!("/api/now/table/change_request/{id}"), json!({"work_notes": "hello"})).await.expect(200);
    let target = format!("/api/now/attachment/file?table_name=change_request&table_sys_id={id}&file_name=a.txt");
    let attach = client
        .request(Method::POST, &target)
        .basic_auth(&account.user, Some(&account.password))
        .header("content-type", "text/plain")
        .body("bytes");
    let attachment = text(&Client::answer(attach).await.expect(201).result()["sys_id"]).to_owned();
    drop(instance);

    // An instance that was killed in the middle of a line.
    std::fs::File::options().append(true).open(&file).unwrap().write_all(b"{\"put\":{\"tab").unwrap();
    let instance = Instance::builder().state(&file).start().await.unwrap();
    assert_eq!(*instance.account(), account);
    let client = Client::integration(&instance);
    assert_eq!(client.record("change_request", &id).await["short_description"], "kept");
    assert!(instance.records("incident").is_empty());
    assert_eq!(instance.journal(&id, "work_notes"), ["hello"]);
    assert_eq!(instance.attachment(&attachment).unwrap(), "bytes");
    assert_eq!(client.create("change_request", json!({})).await["number"], "CHG0030002");
    Client::of(&instance, "beth.anglin").get("/api/now/table/sys_user").await.expect(200);
}

#[tokio::test]
async fn a_file_that_is_no_state_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "dear diary\n").unwrap();
    let error = Instance::builder().state(&file).start().await.unwrap_err();
    assert!(error.to_string().contains("line 1"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "dear diary\n");
}
