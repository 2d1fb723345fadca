//! Change requests from New to Closed, and the ways off that path.

use crate::support::{Client, text};
use host_harness::servicenow::Instance;
use serde_json::{Value, json};

const GROUP: &str = "287ebd7da9fe198100f92cc8d1d2154e";

async fn change(client: &Client, kind: &str) -> String {
    let body = json!({"type": kind, "short_description": "x", "assignment_group": GROUP});
    text(&client.create("change_request", body).await["sys_id"]).to_owned()
}

async fn state(client: &Client, id: &str) -> (String, String) {
    let record = client.record("change_request", id).await;
    (text(&record["state"]).to_owned(), text(&record["approval"]).to_owned())
}

fn target(id: &str) -> String {
    format!("/api/now/table/change_request/{id}")
}

#[tokio::test]
async fn a_normal_change_is_approved_by_the_cab_and_goes_to_closed() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let beth = Client::of(&instance, "beth.anglin");
    let id = change(&client, "normal").await;
    client.patch(&target(&id), json!({"state": "-4"})).await.expect(200);
    assert_eq!(state(&client, &id).await, ("-3".into(), "requested".into()));
    let rows = client.find("sysapproval_approver", &format!("sysapproval={id}^state=requested")).await;
    assert_eq!(rows.len(), 2);
    beth.patch(&format!("/api/sn_chg_rest/change/{id}/approvals"), json!({"state": "approved"})).await.expect(200);
    assert_eq!(state(&client, &id).await, ("-2".into(), "approved".into()));
    assert_eq!(client.find("sysapproval_approver", &format!("sysapproval={id}^state=not_required")).await.len(), 1);
    client.patch(&target(&id), json!({"state": "-1"})).await.expect(200);
    assert_eq!(client.find("change_task", &format!("change_request={id}^active=true")).await.len(), 2);
    let review = client.patch(&target(&id), json!({"state": "0"})).await.expect(200).result();
    assert_ne!(review["work_start"], "");
    assert_ne!(review["work_end"], "");
    assert!(client.find("change_task", &format!("change_request={id}^active=true")).await.is_empty());
    let refused = client.patch(&target(&id), json!({"state": "3"})).await.expect(403);
    assert_eq!(refused.error().1, "Data Policy Exception: The following fields are mandatory: Close code, Close notes");
    let closed = json!({"state": "3", "close_code": "successful", "close_notes": "done"});
    let closed = client.patch(&target(&id), closed).await.expect(200).result();
    assert_eq!((text(&closed["state"]), text(&closed["active"])), ("3", "false"));
}

#[tokio::test]
async fn a_rejected_change_is_new_again_and_says_so() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let beth = Client::of(&instance, "beth.anglin");
    let id = change(&client, "emergency").await;
    client.patch(&target(&id), json!({"state": "-3"})).await.expect(200);
    let rows = beth.find("sysapproval_approver", &format!("sysapproval={id}^approver.user_name=beth.anglin")).await;
    let row = format!("/api/now/table/sysapproval_approver/{}", rows[0]);
    client.patch(&row, json!({"state": "approved"})).await.expect(403);
    beth.patch(&row, json!({"state": "rejected", "comments": "freeze"})).await.expect(200);
    assert_eq!(state(&client, &id).await, ("-5".into(), "rejected".into()));
    assert!(instance.journal(&id, "approval_history")[0].contains("freeze"));
    client.patch(&target(&id), json!({"state": "-3"})).await.expect(200);
    assert_eq!(state(&client, &id).await, ("-3".into(), "requested".into()));
}

#[tokio::test]
async fn a_state_is_neither_skipped_nor_set_without_approval() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = change(&client, "normal").await;
    for state in ["-3", "-2", "-1", "0", "3", "assess"] {
        let answer = client.patch(&target(&id), json!({"state": state})).await.expect(403);
        assert!(answer.error().1.contains("Change Model: Check State Transition"), "{state}");
    }
    client.patch(&target(&id), json!({"state": "-4"})).await.expect(200);
    client.patch(&target(&id), json!({"state": "-2"})).await.expect(403);
    client.patch(&target(&id), json!({"approval": "approved"})).await.expect(200);
    assert_eq!(state(&client, &id).await, ("-3".into(), "requested".into()));
}

#[tokio::test]
async fn a_change_on_hold_waits_and_asks_again_when_it_is_released() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = change(&client, "normal").await;
    client.patch(&target(&id), json!({"state": "-4"})).await.expect(200);
    client.patch(&target(&id), json!({"on_hold": "true"})).await.expect(403);
    client.patch(&target(&id), json!({"on_hold": "true", "on_hold_reason": "wait"})).await.expect(200);
    let waiting = |state: &str| format!("sysapproval={id}^state={state}");
    assert_eq!(client.find("sysapproval_approver", &waiting("not_required")).await.len(), 2);
    client.patch(&target(&id), json!({"on_hold": "false", "on_hold_reason": ""})).await.expect(200);
    assert_eq!(client.find("sysapproval_approver", &waiting("requested")).await.len(), 2);
}

#[tokio::test]
async fn a_standard_change_needs_nobody_and_takes_its_plans_from_the_template() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let made = client
        .post(
            "/api/sn_chg_rest/change/standard/92b8544047810200e90d87e8dee490b0",
            json!({
                "short_description": "mine", "backout_plan": "none"
            }),
        )
        .await
        .expect(200)
        .result();
    assert_eq!(made["short_description"]["value"], "mine");
    assert_ne!(made["backout_plan"]["value"], "none");
    assert_eq!(made["__meta"]["ignoredFields"], json!(["backout_plan"]));
    let id = text(&made["sys_id"]["value"]);
    client.patch(&format!("/api/sn_chg_rest/change/{id}"), json!({"state": "Scheduled"})).await.expect(200);
    assert_eq!(state(&client, id).await.0, "-2");
    let version = json!({"type": "standard", "std_change_producer_version": "6d07efd897d146104546f027f053af1f"});
    assert_eq!(client.create("change_request", version).await["category"], "System Software");
}

#[tokio::test]
async fn the_change_api_types_its_values_and_ends_its_lists_with_meta() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let body = json!({"short_description": "x", "no_such_field": "y", "state": "Scheduled"});
    let made = client.post("/api/sn_chg_rest/v1/change/normal", body).await.expect(200).result();
    assert_eq!(made["state"], json!({"display_value": "New", "value": -5.0}));
    assert_eq!(made["on_hold"], json!({"display_value": "false", "value": false}));
    assert_eq!(made["__meta"]["ignoredFields"], json!(["no_such_field"]));
    let listed = "/api/sn_chg_rest/change?sysparm_query=correlation_id=nope^assigned_two=x";
    let listed = client.get(listed).await.expect(200).result();
    assert_eq!(
        listed,
        json!([{"__meta": {"encodedQuery": "correlation_id=nope",
                           "fields": {"applied": ["correlation_id"], "ignored": ["", "assigned_two"]}}}])
    );
}

#[tokio::test]
async fn nextstates_says_what_is_in_the_way() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = text(&client.create("change_request", json!({"short_description": "x"})).await["sys_id"]).to_owned();
    let next = client.get(&format!("/api/sn_chg_rest/change/{id}/nextstates")).await.expect(200).result();
    assert_eq!(next["available_states"], json!(["-5", "4"]));
    let assess = &next["state_transitions"][0][0];
    assert_eq!(assess["transition_available"], false);
    let failing: Vec<&Value> =
        assess["conditions"].as_array().unwrap().iter().filter(|condition| condition["passed"] == false).collect();
    assert_eq!(failing[0]["condition"]["name"], "Assignment group is not empty");
}

#[tokio::test]
async fn who_has_no_approval_pending_cannot_approve() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = change(&client, "normal").await;
    client.patch(&target(&id), json!({"state": "-4"})).await.expect(200);
    let approvals = format!("/api/sn_chg_rest/change/{id}/approvals");
    client.patch(&approvals, json!({"state": "approved"})).await.expect(400);
    let beth = Client::of(&instance, "beth.anglin");
    beth.patch(&approvals, json!({"state": "rejected"})).await.expect(400);
}

#[tokio::test]
async fn affected_cis_come_by_a_worker() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let id = change(&client, "normal").await;
    let body = json!({"association_type": "affected", "cmdb_ci_sys_ids": ["b0c4030ac0a800090152e7a4564ca36d"]});
    let worker = client.post(&format!("/api/sn_chg_rest/change/{id}/ci"), body).await.expect(202).result();
    assert_eq!(worker["state"], json!({"value": 1, "display_value": "Waiting"}));
    let link = text(&worker["worker"]["link"]).replace(&instance.url(), "");
    assert_eq!(client.get(&link).await.expect(200).result()["state"]["value"], 3);
    let listed = client.get(&format!("/api/sn_chg_rest/change/{id}/ci?association_type=affected")).await.expect(200);
    assert_eq!(listed.result()[0]["ci_item"]["display_value"], "lnux100");
}
