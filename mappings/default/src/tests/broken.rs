//! Rule files that are broken, and the whole of what is said about each.

use super::rules;
use crate::check_rules;

/// Every complaint, one a line: path, line and column where there are any, message.
fn said(toml: &str) -> String {
    let complaints = check_rules(&rules(toml)).unwrap_err();
    let lines: Vec<_> = complaints
        .into_iter()
        .map(|complaint| match (complaint.line, complaint.column) {
            (Some(line), Some(column)) => format!("{} at {line}:{column}: {}", complaint.path, complaint.message),
            _ => format!("{}: {}", complaint.path, complaint.message),
        })
        .collect();
    lines.join("\n")
}

#[test]
fn a_misspelt_variable_is_named_with_its_place_and_the_nearest() {
    assert_eq!(
        said(
            "incident.fields.description = \"\"\"\nImage {{ build.image.name }}\nfailed in {{ enviroment.name }}.\n\"\"\""
        ),
        "incident.fields.description at 2:14: there is no `enviroment` in this event; did you mean `environment`?"
    );
}

#[test]
fn a_misspelt_part_is_named_even_in_a_branch_that_is_never_taken() {
    assert_eq!(
        said(r#"incident.fields.description = "{% if false %}{{ build.image.versoin }}{% endif %}""#),
        "incident.fields.description at 1:30: there is no part `versoin` here; did you mean `version`?"
    );
}

#[test]
fn a_variable_of_another_event_is_told() {
    assert_eq!(
        said(r#"incident.fields.description = "{{ deployment_id }}""#),
        "incident.fields.description at 1:4: there is no `deployment_id` in this event"
    );
}

#[test]
fn a_filter_that_does_not_exist_is_named_with_the_nearest() {
    assert_eq!(
        said(r#"change.fields.category = "{{ build.id | uper }}""#),
        "change.fields.category at 1:15: there is no filter `uper`; did you mean `upper`?"
    );
}

#[test]
fn a_block_without_an_end_is_told_where_it_began() {
    assert_eq!(
        said(r#"change.fields.category = "x {% if build.url %}y""#),
        "change.fields.category at 1:6: this `if` has no `{% endif %}`"
    );
}

#[test]
fn a_field_of_the_plugins_own_is_refused() {
    assert_eq!(
        said("[incident.fields]\nstate = \"6\"\nsys_id = \"0\"\n[change.tiers.test.fields]\napproval = \"approved\""),
        "change.tiers.test.fields.approval: `approval` is the plugin's own, as are all fields of identity, state and approval: leave it out\n\
         incident.fields.state: `state` is the plugin's own, as are all fields of identity, state and approval: leave it out\n\
         incident.fields.sys_id: `sys_id` is the plugin's own, as are all fields of identity, state and approval: leave it out"
    );
}

#[test]
fn a_label_instead_of_a_column_is_told() {
    assert_eq!(
        said("incident.fields.\"Short description\" = \"x\""),
        "incident.fields.\"Short description\": `Short description` is no column: write its name, such as `short_description`, \
         not its label"
    );
}

#[test]
fn a_section_that_does_not_exist_is_named_with_the_nearest() {
    assert_eq!(
        said("[incidents.fields]\nurgency = 1\n[incident.field]\nurgency = 1"),
        "incidents: there is no section `incidents`; did you mean `incident`?\n\
         incident.field: there is no `field` here; did you mean `fields`?"
    );
}

#[test]
fn a_table_that_does_not_exist_is_named_with_the_nearest() {
    assert_eq!(
        said("lookups.groups = { a = \"b\" }\nincident.fields.urgency = \"{{ build.id | lookup('group') }}\""),
        "incident.fields.urgency at 1:22: there is no table `group` in `lookups`; did you mean `groups`?"
    );
}

#[test]
fn a_condition_that_compares_wrongly_is_told() {
    assert_eq!(
        said(
            "[[incident.when]]\nif = \"tests.failed == '0'\"\n[[incident.when]]\nif = \"step = 'build'\"\n[[incident.when]]\nfields.urgency = 1"
        ),
        "incident.when[0].if at 1:7: a number is never a text\n\
         incident.when[1].if at 1:6: `=` compares nothing: write `==`\n\
         incident.when[2]: these rules have no condition: add `if`"
    );
}

#[test]
fn what_cannot_be_printed_is_told_with_what_can() {
    assert_eq!(
        said(
            "[incident.fields]\na = \"{{ build.image }}\"\nb = \"{{ labels }}\"\nc = \"{{ systems }}\"\nd = \"{{ build.id | join(', ') }}\"\ne = \"{{ systems | upper }}\""
        ),
        "incident.fields.a at 1:10: a record cannot be printed: take a part of it, such as `.name`\n\
         incident.fields.b at 1:4: a set of names and values cannot be printed: take a part of it, such as `['owner']`\n\
         incident.fields.c at 1:4: a list cannot be printed: take a part of it, such as `.name`\n\
         incident.fields.d at 1:15: `join` takes a list, and this is a text\n\
         incident.fields.e at 1:14: `upper` takes a text, and this is a list"
    );
}

#[test]
fn values_of_the_wrong_kind_are_told_what_would_be_right() {
    assert_eq!(
        said(
            "incident.fields.a = \"\"\nincident.fields.b = [1]\nincident.fields.c = { name = \"x\" }\nincident.class = \"x\"\nincident.when = 1\nlookups.a = 2\nsystem.class = 3"
        ),
        "lookups.a: this is a section with names in it, not a value\n\
         incident.class: only an image or a system has a class\n\
         incident.fields.a: an empty text says nothing: write `false` to leave the field out\n\
         incident.fields.b: a field is a text, a number, `{ named = \"…\" }`, or `false` to leave it out\n\
         incident.fields.c: a reference is written `{ named = \"…\" }`, and nothing else is written in braces\n\
         incident.when: conditions are a list: write `[[mapping.….when]]`\n\
         system.class: a class is a text, such as `cmdb_ci_linux_server`"
    );
}

#[test]
fn syntax_is_told_in_words() {
    for (template, wanted) in [
        ("{{ build.id", "1:12: the end stands where `}}` belongs"),
        ("{{ build id }}", "1:10: `id` stands where `}}` belongs"),
        ("{{ }}", "1:4: `}` stands where a value belongs"),
        ("{{ 'x }}", "1:4: this text has no end: `'`"),
        ("{% fi build %}", "1:4: `fi` is no block; did you mean `if`?"),
        ("{% endif %}", "1:4: `endif` ends nothing here"),
        ("{% for x in systems %}{% endif %}", "1:26: `endif` stands where `endfor` belongs"),
        ("{{ upper(build.id) }}", "1:9: nothing can be called here: use a filter, as in `value | lower`"),
        ("{{ build.id | truncate }}", "1:15: `truncate` takes one value in brackets"),
        ("{{ build.id | truncate('9') }}", "1:24: `truncate` takes a number here"),
        ("{# x", "1:1: this comment has no end: `#}`"),
        ("{{ 99999999999999999999 }}", "1:4: `99999999999999999999` is no whole number that fits"),
        ("{{ build['id'] }}", "1:10: parts are taken with a dot: `build.id`"),
        ("{% for x in build.id %}{% endfor %}", "1:19: a text is not a list: `for` has nothing to go through"),
    ] {
        let said = said(&format!("incident.fields.u_it = {}", toml::Value::from(template)));
        assert_eq!(said, format!("incident.fields.u_it at {wanted}"), "{template}");
    }
}

#[test]
fn rules_that_are_no_json_are_told_with_their_place() {
    let complaints = check_rules("{\n  \"incident\": oops\n}").unwrap_err();
    assert_eq!((complaints[0].line, complaints.len()), (Some(2), 1));
    assert!(complaints[0].message.starts_with("these rules are no JSON: "), "{complaints:?}");
}

#[test]
fn every_complaint_is_told_at_once() {
    let said = said("change.fields = { a = \"{{ x }}\", b = \"{{ y }}\" }\nincident.fields.c = \"{{ z }}\"");
    assert_eq!(said.lines().count(), 3, "{said}");
}

#[test]
fn a_field_that_is_not_among_the_fields_is_told_where_it_belongs() {
    assert_eq!(
        said("[change]\nshort_description = \"x\"\n[incident.tiers.production]\nlocation = { named = \"Prague\" }"),
        "change.short_description: there is no `short_description` here; a field is written `fields.short_description`\n\
         incident.tiers.production.location: there is no `location` here; a field is written `fields.location`"
    );
}
