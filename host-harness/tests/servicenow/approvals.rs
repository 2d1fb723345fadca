//! Approval policies: who is asked in which state, how many answers are enough, and what follows.

use crate::support::{Client, text};
use host_harness::servicenow::{ApprovalPolicy, Approvers, Instance, Person, Record, WaitFor};
use serde_json::json;

const GROUP: &str = "287ebd7da9fe198100f92cc8d1d2154e";

fn policy(state: &'static str, approvers: Approvers, wait_for: WaitFor) -> ApprovalPolicy {
    let types = vec!["normal".into(), "emergency".into()];
    ApprovalPolicy { name: "Test policy".into(), types, state, approvers, wait_for, condition: String::new() }
}

/// A change that was submitted.
async fn submitted(instance: &Instance) -> String {
    let client = Client::integration(instance);
    let body = json!({"type": "normal", "assignment_group": GROUP});
    let id = text(&client.create("change_request", body).await["sys_id"]).to_owned();
    client.patch(&format!("/api/now/table/change_request/{id}"), json!({"state": "-4"})).await.expect(200);
    id
}

async fn answer(instance: &Instance, user: &str, id: &str, answer: &str) -> u16 {
    let body = json!({"state": answer, "comments": "because"});
    let client = Client::of(instance, user);
    client.patch(&format!("/api/sn_chg_rest/change/{id}/approvals"), body).await.status.as_u16()
}

fn state(instance: &Instance, id: &str) -> (String, String) {
    let changes = instance.records("change_request");
    let change = changes.iter().find(|change| change.sys_id() == id).unwrap();
    (change.get("state").to_owned(), change.get("approval").to_owned())
}

#[tokio::test]
async fn all_have_to_approve_where_all_are_waited_for() {
    let cab = policy("-3", Approvers::Group("CAB Approval".into()), WaitFor::AllResponses);
    let instance = Instance::builder().approval_policies([cab]).start().await.unwrap();
    let id = submitted(&instance).await;
    assert_eq!(answer(&instance, "beth.anglin", &id, "approved").await, 200);
    assert_eq!(state(&instance, &id), ("-3".into(), "requested".into()));
    assert_eq!(answer(&instance, "bow.ruggeri", &id, "approved").await, 200);
    assert_eq!(state(&instance, &id), ("-2".into(), "approved".into()));
}

#[tokio::test]
async fn a_share_of_the_answers_is_enough_where_that_is_the_policy() {
    let cab = policy("-3", Approvers::Group("CAB Approval".into()), WaitFor::Percentage(60));
    let third = Person::new("carla", "Carla Third").roles(&["itil", "approver_user"]).groups(&["CAB Approval"]);
    let instance = Instance::builder().approval_policies([cab]).person(third).start().await.unwrap();
    let id = submitted(&instance).await;
    answer(&instance, "beth.anglin", &id, "approved").await;
    assert_eq!(state(&instance, &id).1, "requested");
    answer(&instance, "carla", &id, "approved").await;
    assert_eq!(state(&instance, &id), ("-2".into(), "approved".into()));
    assert_eq!(answer(&instance, "bow.ruggeri", &id, "approved").await, 400);
}

#[tokio::test]
async fn two_stages_are_asked_one_after_the_other() {
    let technical = policy("-4", Approvers::Users(vec!["david.loo".into()]), WaitFor::AllResponses);
    let cab = policy("-3", Approvers::Group("CAB Approval".into()), WaitFor::FirstResponse);
    let instance = Instance::builder().approval_policies([technical, cab]).start().await.unwrap();
    let id = submitted(&instance).await;
    assert_eq!(state(&instance, &id), ("-4".into(), "requested".into()));
    assert_eq!(answer(&instance, "beth.anglin", &id, "approved").await, 400);
    answer(&instance, "david.loo", &id, "approved").await;
    assert_eq!(state(&instance, &id), ("-3".into(), "requested".into()));
    answer(&instance, "beth.anglin", &id, "rejected").await;
    assert_eq!(state(&instance, &id), ("-5".into(), "rejected".into()));
}

#[tokio::test]
async fn nobody_to_ask_is_approved_and_a_delegate_answers_for_another() {
    let instance = Instance::builder().approval_policies([]).start().await.unwrap();
    let id = submitted(&instance).await;
    assert_eq!(state(&instance, &id), ("-2".into(), "approved".into()));
    let delegate = Record::new("sys_user_delegate")
        .with("user", "46d44a23a9fe19810012d100cca80666")
        .with("delegate", "5137153cc611227c000bbd1bd8cd2005");
    let instance = Instance::builder().record(delegate).start().await.unwrap();
    let id = submitted(&instance).await;
    assert_eq!(answer(&instance, "david.loo", &id, "approved").await, 200);
    assert_eq!(state(&instance, &id), ("-2".into(), "approved".into()));
}

#[tokio::test]
async fn the_reply_shows_what_was_before_the_flows_unless_told_otherwise() {
    for (after, shown) in [(true, "-4"), (false, "-3")] {
        let builder = Instance::builder().properties(|properties| properties.flows_after_reply = after);
        let instance = builder.start().await.unwrap();
        let client = Client::integration(&instance);
        let made = client.create("change_request", json!({"type": "normal", "assignment_group": GROUP})).await;
        let target = format!("/api/now/table/change_request/{}", text(&made["sys_id"]));
        assert_eq!(client.patch(&target, json!({"state": "-4"})).await.expect(200).result()["state"], shown);
    }
}

#[tokio::test]
async fn a_change_taken_back_cancels_what_was_asked() {
    let instance = Instance::builder().start().await.unwrap();
    let id = submitted(&instance).await;
    let client = Client::integration(&instance);
    client.patch(&format!("/api/now/table/change_request/{id}"), json!({"state": "-5"})).await.expect(200);
    assert_eq!(state(&instance, &id), ("-5".into(), "not requested".into()));
    assert_eq!(instance.records("change_request")[0].get("approval_set"), "");
    assert!(instance.records("sysapproval_approver").iter().all(|row| row.get("state") == "cancelled"));
    let mut made = client.create("change_request", json!({"approval": "approved", "state": "-2"})).await;
    assert_eq!((made["state"].take(), made["approval"].take()), (json!("-5"), json!("not requested")));
    client.post("/api/now/table/sysapproval_approver", json!({"sysapproval": id})).await.expect(403);
}

#[tokio::test]
async fn a_decision_is_stamped_and_neither_a_comment_nor_an_edit_moves_it() {
    let instance = Instance::builder().start().await.unwrap();
    let id = submitted(&instance).await;
    let stamp = || {
        let changes = instance.records("change_request");
        changes.iter().find(|change| change.sys_id() == id).unwrap().get("approval_set").to_owned()
    };
    assert_eq!(stamp(), "");
    let cab = instance.login("beth.anglin").unwrap();
    cab.approve(&id, "go").await.unwrap();
    let approved_at = stamp();
    assert!(!approved_at.is_empty());
    instance.clock().advance(jiff::SignedDuration::from_secs(60));
    let row = instance.records("sysapproval_approver").into_iter().find(|row| row.get("state") == "approved").unwrap();
    cab.update("sysapproval_approver", row.get("sys_id"), json!({"comments": "mind the window"})).await.unwrap();
    let client = Client::integration(&instance);
    let change = format!("/api/now/table/change_request/{id}");
    client
        .patch(&change, json!({"short_description": "edited", "approval_set": "2031-01-01 00:00:00"}))
        .await
        .expect(200);
    assert_eq!(stamp(), approved_at);
}

#[tokio::test]
async fn open_tasks_that_people_made_keep_a_change_from_closing() {
    let instance = Instance::builder().approval_policies([]).start().await.unwrap();
    let id = submitted(&instance).await;
    let client = Client::integration(&instance);
    let change = format!("/api/now/table/change_request/{id}");
    client.patch(&change, json!({"state": "-1"})).await.expect(200);
    let task = json!({"short_description": "by hand"});
    let task = client.post(&format!("/api/sn_chg_rest/change/{id}/task"), task).await.expect(200).result();
    client.patch(&change, json!({"state": "0"})).await.expect(200);
    let close = json!({"state": "3", "close_code": "successful", "close_notes": "n"});
    client.patch(&change, close.clone()).await.expect(403);
    let task = format!("/api/now/table/change_task/{}", text(&task["sys_id"]["value"]));
    client.patch(&task, json!({"state": "3"})).await.expect(200);
    client.patch(&change, close).await.expect(200);
}

#[tokio::test]
async fn a_state_that_the_change_has_already_is_refused_by_its_api() {
    let instance = Instance::builder().approval_policies([]).start().await.unwrap();
    let id = submitted(&instance).await;
    let client = Client::integration(&instance);
    let one = format!("/api/sn_chg_rest/change/{id}");
    client.patch(&one, json!({"state": "Scheduled"})).await.expect(400);
    client.patch(&one, json!({"state": "Closed"})).await.expect(400);
    client.patch(&one, json!({"state": "Implement"})).await.expect(200);
    instance.set_properties(|properties| properties.model_refuses_state_writes = true);
    client.patch(&one, json!({"state": "Review"})).await.expect(400);
    client.patch(&format!("/api/now/table/change_request/{id}"), json!({"state": "0"})).await.expect(403);
}

#[tokio::test]
async fn an_instance_without_models_tells_no_transitions() {
    let instance = Instance::builder().properties(|properties| properties.change_models = false).start().await.unwrap();
    let client = Client::integration(&instance);
    let made = client.create("change_request", json!({"type": "normal", "assignment_group": GROUP})).await;
    assert_eq!(made["chg_model"], "");
    let next = client.get(&format!("/api/sn_chg_rest/change/{}/nextstates", text(&made["sys_id"]))).await.expect(200);
    assert_eq!(next.result()["state_transitions"], json!([]));
}
