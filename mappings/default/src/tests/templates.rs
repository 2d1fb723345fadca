//! What templates print.

use super::incident;
use crate::template::position;

/// What a template prints over the sample failure, as one field.
fn printed(template: &str) -> Option<String> {
    let rules = toml::Table::from_iter([(
        "incident".to_owned(),
        toml::Value::Table(toml::Table::from_iter([(
            "fields".to_owned(),
            toml::Value::Table(toml::Table::from_iter([("u_it".to_owned(), template.into())])),
        )])),
    )]);
    let mapped =
        incident(&format!("lookups.groups = {{ \"rhel-*\" = \"Linux\", \"rhel-9-*\" = \"Linux 9\" }}\n{rules}"));
    mapped.fields.iter().find(|field| field.name == "u_it").map(|field| field.value.text().to_owned())
}

#[test]
fn templates_print_what_they_say() {
    for (template, wanted) in [
        ("plain text", "plain text"),
        ("{{ build.id }}", "build-4712"),
        ("{{ build.image.name }} {{ build.image.version }}", "rhel-9-hardened 2026.11.2"),
        ("{{ tests.failed }} failed", "1 failed"),
        ("{{ build.url | default('no page') }}", "no page"),
        ("{{ environment.tier | upper }}", "PRODUCTION"),
        ("{{ 'ABC' | lower ~ '-' ~ tests.passed }}", "abc-127"),
        ("{{ build.image.name | replace('-', ' ') }}", "rhel 9 hardened"),
        ("{{ message | truncate(12) }}", "a required …"),
        ("{{ message | split(': ') | last }}", "cis-benchmark"),
        ("{{ message | split(': ') | first | length }}", "23"),
        ("{{ tests.checks.name | join('; ') }}", "cis-benchmark"),
        ("{{ tests.checks | length }}", "1"),
        ("{{ delivery.occurred_at | datetime }}", "2026-11-24 11:00:00"),
        ("{{ build.image.name | lookup('groups') }}", "Linux 9"),
        ("{% if tests.failed > 0 %}bad{% else %}good{% endif %}", "bad"),
        ("{% if build.url %}x{% elif step == 'verification' %}y{% else %}z{% endif %}", "y"),
        ("{{ 'yes' if environment.name in ['prod-eu-1', 'prod-eu-2'] else 'no' }}", "yes"),
        ("{{ 'yes' if environment.name | matches('prod-*-1') and not build.url else 'no' }}", "yes"),
        (
            "{% for check in tests.checks %}{{ check.name }}: {{ check.detail }}{% endfor %}",
            "cis-benchmark: 3 of 212 rules do not hold",
        ),
        ("a {# nothing #}b", "a b"),
        ("{{ '{{' }} {{ \"it's\" }} {{ 'a\\'b' }}", "{{ it's a'b"),
        ("  x  {{- ' y ' -}}  z  ", "x y z"),
        ("{{ defaults.urgency }}", "2"),
        ("{{ (build.url or build.id) | starts_with('build') }}", "true"),
        ("{{ tests.checks[0].outcome }}", "failed"),
        ("{{ kind }}", "incident"),
    ] {
        assert_eq!(printed(template).as_deref(), Some(wanted), "{template}");
    }
}

#[test]
fn what_is_not_there_prints_nothing_and_what_prints_nothing_is_not_sent() {
    for template in [
        "{{ build.url }}",
        "{{ labels['cost-center'] }}",
        "{{ labels.owner | upper }}",
        "{{ 'sles-15' | lookup('groups') }}",
        "{% for system in systems %}{{ system.name }}{% endfor %}",
        "{{ change.number }}",
        "{{ 'x' if build.url }}",
    ] {
        assert_eq!(printed(template), None, "{template}");
    }
}

#[test]
fn blocks_on_their_own_lines_leave_no_empty_lines() {
    let template = "Checks:\n{% for check in tests.checks %}\n  {% if check.required %}\n- {{ check.name }}\n  {% endif %}\n{% endfor %}\nEnd";
    assert_eq!(printed(template).as_deref(), Some("Checks:\n- cis-benchmark\nEnd"));
}

#[test]
fn a_column_counts_characters_and_a_line_starts_at_one() {
    assert_eq!(position("äö\nü{{", "äö\nü".len()), (2, 2));
    assert_eq!(position("", 0), (1, 1));
}
