//! What is sent keeps to ServiceNow's limits.

use super::{Filled, RecordKind, fill};
use crate::plugin::Plugin;
use crate::servicenow::Record;
use crate::testing::{NOW, SETTINGS, Script};
use crate::transport::Method::Get;
use crate::transport::{Complaint, Field, Grants, Mapped, Mapping, Produced, Value};
use itsm_contract::types::Failure;
use serde_json::json;

/// A mapping that says this, whatever it is asked.
struct Says(Vec<Field>);

impl Mapping for Says {
    fn check_rules(&self, _: &str) -> Result<Vec<Produced>, Vec<Complaint>> {
        Ok(Vec::new())
    }

    fn apply(&self, _: &str, _: &str, _: &str, _: Vec<Field>) -> Result<Mapped, Complaint> {
        Ok(Mapped { class_name: None, fields: self.0.clone() })
    }
}

fn named(field: &str, name: &str) -> Field {
    Field { name: field.into(), value: Value::Named(name.into()) }
}

/// What is sent for so many records of one call.
fn sent(script: &Script, kind: RecordKind, fields: Vec<Field>, records: usize) -> Result<Filled, Failure> {
    let mapping = Says(fields);
    let grants = Grants { transport: script, audit: script, mapping: Some(&mapping), now: NOW };
    let plugin = Plugin::new(grants, SETTINGS).unwrap();
    let fill = || fill(&plugin, kind, &json!({}), vec![Field::text("short_description", "the plugin's own")]);
    (1..records).for_each(|_| drop(fill().unwrap()));
    let filled = fill();
    assert!(script.is_held(), "a request was never sent");
    filled
}

fn dictionary(rows: serde_json::Value) -> Script {
    Script::new().on(Get, "/table/sys_dictionary elementIN", 200, json!({ "result": rows }))
}

fn text<'f>(filled: &'f Filled, field: &str) -> &'f str {
    filled.values[field].as_str().unwrap()
}

#[test]
fn a_text_that_is_too_long_is_cut_with_an_ellipsis_and_audited() {
    let script = Script::new();
    let filled =
        sent(&script, RecordKind::Incident, vec![Field::text("short_description", "ü".repeat(161))], 1).unwrap();
    assert_eq!(text(&filled, "short_description"), format!("{}…", "ü".repeat(159)));
    assert_eq!(script.actions(), ["mapping.cut"]);
    assert_eq!(script.detail("mapping.cut", "length").as_deref(), Some("160"));
}

#[test]
fn what_the_database_keeps_whole_is_not_cut() {
    let script = Script::new();
    let long = "x".repeat(20_000);
    let fields = vec![Field::text("description", long.clone()), Field::text("short_description", "x".repeat(160))];
    let filled = sent(&script, RecordKind::BuildChange, fields, 1).unwrap();
    assert_eq!((text(&filled, "description"), text(&filled, "short_description").len()), (long.as_str(), 160));
    // An item's short description is longer than a task's.
    let filled = sent(&script, RecordKind::Image, vec![Field::text("short_description", "x".repeat(900))], 1).unwrap();
    assert_eq!(text(&filled, "short_description").len(), 900);
    assert!(script.actions().is_empty());
}

#[test]
fn the_dictionary_is_asked_once_for_a_call_and_only_where_it_matters() {
    let row =
        |table: &str, length: &str| json!({"sys_id": "1", "name": table, "element": "u_reason", "max_length": length});
    // The nearest table's row counts.
    let script = dictionary(json!([row("task", "200"), row("change_request", "50")]));
    let fields = vec![Field::text("u_reason", "x".repeat(60)), Field::text("u_short", "y".repeat(40))];
    let filled = sent(&script, RecordKind::BuildChange, fields, 3).unwrap();
    assert_eq!(text(&filled, "u_reason"), format!("{}…", "x".repeat(49)));
    assert_eq!(text(&filled, "u_short").len(), 40);
    assert_eq!(script.actions(), ["mapping.cut"; 3]);

    let script = Script::new();
    let filled = sent(&script, RecordKind::BuildChange, vec![Field::text("u_reason", "x".repeat(40))], 1).unwrap();
    assert_eq!(text(&filled, "u_reason").len(), 40);
}

#[test]
fn a_column_that_the_dictionary_does_not_show_is_sent_whole_and_audited() {
    let long = "x".repeat(60);
    for script in [
        dictionary(json!([])),
        Script::new().on(Get, "/table/sys_dictionary", 403, json!({"error": {"message": "x"}})),
        // A mediumtext, and a row of another column.
        dictionary(json!([{"sys_id": "1", "name": "incident", "element": "u_other", "max_length": "10"}])),
    ] {
        let filled = sent(&script, RecordKind::Incident, vec![Field::text("u_reason", long.clone())], 1).unwrap();
        assert_eq!(text(&filled, "u_reason"), long);
        assert_eq!(script.actions(), ["mapping.column-unknown"]);
    }
    let rows = json!([{"sys_id": "1", "name": "incident", "element": "u_reason", "max_length": "4000"}]);
    let script = dictionary(rows);
    let filled = sent(&script, RecordKind::Incident, vec![Field::text("u_reason", long.clone())], 1).unwrap();
    assert_eq!((text(&filled, "u_reason"), script.actions().len()), (long.as_str(), 0));
}

#[test]
fn a_dictionary_that_does_not_answer_now_is_asked_again_later() {
    let script = Script::new().on(Get, "/table/sys_dictionary", 503, json!({}));
    let failure = sent(&script, RecordKind::Incident, vec![Field::text("u_reason", "x".repeat(60))], 1).unwrap_err();
    assert!(matches!(failure, Failure::Retry(_)), "{failure:?}");
}

#[test]
fn a_reference_is_found_by_name_once_for_a_call() {
    let id = "287ebd7da9fe198100f92cc8d1d2154e";
    let script = Script::new().on(
        Get,
        "/table/sys_user_group name=Linux",
        200,
        json!({"result": [{"sys_id": id, "name": "Linux"}]}),
    );
    let filled = sent(&script, RecordKind::Incident, vec![named("assignment_group", "Linux")], 3).unwrap();
    assert_eq!(text(&filled, "assignment_group"), id);
    // A sys_id is taken as it is.
    let filled = sent(&Script::new(), RecordKind::Incident, vec![named("assignment_group", id)], 1).unwrap();
    assert_eq!(text(&filled, "assignment_group"), id);
}

#[test]
fn a_reference_of_the_customers_own_is_looked_up_in_the_table_that_the_dictionary_names() {
    let id = "287ebd7da9fe198100f92cc8d1d2154e";
    let row =
        json!([{"sys_id": "1", "name": "task", "element": "u_owner", "max_length": "32", "reference": "sys_user"}]);
    let found = json!({"result": [{"sys_id": id, "user_name": "ada"}]});
    let script = dictionary(row).on(Get, "/table/sys_user user_name=ada", 200, found);
    let filled = sent(&script, RecordKind::Incident, vec![named("u_owner", "ada")], 2).unwrap();
    assert_eq!(text(&filled, "u_owner"), id);

    let script = dictionary(json!([]));
    let failure = sent(&script, RecordKind::Incident, vec![named("u_owner", "ada")], 1).unwrap_err();
    let Failure::Misconfigured(problem) = failure else { panic!("{failure:?}") };
    assert_eq!(problem.summary, "`u_owner` cannot be given by name: give its sys_id");
}

#[test]
fn what_the_instance_did_not_keep_is_audited() {
    let script = Script::new();
    let fields = ["u_gone", "risk", "category", "work_notes"].map(|name| Field::text(name, "said"));
    let mapping = Says(fields.into());
    let grants = Grants { transport: &script, audit: &script, mapping: Some(&mapping), now: NOW };
    let plugin = Plugin::new(grants, SETTINGS).unwrap();
    let filled = fill(&plugin, RecordKind::BuildChange, &json!({}), Vec::new()).unwrap();
    assert_eq!(filled.read_back("number,risk"), "number,risk,u_gone,category,work_notes");
    let stored = json!({"number": "CHG1", "risk": "", "category": "said", "work_notes": ""});
    filled.tell_lost(&plugin, "evt-1", &Record::new(stored).unwrap());
    let told: Vec<_> = ["u_gone", "risk"].iter().map(|_| "mapping.lost").collect();
    assert_eq!(script.actions(), told);
    assert_eq!(script.detail("mapping.lost", "became").as_deref(), Some("dropped"));
}
