//! The Table API and what lies under it.

use crate::support::{Client, text};
use host_harness::servicenow::Instance;
use serde_json::json;

#[tokio::test]
async fn every_value_is_text_and_an_empty_one_is_there() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let made = client.create("change_request", json!({"short_description": "x", "type": "normal", "impact": 2})).await;
    for (name, value) in made.as_object().unwrap() {
        assert!(value.is_string(), "{name} is {value}");
    }
    assert_eq!(made["close_code"], "");
    assert_eq!(made["state"], "-5");
    assert_eq!(made["number"], "CHG0030001");
    assert_eq!(made["sys_mod_count"], "0");
    assert_eq!(made["approval"], "not requested");
    assert_eq!(made["priority"], "4");
}

#[tokio::test]
async fn a_supplied_sys_id_is_kept_and_its_repeat_is_refused() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = "0123456789abcdef0123456789abcdef";
    let body = json!({"sys_id": id, "short_description": "once"});
    let first = client.post("/api/now/table/change_request", body.clone()).await.expect(201);
    assert_eq!(first.result()["sys_id"], id);
    assert_eq!(first.header("location"), format!("{}/api/now/table/change_request/{id}", instance.url()));
    let second = client.post("/api/now/table/change_request", body).await.expect(403);
    assert!(second.error().1.contains("Unique Key violation"));
    assert_eq!(instance.records("change_request").len(), 1);
}

#[tokio::test]
async fn a_supplied_sys_id_is_dropped_where_only_admins_may_set_it() {
    let instance = Instance::builder().properties(|p| p.admin_only_sys_fields = true).start().await.unwrap();
    let client = Client::integration(&instance);
    let id = "0123456789abcdef0123456789abcdef";
    let made = client.create("change_request", json!({"sys_id": id, "short_description": "x"})).await;
    assert_ne!(made["sys_id"], id);
    let made = Client::of(&instance, "admin").create("change_request", json!({"sys_id": id})).await;
    assert_eq!(made["sys_id"], id);
}

#[tokio::test]
async fn a_wrong_password_gets_the_401_that_everything_gets() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::new(&instance, &instance.account().user, "wrong");
    let answer = client.get("/api/now/table/incident").await.expect(401);
    assert_eq!(answer.error().0, "User Not Authenticated");
    assert_eq!(answer.header("www-authenticate"), "BASIC realm=\"Service-now\"");
    assert_eq!(answer.header("x-is-logged-in"), "");
}

#[tokio::test]
async fn an_unknown_term_widens_a_query() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    for name in ["a", "b", "c"] {
        client.create("incident", json!({"short_description": name, "correlation_id": name})).await;
    }
    assert_eq!(client.find("incident", "correlation_id=b").await.len(), 1);
    assert_eq!(client.find("incident", "corelation_id=b").await.len(), 3);
    instance.set_properties(|p| p.invalid_query_returns_no_rows = true);
    assert_eq!(client.find("incident", "corelation_id=b").await.len(), 0);
}

#[tokio::test]
async fn a_page_carries_its_links_and_the_total() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    for number in 0..7 {
        client.create("incident", json!({"short_description": number.to_string()})).await;
    }
    let page = client.get("/api/now/table/incident?sysparm_query=ORDERBYnumber&sysparm_limit=3").await.expect(200);
    assert_eq!(page.header("x-total-count"), "7");
    let url = |offset: i32| {
        format!(
            "<{}/api/now/table/incident?sysparm_query=ORDERBYnumber&sysparm_limit=3&sysparm_offset={offset}>",
            instance.url()
        )
    };
    let links =
        [("first", 0), ("prev", -3), ("next", 3), ("last", 6)].map(|(rel, at)| format!("{};rel=\"{rel}\"", url(at)));
    assert_eq!(page.header("link"), links.join(","));
    let rows = page.result();
    assert_eq!(
        rows.as_array().unwrap().iter().map(|row| text(&row["number"])).collect::<Vec<_>>(),
        ["INC0010001", "INC0010002", "INC0010003"]
    );
}
