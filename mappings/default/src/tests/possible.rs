//! What rules can say is told without an event.

use super::{event, named, rules, text};
use crate::rules::Rules;
use crate::{Possible, Value, possible};

fn told(toml: &str) -> Vec<Possible> {
    possible(&rules(toml)).unwrap()
}

/// The values of the only rule, and whether others may come.
fn values(template: &str) -> (Vec<String>, bool) {
    let lookups = "lookups.teams = { \"rhel-*\" = \"Linux\", win = \"Windows\" }\n";
    let mut found = told(&format!("{lookups}incident.fields.u_it = {}", toml::Value::from(template)));
    let one = found.remove(0);
    assert!(found.is_empty());
    (one.values, one.is_open)
}

#[test]
fn each_rule_is_told_once_for_each_kind_of_record_with_its_place() {
    let found = told(
        "change.fields.category = \"Software\"\nincident.tiers.production.fields.urgency = 1\n\
         incident.environments.\"prod-*\".fields.location = { named = \"Prague\" }\n\
         [[incident.when]]\nif = \"tests\"\nfields.impact = false\n[image]\nclass = \"cmdb_ci_spkg\"",
    );
    let places: Vec<_> = found.iter().map(|one| (one.kind.as_str(), one.path.as_str())).collect();
    assert_eq!(
        places,
        [
            ("build-change", "change.fields.category"),
            ("deploy-change", "change.fields.category"),
            ("incident", "incident.tiers.production.fields.urgency"),
            ("incident", "incident.environments.\"prod-*\".fields.location"),
            ("incident", "incident.when[0].fields.impact"),
            ("image", "image.class"),
        ]
    );
    assert_eq!((found[2].values.as_slice(), found[2].is_open), (["1".to_owned()].as_slice(), false));
    assert!(found[3].is_named && !found[2].is_named);
    assert!(found[4].is_left_out && found[4].values.is_empty() && !found[4].is_open);
    assert_eq!(found[5].field, None);
}

#[test]
fn every_branch_and_every_row_of_a_table_is_told() {
    let of = |values: &[&str], is_open| (values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>(), is_open);
    assert_eq!(values("a {{ 'b' | upper }}"), of(&["a B"], false));
    assert_eq!(values("{% if tests %}1{% elif systems %}2{% else %}3{% endif %}"), of(&["3", "1", "2"], false));
    assert_eq!(values("{{ 'x' if tests else 'y' }}{{ '!' if tests }}"), of(&["x!", "x", "y!", "y"], false));
    assert_eq!(values("{{ build.image.name | lookup('teams') }}"), of(&["Linux", "Windows"], false));
    assert_eq!(
        values("{{ build.image.name | lookup('teams') | default('Other') }}"),
        of(&["Linux", "Windows", "Other"], false)
    );
    assert_eq!(values("{{ labels.owner | default('nobody') }}"), of(&["nobody"], true));
    assert_eq!(values("{{ message }}"), of(&[], true));
    assert_eq!(values("{% for system in systems %}x{% endfor %}"), of(&[], true));
}

#[test]
fn rules_that_can_say_too_much_are_told_to_be_open() {
    let many = "{{ 'a' if tests else 'b' }}".repeat(100);
    let (values, is_open) = values(&many);
    assert!(is_open && values.len() <= 200, "{}", values.len());
}

#[test]
fn what_closed_rules_say_of_an_event_is_among_what_they_can_say() {
    let toml = std::fs::read_to_string(format!("{}/../examples/rules.toml", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let all: toml::Table = toml.parse().unwrap();
    let json = serde_json::to_string(&all["mapping"]).unwrap();
    let rules = Rules::parse(&json).unwrap();
    let possible = rules.possible();
    let mapped = rules.apply("incident", &event("failure"), vec![text("urgency", "2"), named("cmdb_ci", "x")]).unwrap();
    let mut seen = 0;
    for field in &mapped.fields {
        let mut told = possible.iter().filter(|one| one.kind == "incident" && one.field.as_ref() == Some(&field.name));
        let Some(one) = told.next().filter(|one| !one.is_open) else { continue };
        assert!(one.values.iter().any(|value| value == field.value.text()), "{field:?}");
        assert_eq!(one.is_named, matches!(field.value, Value::Named(_)));
        seen += 1;
    }
    assert_eq!(seen, 2);
}
