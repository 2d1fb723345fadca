//! What becomes of what is written: choices, lengths, priorities, journals, policies, the columns that count.

use crate::support::{Client, text};
use host_harness::servicenow::{Clock, Instance};
use serde_json::json;

#[tokio::test]
async fn a_value_that_is_no_choice_is_emptied_unless_the_instance_keeps_it() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    assert_eq!(client.create("change_request", json!({"category": "Nonesuch"})).await["category"], "");
    let kept = client.post("/api/sn_chg_rest/change/normal", json!({"category": "Nonesuch"})).await.expect(200);
    assert_eq!(kept.result()["category"]["value"], "Nonesuch");
    instance.set_properties(|properties| properties.allow_non_existing_choice_value = true);
    assert_eq!(client.create("change_request", json!({"category": "Nonesuch"})).await["category"], "Nonesuch");
}

#[tokio::test]
async fn short_columns_are_cut_and_long_ones_are_not() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let long = "ä".repeat(5000);
    let made = client.create("change_request", json!({"short_description": long, "description": long})).await;
    assert_eq!(text(&made["short_description"]).chars().count(), 160);
    assert_eq!(text(&made["description"]).chars().count(), 5000);
    instance.set_properties(|properties| properties.truncate_long_text = false);
    client.post("/api/now/table/change_request", json!({"short_description": long})).await.expect(400);
}

#[tokio::test]
async fn priority_comes_from_impact_and_urgency_whatever_was_sent() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    for (impact, urgency, priority) in [
        (1, 1, "1"),
        (1, 2, "2"),
        (2, 1, "2"),
        (1, 3, "3"),
        (2, 2, "3"),
        (3, 1, "3"),
        (2, 3, "4"),
        (3, 2, "4"),
        (3, 3, "5"),
    ] {
        let body = json!({"impact": impact, "urgency": urgency, "priority": 1});
        assert_eq!(client.create("incident", body).await["priority"], priority, "{impact} {urgency}");
    }
}

#[tokio::test]
async fn what_changes_nothing_counts_nothing() {
    let clock = Clock::default();
    clock.freeze("2026-01-31T10:00:00Z".parse().unwrap());
    let instance = Instance::builder().clock(clock.clone()).start().await.unwrap();
    let client = Client::integration(&instance);
    let made = client.create("incident", json!({"short_description": "x", "no_such_field": "y"})).await;
    assert!(made.get("no_such_field").is_none());
    let target = format!("/api/now/table/incident/{}", text(&made["sys_id"]));
    clock.advance(jiff::SignedDuration::from_secs(5));
    let same = client.patch(&target, json!({"short_description": "x"})).await.expect(200).result();
    assert_eq!((&same["sys_mod_count"], &same["sys_updated_on"]), (&json!("0"), &json!("2026-01-31 10:00:00")));
    let other = client.patch(&target, json!({"short_description": "", "active": true})).await.expect(200).result();
    assert_eq!((&other["sys_mod_count"], &other["sys_updated_on"]), (&json!("1"), &json!("2026-01-31 10:00:05")));
    assert_eq!(other["short_description"], "");
}

#[tokio::test]
async fn system_columns_are_the_callers_only_where_that_is_asked_for() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let body = json!({"sys_created_on": "2020-01-01 00:00:00", "sys_created_by": "somebody"});
    assert_ne!(client.create("incident", body.clone()).await["sys_created_by"], "somebody");
    let target = "/api/now/table/incident?sysparm_suppress_auto_sys_field=true";
    let made = client.post(target, body.clone()).await.expect(201).result();
    assert_eq!((&made["sys_created_by"], &made["sys_created_on"]), (&json!("somebody"), &json!("2020-01-01 00:00:00")));
    instance.set_properties(|properties| properties.admin_only_sys_fields = true);
    assert_ne!(client.post(target, body).await.expect(201).result()["sys_created_by"], "somebody");
}

#[tokio::test]
async fn an_incident_is_resolved_with_a_code_and_reopened() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let made = client.create("incident", json!({})).await;
    assert_eq!((&made["caller_id"], &made["state"]), (&json!(""), &json!("1")));
    let target = format!("/api/now/table/incident/{}", text(&made["sys_id"]));
    // A code of another release is emptied, and then it is missing.
    let old = json!({"state": "6", "close_code": "Solved (Permanently)", "close_notes": "n"});
    let refused = client.patch(&target, old).await.expect(403);
    assert_eq!(refused.error().1, "Data Policy Exception: The following fields are mandatory: Resolution code");
    let resolve = json!({"state": "6", "close_code": "Solution provided", "close_notes": "n"});
    let resolved = client.patch(&target, resolve).await.expect(200).result();
    assert_eq!((&resolved["incident_state"], &resolved["active"]), (&json!("6"), &json!("true")));
    assert_ne!(resolved["resolved_at"], "");
    client.patch(&target, json!({"state": "7"})).await.expect(403);
    let again = client.patch(&target, json!({"state": "2"})).await.expect(200).result();
    assert_eq!((&again["reopen_count"], &again["resolved_at"]), (&json!("1"), &json!("")));
    let strict = Instance::builder().properties(|p| p.incident_mandatory = vec!["caller_id".into()]);
    let strict = strict.start().await.unwrap();
    let refused = Client::integration(&strict).post("/api/now/table/incident", json!({})).await.expect(403);
    assert_eq!(refused.error().1, "Data Policy Exception: The following fields are mandatory: Caller");
}
