//! Faults: each does what it says, before or after the request is applied.

use crate::support::{Client, text};
use host_harness::servicenow::{Action, Clock, Fault, Instance};
use reqwest::Method;
use serde_json::json;

const TABLE: &str = "/api/now/table/incident";

async fn instance() -> (Instance, Client) {
    let instance = Instance::builder().simulator_api(true).start().await.unwrap();
    let client = Client::integration(&instance);
    (instance, client)
}

/// Creates an incident; tells whether a reply came.
async fn create(client: &Client, instance: &Instance) -> Result<String, reqwest::Error> {
    let account = instance.account();
    let request = client
        .request(Method::POST, TABLE)
        .basic_auth(&account.user, Some(&account.password))
        .header("content-type", "application/json")
        .body(json!({"short_description": "x"}).to_string());
    request.send().await?.text().await
}

#[tokio::test]
async fn a_reset_comes_before_or_after_the_write() {
    let (instance, client) = instance().await;
    let before = instance.fault(Fault::on(TABLE).method("POST").nth(1).reset_before());
    let after = instance.fault(Fault::on(TABLE).method("POST").nth(2).reset_after());
    create(&client, &instance).await.unwrap_err();
    assert_eq!(instance.records("incident").len(), 0);
    create(&client, &instance).await.unwrap_err();
    assert_eq!(instance.records("incident").len(), 1);
    create(&client, &instance).await.unwrap();
    assert_eq!(instance.records("incident").len(), 2);
    assert_eq!((instance.picked(before), instance.picked(after)), (1, 1));
    let statuses: Vec<u16> = instance.requests().iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [0, 0, 201]);
}

#[tokio::test]
async fn a_reply_is_cut_at_any_byte_and_the_write_is_kept() {
    let (instance, client) = instance().await;
    for (count, bytes) in [0, 1, 9, 17, 200, 900, 1300].into_iter().enumerate() {
        let fault = instance.fault(Fault::on(TABLE).method("POST").nth(1).cut(bytes));
        create(&client, &instance).await.unwrap_err();
        assert_eq!(instance.records("incident").len(), count + 1, "cut at {bytes}");
        instance.remove_fault(fault);
    }
    create(&client, &instance).await.unwrap();
}

#[tokio::test]
async fn replies_lie_in_the_ways_that_clients_have_met() {
    let (instance, client) = instance().await;
    let once = |fault: Fault| instance.fault(Fault { nth: Some(1), ..fault });
    once(Fault::on("*").hibernating());
    let answer = client.get(TABLE).await.expect(200);
    assert!(answer.header("content-type").starts_with("text/html"));
    assert!(answer.body.contains("hibernating"));
    instance.clear_faults();
    once(Fault::on("*").action(Action::Redirect { location: "https://example.com/login".into() }));
    assert_eq!(client.get(TABLE).await.expect(302).header("location"), "https://example.com/login");
    instance.clear_faults();
    once(Fault::on("*").action(Action::TruncatedJson));
    assert!(serde_json::from_str::<serde_json::Value>(&client.get(TABLE).await.expect(200).body).is_err());
    instance.clear_faults();
    once(Fault::on("*").action(Action::ErrorInBody));
    assert!(client.get(TABLE).await.expect(200).body.contains("Transaction cancelled"));
    instance.clear_faults();
    once(Fault::on("*").rate_limited(7));
    let answer = client.get(TABLE).await.expect(429);
    assert_eq!(answer.header("retry-after"), "7");
    assert_eq!(answer.error().0, "Rate limit exceeded");
    instance.clear_faults();
    once(Fault::on("*").cancelled_after());
    client.post(TABLE, json!({"short_description": "kept"})).await.expect(500);
    assert_eq!(instance.records("incident").len(), 1);
}

#[tokio::test]
async fn rows_are_hidden_and_the_page_is_short() {
    let (instance, client) = instance().await;
    for name in ["a", "b"] {
        client.create("incident", json!({"short_description": name})).await;
    }
    instance.fault(Fault::on("*").hide_rows("incident", "short_description=a"));
    let page = client.get(TABLE).await.expect(200);
    assert_eq!(page.header("x-total-count"), "2");
    assert_eq!(page.result().as_array().unwrap().len(), 1);
    let hidden = instance.records("incident")[0].sys_id().to_owned();
    client.get(&format!("{TABLE}/{hidden}")).await.expect(404);
}

#[tokio::test]
async fn a_token_expires_and_a_node_has_another_time() {
    let clock = Clock::default();
    clock.freeze("2026-01-31T10:00:00Z".parse().unwrap());
    let instance = Instance::builder().clock(clock).start().await.unwrap();
    let client = Client::integration(&instance);
    let account = instance.account();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        account.client_id, account.client_secret
    );
    let token = || async {
        let request = client
            .request(Method::POST, "/oauth_token.do")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.clone());
        text(&Client::answer(request).await.expect(200).json()["access_token"]).to_owned()
    };
    let first = token().await;
    assert_eq!(first, token().await);
    let get = |token: String| async { Client::answer(client.request(Method::GET, TABLE).bearer_auth(token)).await };
    get(first.clone()).await.expect(200);
    instance.fault(Fault::on(TABLE).nth(1).action(Action::ExpiredToken));
    get(first.clone()).await.expect(401);
    let second = token().await;
    assert_ne!(first, second);
    instance.clock().advance(jiff::SignedDuration::from_secs(1801));
    get(second).await.expect(401);
    instance.fault(Fault::on(TABLE).method("POST").nth(1).action(Action::ClockSkew { seconds: -3600 }));
    let made = client.create("incident", json!({})).await;
    assert_eq!(made["sys_created_on"], "2026-01-31 09:30:01");
}

#[tokio::test]
async fn the_simulators_own_api_is_there_only_where_it_was_asked_for() {
    let (instance, client) = instance().await;
    let rule = json!({"path": TABLE, "method": "POST", "nth": 1, "action": "reset-after"});
    client.post("/__sim/faults", rule).await.expect(201);
    create(&client, &instance).await.unwrap_err();
    let listed = client.get("/__sim/faults").await.expect(200).json();
    assert_eq!(listed[0]["picked"], 1);
    let refused = client.post("/__sim/faults", json!({"action": "no-such"})).await.expect(400);
    assert!(refused.body.contains("no-such"));
    let seen = client.get("/__sim/requests").await.expect(200).json();
    assert_eq!((&seen[0]["target"], &seen[0]["status"]), (&json!(TABLE), &json!(0)));
    let moved = client.post("/__sim/clock", json!({"set": "2030-01-01T00:00:00Z"})).await.expect(200).json();
    assert!(text(&moved["now"]).starts_with("2030-01-01T00:00:0"));
    client.post("/__sim/reset", json!({})).await.expect(204);
    assert!(instance.records("incident").is_empty() && instance.requests().is_empty());
    client.get(TABLE).await.expect(200);
    let plain = Instance::builder().start().await.unwrap();
    Client::integration(&plain).get("/__sim/requests").await.expect(404);
}

#[test]
fn rules_are_read_from_a_file_and_a_wrong_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("faults.json");
    std::fs::write(&file, r#"[{"path": "*", "nth": 1, "action": {"cut": {"bytes": 3}}}]"#).unwrap();
    assert_eq!(host_harness::servicenow::faults::read_file(&file).unwrap(), [Fault::on("*").nth(1).cut(3)]);
    std::fs::write(&file, r#"{"pth": "*", "action": "stall"}"#).unwrap();
    let error = host_harness::servicenow::faults::read_file(&file).unwrap_err().to_string();
    assert!(error.contains("pth"), "{error}");
}
