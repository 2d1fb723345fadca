//! What no rule and no event can do.

use super::rules;
use crate::{apply, check_rules};
use proptest::prelude::*;

fn nested(depth: usize) -> String {
    format!("incident.fields.u_it = \"{{{{ {}build.id{} }}}}\"", "(".repeat(depth), ")".repeat(depth))
}

#[test]
fn nesting_is_bounded() {
    assert!(check_rules(&rules(&nested(30))).is_ok());
    let said = check_rules(&rules(&nested(33))).unwrap_err();
    assert_eq!(said[0].message, "nested more than 32 deep");
    let deep = format!("incident.fields.u_it = \"{}\"", "{% if build.id %}".repeat(10_000));
    assert_eq!(check_rules(&rules(&deep)).unwrap_err()[0].message, "nested more than 32 deep");
    let not = format!("incident.when = [{{ if = \"{} build.id\" }}]", "not ".repeat(10_000));
    assert_eq!(check_rules(&rules(&not)).unwrap_err()[0].message, "nested more than 32 deep");
}

#[test]
fn operators_are_bounded() {
    for (operator, count) in [(" ~ 'x'", 10_000), (" or 'x'", 10_000), (" | trim", 10_000), (".x", 10_000)] {
        let of = |count: usize| format!("incident.fields.u_it = \"{{{{ labels.a{} }}}}\"", operator.repeat(count));
        assert!(check_rules(&rules(&of(255))).is_ok(), "{operator}");
        let said = check_rules(&rules(&of(count))).unwrap_err();
        assert_eq!(said[0].message, "this expression has more than 256 operators");
    }
}

/// Templates from pieces that fit together more often than chance would have it.
fn template() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{{ ",
        " }}",
        "{% if ",
        " %}",
        "{% else %}",
        "{% endif %}",
        "{% for x in ",
        "{% endfor %}",
        "{#",
        "#}",
        "build",
        ".",
        "image",
        "name",
        "systems",
        "labels",
        "['a']",
        "[0]",
        "tests.failed",
        "x",
        " | ",
        "upper",
        "join('-')",
        "truncate(3)",
        "default('')",
        "lookup('t')",
        " == ",
        " in ",
        " < ",
        " ~ ",
        " and ",
        " not ",
        " if ",
        " else ",
        "'é'",
        "\"",
        "\\",
        "-",
        "1",
        "true",
        "(",
        ")",
        "\n",
        "  ",
        "é",
        "datetime",
        "split('')",
        "first",
        "length",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// Events that are JSON and need not be events.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[a-zé ]{0,6}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = prop::sample::select(vec![
            "build", "image", "name", "systems", "labels", "tests", "failed", "phase", "other", "a",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((name, inner), 0..4).prop_map(|entries| entries
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

proptest! {
    #[test]
    fn no_template_and_no_event_panics_and_what_is_checked_is_applied(source in template(), event in json()) {
        let rules = serde_json::json!({
            "lookups": {"t": {"a*": "b"}},
            "deploy-change": {"fields": {"u_it": source}, "when": [{"if": source, "fields": {"u_that": true}}]},
        }).to_string();
        let checked = check_rules(&rules);
        let applied = apply(&rules, "deploy-change", &event.to_string(), Vec::new());
        prop_assert_eq!(checked.is_ok(), applied.is_ok());
    }

    #[test]
    fn no_text_as_rules_panics(text in "\\PC{0,64}") {
        let _ = check_rules(&text);
        let _ = apply(&text, "incident", &text, Vec::new());
    }

    #[test]
    fn no_rules_return_a_field_of_the_plugins_own(name in prop::sample::select(vec!["state", "approval", "sys_id", "sys_class_name", "number", "correlation_id", "type"])) {
        let rules = serde_json::json!({"change": {"fields": {name: "x"}}}).to_string();
        prop_assert!(check_rules(&rules).is_err());
        let applied = apply(&rules, "build-change", "{}", Vec::new());
        prop_assert!(applied.is_err());
    }
}
