//! Who may do what: roles, credentials, tokens, keys.

use crate::support::{Client, text};
use host_harness::servicenow::{Instance, Person};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn roles_are_enforced_and_hidden_rows_look_like_none() {
    let instance = Instance::builder()
        .person(Person::new("reader", "Rita Reader").roles(&["sn_change_read"]))
        .person(Person::new("writer", "Will Writer").roles(&["sn_change_write"]))
        .start()
        .await
        .unwrap();
    let client = Client::integration(&instance);
    let change = text(&client.create("change_request", json!({})).await["sys_id"]).to_owned();
    let target = format!("/api/now/table/change_request/{change}");
    let (reader, writer, nobody) =
        (Client::of(&instance, "reader"), Client::of(&instance, "writer"), Client::of(&instance, "abel.tuter"));
    reader.get(&target).await.expect(200);
    reader.patch(&target, json!({"description": "x"})).await.expect(403);
    writer.patch(&target, json!({"description": "x"})).await.expect(200);
    writer.delete(&target).await.expect(403);
    nobody.get(&target).await.expect(404);
    nobody.patch(&target, json!({})).await.expect(404);
    let listed = nobody.get("/api/now/table/change_request").await.expect(200);
    assert_eq!((listed.header("x-total-count"), listed.result()), ("1", json!([])));
    nobody.post("/api/now/table/change_request", json!({})).await.expect(403);
    nobody.get("/api/sn_chg_rest/change").await.expect(403);
    nobody.post("/api/now/identifyreconcile?sysparm_data_source=ServiceNow", json!({"items": []})).await.expect(403);
    // Without a role, one's own incidents are all there is.
    client.create("incident", json!({})).await;
    let own = nobody.create("incident", json!({"short_description": "mine"})).await;
    assert_eq!(nobody.find("incident", "").await, [text(&own["sys_id"])]);
    Client::of(&instance, "david.loo").delete(&target).await.expect(204);
}

#[tokio::test]
async fn secrets_and_journals_are_not_read_by_everybody() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let user = "/api/now/table/sys_user/62826bf03710200044e0bfc8bcbe5df1";
    assert!(client.get(user).await.expect(200).result().get("user_password").is_none());
    let admin = Client::of(&instance, "admin");
    admin.patch(user, json!({"user_password": "changed"})).await.expect(200);
    assert_ne!(admin.get(user).await.expect(200).result()["user_password"], "changed");
    Client::new(&instance, "abel.tuter", "changed").get(user).await.expect(200);
    admin.patch(user, json!({"locked_out": true})).await.expect(200);
    Client::new(&instance, "abel.tuter", "changed").get(user).await.expect(401);
}

#[tokio::test]
async fn a_key_and_every_grant_prove_who_asks() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let account = instance.account();
    let get = |header: &'static str, value: String| {
        Client::answer(client.request(Method::GET, "/api/now/table/incident").header(header, value))
    };
    get("x-sn-apikey", account.api_key.clone()).await.expect(200);
    get("x-sn-apikey", "wrong".into()).await.expect(401);
    get("x-other", String::new()).await.expect(401);
    let ask = |form: String| {
        let request = client.request(Method::POST, "/oauth_token.do");
        Client::answer(request.header("content-type", "application/x-www-form-urlencoded").body(form))
    };
    let own = format!("client_id={}&client_secret={}", account.client_id, account.client_secret);
    let granted = ask(format!("grant_type=password&{own}&username={}&password={}", account.user, account.password));
    let granted = granted.await.expect(200).json();
    let access = text(&granted["access_token"]).to_owned();
    get("authorization", format!("Bearer {access}")).await.expect(200);
    let refresh = format!("grant_type=refresh_token&{own}&refresh_token={}", text(&granted["refresh_token"]));
    // The same token again, as long as it is good.
    assert_eq!(ask(refresh.clone()).await.expect(200).json()["access_token"], access);
    Client::answer(client.request(Method::GET, &format!("/oauth_revoke_token.do?token={access}"))).await.expect(200);
    let refused = get("authorization", format!("Bearer {access}")).await.expect(401);
    assert_eq!(refused.error().0, "User Not Authenticated");
    let renewed = ask(refresh).await.expect(200).json();
    assert_ne!(renewed["access_token"], access);
    instance.set_properties(|properties| properties.client_credentials_grant = false);
    ask(format!("grant_type=client_credentials&{own}")).await.expect(401);
}

#[tokio::test]
async fn requests_are_written_down_by_connection_and_user() {
    let instance = Instance::builder().start().await.unwrap();
    let (client, beth) = (Client::integration(&instance), Client::of(&instance, "beth.anglin"));
    for _ in 0..3 {
        client.get("/api/now/table/incident?sysparm_limit=1").await.expect(200);
    }
    beth.get("/api/now/table/nonesuch").await.expect(400);
    let seen: Vec<(u64, Option<String>, u16)> =
        instance.requests().into_iter().map(|seen| (seen.connection, seen.user, seen.status)).collect();
    let user = Some(instance.account().user.clone());
    assert_eq!(seen[..3], vec![(1, user, 200); 3]);
    assert_eq!(seen[3], (2, Some("beth.anglin".into()), 400));
}

#[tokio::test]
async fn a_full_queue_refuses_without_json() {
    let instance = Instance::builder().properties(|properties| properties.api_semaphores = Some(0));
    let instance = instance.start().await.unwrap();
    let refused = Client::integration(&instance).get("/api/now/table/incident").await.expect(429);
    assert!(refused.header("content-type").starts_with("text/html"));
    assert_eq!(refused.header("retry-after"), "");
}
