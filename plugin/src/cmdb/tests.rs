//! Deployments into the CMDB, against replies in the shapes that instances send.

use super::*;
use crate::testing::{SETTINGS, Script};
use crate::transport::Method::{Delete, Get, Post};
use itsm_contract::types::ItemOutcome;
use serde_json::{Value, json};

const TYPE: &str = "1a9cb166f1571100a92eb60da2bce5c5";

fn event(phase: Value) -> DeployEvent {
    serde_json::from_value(json!({
        "delivery": {"key": "evt-88", "attempt": 1, "occurred-at": "2026-11-24T12:00:00Z"},
        "deployment-id": "deploy-88",
        "build": {"id": "build-4711", "image": {
            "name": "rhel-9", "version": "2026.11.1", "digest": "sha256:ab12", "format": "qcow2",
        }},
        "environment": {"name": "prod-eu-1", "tier": "production"},
        "systems": [
            {"name": "web-01", "kind": "virtual", "identifiers": {"serial-number": "VM-1", "fqdn": "web-01.example"}},
            {"name": "db-01", "kind": "physical", "identifiers": {"serial-number": "To Be Filled By O.E.M."}},
        ],
        "phase": phase,
        "labels": {},
    }))
    .unwrap()
}

fn list(rows: &[Value]) -> Value {
    json!({ "result": rows })
}

/// Up to the call: the type of relation is known, and no newer deployment.
fn start() -> Script {
    let kind = json!({"sys_id": TYPE, "name": "Depends on::Used by"});
    Script::new().on(Get, "cmdb_rel_type Depends", 200, list(&[kind])).on(Get, "sys_object_source", 200, list(&[]))
}

fn id(letter: char) -> String {
    letter.to_string().repeat(32)
}

fn said(index: usize, operation: &str, sys_id: &str) -> Value {
    json!({"className": "x", "operation": operation, "sysId": sys_id, "inputIndices": [index], "errorCount": 0})
}

fn refused(index: usize, code: &str) -> Value {
    json!({"className": "x", "operation": "NO_CHANGE", "sysId": "Unknown", "inputIndices": [index], "errorCount": 1,
        "errors": [{"error": code, "message": "in ServiceNow's words"}]})
}

fn reply(items: &[Value], relations: &[Value]) -> Value {
    json!({"result": {"items": items, "relations": relations, "hasError": false}})
}

fn held(sys_id: char, system: char, image: char, key: &str) -> Value {
    json!({"sys_id": id(sys_id), "parent": id(system), "child": id(image), "type": TYPE,
        "child.correlation_id": key, "child.name": format!("image {image}")})
}

fn image_key() -> String {
    Script::new().run(SETTINGS, key::image_prefix) + "x"
}

fn names(recorded: &Recorded) -> Vec<(&str, &ItemOutcome)> {
    recorded.items.iter().map(|item| (item.name.as_str(), &item.outcome)).collect()
}

#[test]
fn a_deployment_records_the_image_its_systems_and_their_relations_in_one_call() {
    let key = image_key();
    let items = [said(0, "INSERT", &id('a')), said(1, "INSERT", &id('b')), said(2, "UPDATE", &id('c'))];
    let script = start()
        .on(
            Post,
            "/api/now/identifyreconcile/enhanced sysparm_data_source=Other Automated partial_commits:true",
            200,
            reply(&items, &[said(0, "INSERT", &id('1')), said(1, "NO_CHANGE", &id('2'))]),
        )
        .on(Get, "cmdb_rel_ci parentIN", 200, list(&[held('1', 'b', 'a', &key), held('2', 'c', 'a', &key)]));
    let recorded = script.run(SETTINGS, |plugin| record(plugin, &event(json!("succeeded"))));
    assert_eq!(
        names(&recorded),
        [
            ("rhel-9 2026.11.1", &ItemOutcome::Created),
            ("web-01", &ItemOutcome::Created),
            ("db-01", &ItemOutcome::Updated),
            ("web-01 – rhel-9 2026.11.1", &ItemOutcome::Created),
            ("db-01 – rhel-9 2026.11.1", &ItemOutcome::Unchanged),
        ]
    );
    assert_eq!(recorded.unfinished, []);
    let sent = script.body(2);
    assert_eq!(sent["items"][0]["className"], "cmdb_ci_spkg");
    assert_eq!(sent["items"][0]["values"]["name"], "rhel-9 2026.11.1");
    assert_eq!(sent["items"][0]["values"]["version"], "2026.11.1+ab12");
    assert_eq!(
        sent["items"][1]["values"],
        json!({"name": "web-01", "serial_number": "VM-1", "fqdn": "web-01.example", "virtual": "true"})
    );
    assert_eq!(sent["items"][1]["sys_object_source_info"]["source_recency_timestamp"], "2026-11-24 12:00:00");
    assert_eq!(
        sent["items"][2]["values"],
        json!({"name": "db-01", "virtual": "false"}),
        "no serial is better than that"
    );
    assert_eq!(sent["relations"][1], json!({"parent": 2, "child": 0, "type": "Depends on::Used by"}));
    assert_eq!(script.actions(), ["cmdb.serial-ignored", "cmdb.recorded"]);
}

#[test]
fn status_200_with_errors_fails_those_items_by_name_and_what_was_abandoned_for_them_is_sent_again() {
    let key = image_key();
    let first = [refused(0, "ABANDONED"), refused(1, "MULTI_MATCH"), refused(2, "ABANDONED")];
    let second = [said(0, "INSERT", &id('a')), said(1, "INSERT", &id('c'))];
    let script = start()
        .on(Post, "identifyreconcile", 200, reply(&first, &[]))
        .on(Post, "identifyreconcile", 200, reply(&second, &[said(0, "INSERT", &id('2'))]))
        .on(Get, "cmdb_rel_ci", 200, list(&[held('2', 'c', 'a', &key)]));
    let recorded = script.run(SETTINGS, |plugin| record(plugin, &event(json!("succeeded"))));
    let told = names(&recorded);
    assert!(matches!(told[1], ("web-01", ItemOutcome::Failed(Failure::Refused(_)))), "{told:?}");
    assert_eq!(told[3], ("db-01 – rhel-9 2026.11.1", &ItemOutcome::Created));
    let [Failure::Refused(problem)] = recorded.unfinished.as_slice() else { panic!("{:?}", recorded.unfinished) };
    assert_eq!(problem.code, "cmdb.duplicates");
    assert!(problem.summary.starts_with("web-01: "), "{}", problem.summary);
    assert_eq!(problem.detail.as_deref(), Some("MULTI_MATCH: in ServiceNow's words"));
    assert_eq!(script.body(3)["items"].as_array().unwrap().len(), 2);
}

#[test]
fn partial_incomplete_unknown_and_locked_are_told_apart() {
    for (item, code) in [
        (said(1, "INSERT_AS_PARTIAL", "Unknown"), "cmdb.partial"),
        (said(1, "INSERT_AS_INCOMPLETE", "Unknown"), "cmdb.incomplete"),
        (said(1, "INSERT", "Unknown"), "cmdb.no-record"),
        (refused(1, "LOCK_TIMEOUT"), "cmdb.locked"),
        (refused(1, "MISSING_DEPENDENCY"), "cmdb.dependency"),
        (refused(1, "SOMETHING_NEW"), "cmdb.refused"),
    ] {
        let items = [said(0, "NO_CHANGE", &id('a')), item, said(2, "NO_CHANGE", &id('c'))];
        let script = start().on(Post, "identifyreconcile", 200, reply(&items, &[])).on(
            Get,
            "cmdb_rel_ci",
            200,
            list(&[held('2', 'c', 'a', &image_key())]),
        );
        let recorded = script.run(SETTINGS, |plugin| record(plugin, &event(json!("succeeded"))));
        let failure = format!("{:?}", recorded.unfinished);
        assert!(failure.contains(code), "{code}: {failure}");
        assert_eq!(failure.contains("Retry"), code == "cmdb.locked", "{failure}");
    }
}

#[test]
fn a_relation_that_was_taken_and_is_not_held_is_not_believed() {
    let items = [said(0, "INSERT", &id('a')), said(1, "INSERT", &id('b')), said(2, "INSERT", &id('c'))];
    let relations = [said(0, "INSERT", &id('1')), said(1, "INSERT", &id('2'))];
    let script = start().on(Post, "identifyreconcile", 200, reply(&items, &relations)).on(
        Get,
        "cmdb_rel_ci",
        200,
        list(&[held('1', 'b', 'a', &image_key())]),
    );
    let recorded = script.run(SETTINGS, |plugin| record(plugin, &event(json!("succeeded"))));
    assert!(
        matches!(recorded.unfinished.as_slice(), [Failure::Retry(later)] if later.problem.summary.starts_with("db-01 "))
    );
}

#[test]
fn a_newer_image_takes_the_place_of_the_earlier_one() {
    let key = image_key();
    let items = [said(0, "INSERT", &id('a')), said(1, "NO_CHANGE", &id('b')), said(2, "NO_CHANGE", &id('c'))];
    let relations = [said(0, "INSERT", &id('1')), said(1, "INSERT", &id('2'))];
    let rows = [held('1', 'b', 'a', &key), held('2', 'c', 'a', &key), held('3', 'b', 'e', &key)];
    let script = start()
        .on(Post, "identifyreconcile", 200, reply(&items, &relations))
        .on(Get, "cmdb_rel_ci", 200, list(&rows))
        .on(Get, "sys_object_source", 200, list(&[]))
        .on(Delete, &format!("cmdb/instance/cmdb_ci/{}/relation/{}", id('b'), id('3')), 204, Value::Null);
    let recorded = script.run(SETTINGS, |plugin| record(plugin, &event(json!("succeeded"))));
    assert_eq!(names(&recorded)[5], ("web-01 – image e", &ItemOutcome::Removed));
    assert_eq!(recorded.unfinished, []);
    assert!(script.actions().contains(&"cmdb.relation-deleted"));
}

#[test]
fn an_older_deployment_never_takes_the_place_of_a_newer_one() {
    let (web, source) = Script::new().run(SETTINGS, |plugin| {
        let event = event(json!("succeeded"));
        (key::system(plugin, &event.environment, &event.systems[0]), plugin.settings().cmdb.data_source.clone())
    });
    let newer = json!({"name": source, "id": web, "source_recency_timestamp": "2026-11-24 13:00:00"});
    let kind = json!({"sys_id": TYPE, "name": "Depends on::Used by"});
    let items = [said(0, "INSERT", &id('a')), said(1, "INSERT", &id('c'))];
    let script = Script::new()
        .on(Get, "cmdb_rel_type", 200, list(&[kind]))
        .on(Get, "sys_object_source source_recency_timestamp>2026-11-24", 200, list(&[newer]))
        .on(Post, "identifyreconcile", 200, reply(&items, &[said(0, "INSERT", &id('2'))]))
        .on(Get, "cmdb_rel_ci", 200, list(&[held('2', 'c', 'a', &image_key())]));
    let recorded = script.run(SETTINGS, |plugin| record(plugin, &event(json!("succeeded"))));
    assert_eq!(names(&recorded)[1], ("web-01", &ItemOutcome::Skipped));
    assert_eq!(script.body(2)["items"].as_array().unwrap().len(), 2);
}

#[test]
fn of_a_failed_deployment_only_the_systems_that_received_it_are_recorded() {
    let items = [said(0, "INSERT", &id('a')), said(1, "INSERT", &id('c'))];
    let script = start().on(Post, "identifyreconcile", 200, reply(&items, &[said(0, "INSERT", &id('2'))])).on(
        Get,
        "cmdb_rel_ci",
        200,
        list(&[held('2', 'c', 'a', &image_key())]),
    );
    let some = event(json!({"failed": {"why": "power", "received": ["db-01"]}}));
    let recorded = script.run(SETTINGS, |plugin| record(plugin, &some));
    assert_eq!(names(&recorded)[1], ("db-01", &ItemOutcome::Created));
    let none = event(json!({"failed": {"why": "power", "received": []}}));
    assert_eq!(Script::new().run(SETTINGS, |plugin| record(plugin, &none)), Recorded::default());
}

#[test]
fn a_type_of_relation_that_the_instance_lacks_is_told_before_anything_is_sent() {
    let script = Script::new().on(Get, "cmdb_rel_type", 200, list(&[]));
    let recorded = script.run(SETTINGS, |plugin| record(plugin, &event(json!("succeeded"))));
    assert!(matches!(recorded.unfinished.as_slice(), [Failure::Misconfigured(problem)]
        if problem.code == "cmdb.relation-unknown"));
}

#[test]
fn a_relation_that_was_refused_is_told_in_servicenows_words() {
    let items = [said(0, "INSERT", &id('a')), said(1, "INSERT", &id('b')), said(2, "INSERT", &id('c'))];
    let script = start()
        .on(Post, "identifyreconcile", 200, reply(&items, &[said(0, "INSERT", &id('1')), refused(1, "INSERT_FAILED")]))
        .on(Get, "cmdb_rel_ci", 200, list(&[held('1', 'b', 'a', &image_key())]));
    let recorded = script.run(SETTINGS, |plugin| record(plugin, &event(json!("succeeded"))));
    let [Failure::Refused(problem)] = recorded.unfinished.as_slice() else { panic!("{:?}", recorded.unfinished) };
    assert!(problem.summary.starts_with("db-01 – rhel-9 2026.11.1: "), "{problem:?}");
    assert_eq!(problem.detail.as_deref(), Some("INSERT_FAILED: in ServiceNow's words"));
}
