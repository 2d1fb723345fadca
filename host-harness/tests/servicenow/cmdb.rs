//! Identification and reconciliation, and the CMDB Instance API.

use crate::support::{Client, text};
use host_harness::servicenow::Instance;
use serde_json::{Value, json};

const IRE: &str = "/api/now/identifyreconcile?sysparm_data_source=ImageFactory";

fn payload(ip: &str) -> Value {
    json!({
        "items": [
            {"className": "cmdb_ci_linux_server", "internal_id": "host",
             "values": {"name": "lnux101", "serial_number": "S-1001", "ip_address": ip},
             "sys_object_source_info": {"source_name": "ImageFactory", "source_native_key": "host/lnux101"}},
            {"className": "cmdb_ci_spkg", "internal_id": "img", "values": {"name": "rhel9-base", "version": "1.4.3"}}
        ],
        "relations": [{"parent": 1, "child": 0, "type": "Runs on::Runs"}]
    })
}

#[tokio::test]
async fn an_item_is_inserted_once_then_unchanged_then_updated() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let operations = |result: &Value| {
        let of = |list: &str| text(&result[list][0]["operation"]).to_owned();
        (of("items"), of("relations"))
    };
    let dry = client.post(&IRE.replace("?", "/query?"), payload("10.0.0.5")).await.expect(200).result();
    assert_eq!(operations(&dry), ("INSERT".into(), "INSERT".into()));
    assert_eq!(instance.records("cmdb_ci_spkg").len(), 0);
    let first = client.post(IRE, payload("10.0.0.5")).await.expect(200).result();
    assert_eq!(operations(&first), ("INSERT".into(), "INSERT".into()));
    let second = client.post(IRE, payload("10.0.0.5")).await.expect(200).result();
    assert_eq!(operations(&second), ("NO_CHANGE".into(), "NO_CHANGE".into()));
    let third = client.post(IRE, payload("10.0.0.6")).await.expect(200).result();
    assert_eq!(operations(&third), ("UPDATE".into(), "NO_CHANGE".into()));
    assert_eq!(first["items"][0]["sysId"], third["items"][0]["sysId"]);
    assert_eq!(instance.records("cmdb_rel_ci").len(), 1);
}

#[tokio::test]
async fn a_failed_item_fails_all_and_is_still_200() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let mut sent = payload("10.0.0.5");
    sent["items"][1] = json!({"className": "cmdb_ci_os_template", "values": {"name": "x", "object_id": "y"}});
    let result = client.post(IRE, sent).await.expect(200).result();
    assert_eq!(result["hasError"], true);
    assert_eq!(result["items"][1]["errors"][0]["error"], "MISSING_DEPENDENCY");
    assert_eq!(result["items"][0]["errors"][0]["error"], "ABANDONED");
    assert_eq!(result["items"][0]["sysId"], "Unknown");
    assert!(instance.records("cmdb_ci_os_template").is_empty());
    let bad = IRE.replace("ImageFactory", "Nonesuch");
    let result = client.post(&bad, payload("10.0.0.5")).await.expect(200).result();
    assert_eq!(result["items"][0]["errors"][0]["error"], "INVALID_INPUT_DATA");
}

#[tokio::test]
async fn the_instance_api_takes_text_and_nothing_else() {
    let instance = Instance::builder().start().await.unwrap();
    let client = Client::integration(&instance);
    let target = "/api/now/cmdb/instance/cmdb_ci_linux_server";
    let number = json!({"attributes": {"name": "h", "cpu_count": 4}, "source": "Manual Entry"});
    let refused = client.post(target, number).await.expect(500);
    assert_eq!(refused.error().0, "class java.lang.Integer cannot be cast to class java.lang.String");
    let body = json!({"attributes": {"name": "h", "cpu_count": "4"}, "source": "Manual Entry",
        "outbound_relations": [{"type": "1a9cb166f1571100a92eb60da2bce5c5",
                                "target": "b0c4030ac0a800090152e7a4564ca36d"}]});
    let made = client.post(target, body).await.expect(200).result();
    assert_eq!(made["outbound_relations"][0]["target"]["display_value"], "lnux100");
    let bad = json!({"attributes": {"name": "h"}, "source": "Nonesuch"});
    assert!(client.post(target, bad).await.expect(400).error().1.contains("invalid data source [Nonesuch]"));
}
