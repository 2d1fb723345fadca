//! What records say: layers, tables, references, removal.

use super::{event, incident, named, rules, text};
use crate::{Value, apply, check_rules};

#[test]
fn no_rules_leave_the_defaults_as_they_are() {
    let defaults = vec![text("short_description", "Build of rhel-9"), named("assignment_group", "Linux")];
    for rules in ["", "{}", r#"{"on-error": "fail"}"#, r#"{"incident": {}}"#] {
        let mapped = apply(rules, "build-change", &event("build-requested"), defaults.clone()).unwrap();
        assert_eq!(mapped.fields, defaults);
        assert_eq!(mapped.class_name, None);
    }
}

#[test]
fn a_rule_replaces_a_default_adds_a_field_or_takes_one_out() {
    let mapped = apply(
        &rules(
            r#"
            [incident.fields]
            urgency = 1
            short_description = "{{ defaults.short_description }} ({{ build.id }})"
            assignment_group = { named = "Platform {{ environment.tier }}" }
            description = false
            u_automated = true
            "#,
        ),
        "incident",
        &event("failure"),
        vec![text("description", "long"), text("short_description", "It failed"), text("urgency", "2")],
    );
    assert_eq!(
        mapped.unwrap().fields,
        [
            text("short_description", "It failed (build-4712)"),
            text("urgency", "1"),
            named("assignment_group", "Platform production"),
            text("u_automated", "true"),
        ]
    );
}

#[test]
fn later_layers_win_tier_environment_pattern_condition() {
    let layered = |last: &str| {
        let layers = [
            "fields.urgency = \"3\"",
            "tiers.production.fields.urgency = \"tier\"",
            "environments.\"prod-*\".fields.urgency = \"pattern\"",
            "environments.\"prod-eu-*\".fields.urgency = \"narrower\"",
            "environments.prod-eu-1.fields.urgency = \"name\"",
            "when = [{ if = \"step == 'build'\", fields.urgency = \"no\" }, { if = \"tests.failed == 1\", fields.urgency = \"condition\" }]",
        ];
        let end = layers.iter().position(|layer| layer.contains(last)).unwrap();
        // Written backwards: what wins is what says more, not what comes last in the file.
        let mut toml: Vec<_> = layers[..=end].to_vec();
        toml.reverse();
        incident(&format!("[incident]\n{}", toml.join("\n"))).fields[0].value.text().to_owned()
    };
    for last in ["3", "tier", "pattern", "narrower", "name", "condition"] {
        assert_eq!(layered(&format!("\"{last}\"")), last);
    }
}

#[test]
fn a_tier_of_the_customers_own_is_its_text() {
    let event = r#"{"build": {"id": "b"}, "environment": {"name": "dr", "tier": {"other": "recovery"}}}"#;
    let rules = rules("incident.tiers.recovery.fields.urgency = \"1\"");
    let mapped = apply(&rules, "incident", event, Vec::new()).unwrap();
    assert_eq!(mapped.fields, [text("urgency", "1")]);
}

#[test]
fn change_speaks_of_both_kinds_and_a_kind_of_its_own() {
    let rules = rules(
        r#"
        [change.fields]
        category = "Operating system"
        assignment_group = { named = "Change" }
        [deploy-change.fields]
        assignment_group = { named = "Deployments of {{ deployment_id }}" }
        "#,
    );
    let build = apply(&rules, "build-change", &event("build-requested"), Vec::new()).unwrap();
    assert_eq!(build.fields, [named("assignment_group", "Change"), text("category", "Operating system")]);
    let deploy = apply(&rules, "deploy-change", &event("deploy-requested"), Vec::new()).unwrap();
    assert_eq!(
        deploy.fields,
        [named("assignment_group", "Deployments of deploy-88"), text("category", "Operating system")]
    );
}

#[test]
fn a_system_has_its_class_and_its_identifiers() {
    let rules = rules(
        r#"
        lookups.sites = { CZ = "Prague", VM = "Cloud" }
        [system]
        class = "cmdb_ci_linux_server"
        fields.serial_number = "{{ system.identifiers['serial-number'] }}"
        fields.fqdn = "{{ system.identifiers.fqdn }}"
        [[system.when]]
        if = "system.kind == 'physical'"
        class = "cmdb_ci_server"
        fields.location = { named = "{{ 'CZ' | lookup('sites') }}" }
        "#,
    );
    let with = |name: &str| {
        let mut event: serde_json::Value = serde_json::from_str(&event("deploy-requested")).unwrap();
        let systems = event["systems"].as_array().unwrap().clone();
        event["system"] = systems.into_iter().find(|system| system["name"] == name).unwrap();
        apply(&rules, "system", &event.to_string(), Vec::new()).unwrap()
    };
    let web = with("web-01");
    assert_eq!(web.class_name.as_deref(), Some("cmdb_ci_linux_server"));
    assert_eq!(web.fields, [text("fqdn", "web-01.example"), text("serial_number", "VM-7f3a01")]);
    let db = with("db-01");
    assert_eq!(db.class_name.as_deref(), Some("cmdb_ci_server"));
    assert_eq!(db.fields, [text("serial_number", "CZJ0420X1"), named("location", "Prague")]);
}

#[test]
fn what_a_case_carries_stands_beside_it() {
    let event = r#"{"deployment-id": "d", "phase": {"failed": {"why": "no disk", "received": ["a", "b"]}},
        "schedule": {"first-free": 60000}, "gate": {"verdict": {"pause": {"waiting-for": ["CAB"]}}}}"#;
    let rules = rules(
        r#"deploy-change.fields.u_it = "{{ phase }} {{ phase_failed.why }} {{ phase_failed.received }} {{ schedule }} {{ schedule_first_free }} {{ gate.verdict_pause.waiting_for }}""#,
    );
    let mapped = apply(&rules, "deploy-change", event, Vec::new()).unwrap();
    assert_eq!(mapped.fields, [text("u_it", "failed no disk a, b first-free 60000 CAB")]);
}

#[test]
fn a_label_that_repeats_is_a_list() {
    let event = r#"{"labels": {"owner": ["ada", "grace"], "cost-center": "4711"}}"#;
    let rules =
        rules(r#"incident.fields.u_it = "{{ labels.owner }} {{ labels['cost-center'] }} {{ labels.owner | first }}""#);
    assert_eq!(apply(&rules, "incident", event, Vec::new()).unwrap().fields, [text("u_it", "ada, grace 4711 ada")]);
}

#[test]
fn checked_rules_say_what_they_can_produce() {
    let produced = check_rules(&rules(
        r#"
        [change.fields]
        category = "x"
        description = false
        [incident]
        fields.urgency = "1"
        tiers.production.fields.impact = "1"
        environments."prod-*".fields.location = { named = "y" }
        when = [{ if = "tests.failed > 3", fields.u_bad = true }]
        "#,
    ))
    .unwrap();
    let produced: Vec<_> = produced.iter().map(|p| (p.kind.as_str(), p.fields.join(" "), p.open)).collect();
    assert_eq!(
        produced,
        [
            ("build-change", "category".to_owned(), false),
            ("deploy-change", "category".to_owned(), false),
            ("incident", "urgency impact location u_bad".to_owned(), false),
            ("image", String::new(), false),
            ("system", String::new(), false),
        ]
    );
}

#[test]
fn a_kind_that_is_unknown_and_an_event_that_is_no_json_are_told() {
    let said = apply("", "incidents", "{}", Vec::new()).unwrap_err().message;
    assert_eq!(said, "there is no kind of record `incidents`; did you mean `incident`?");
    let said = apply("", "incident", "{", Vec::new()).unwrap_err().message;
    assert!(said.starts_with("the event is no JSON: "), "{said}");
}

#[test]
fn a_reference_keeps_being_one() {
    let mapped = incident("incident.fields.cmdb_ci = { named = \"{{ build.image.name }}\" }");
    assert_eq!(mapped.fields[1].value, Value::Named("rhel-9-hardened".into()));
}
