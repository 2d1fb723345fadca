//! Attachments: raw and as a form, and what is told of them.

use crate::support::{Client, text};
use host_harness::servicenow::Instance;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_file_is_attached_raw_and_as_a_form_and_each_is_another_attachment() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = text(&client.create("incident", json!({"short_description": "x"})).await["sys_id"]).to_owned();
    let account = instance.account();
    let target = format!("/api/now/attachment/file?table_name=incident&table_sys_id={id}&file_name=log.txt");
    let raw = client
        .request(Method::POST, &target)
        .basic_auth(&account.user, Some(&account.password))
        .header("content-type", "text/plain")
        .body("hello");
    let raw = Client::answer(raw).await.expect(201);
    let told = raw.result();
    assert_eq!(told["hash"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_eq!(told["size_bytes"], "5");
    assert!(raw.header("location").ends_with(text(&told["sys_id"])));
    let form = format!(
        "--XX\r\nContent-Disposition: form-data; name=\"table_name\"\r\n\r\nincident\r\n--XX\r\nContent-Disposition: \
         form-data; name=\"table_sys_id\"\r\n\r\n{id}\r\n--XX\r\nContent-Disposition: form-data; name=\"uploadFile\"; \
         filename=\"log.txt\"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--XX--\r\n"
    );
    let form = client
        .request(Method::POST, "/api/now/v1/attachment/upload")
        .basic_auth(&account.user, Some(&account.password))
        .header("content-type", "multipart/form-data; boundary=XX")
        .body(form);
    Client::answer(form).await.expect(201);
    let listed = client.get(&format!("/api/now/attachment?sysparm_query=table_sys_id={id}")).await.expect(200);
    assert_eq!(listed.header("x-total-count"), "2");
    let file = client.get(&format!("/api/now/attachment/{}/file", text(&told["sys_id"]))).await.expect(200);
    assert_eq!((file.body.as_str(), file.header("content-type")), ("hello", "text/plain"));
    client.delete(&format!("/api/now/attachment/{}", text(&told["sys_id"]))).await.expect(204);
    let gone = client.get(&format!("/api/now/attachment/{}", text(&told["sys_id"]))).await.expect(404);
    assert_eq!(gone.error().1, "Record does not exist");
}

#[tokio::test]
async fn what_is_too_large_or_of_another_kind_is_refused() {
    let instance = Instance::builder()
        .properties(|properties| {
            properties.attachment_max_size = 4;
            properties.attachment_extensions = vec!["txt".into()];
        })
        .start()
        .await
        .unwrap();
    let client = Client::integration(&instance);
    let id = text(&client.create("incident", json!({})).await["sys_id"]).to_owned();
    let account = instance.account();
    let attach = |record: String, name: &'static str, content: &'static str| {
        let target = format!("/api/now/attachment/file?table_name=incident&table_sys_id={record}&file_name={name}");
        let request = client.request(Method::POST, &target).basic_auth(&account.user, Some(&account.password));
        Client::answer(request.header("content-type", "text/plain").body(content))
    };
    attach(id.clone(), "a.txt", "four").await.expect(201);
    attach(id.clone(), "a.txt", "fives").await.expect(400);
    attach(id.clone(), "a.exe", "four").await.expect(400);
    attach(id.clone(), "", "four").await.expect(400);
    attach(id, "a.txt", "").await.expect(400);
    attach("0".repeat(32), "a.txt", "four").await.expect(404);
    assert_eq!(instance.records("sys_attachment").len(), 1);
}
