//! What a mapping says, held against the schema of an instance: the simulated one, with what customers add to theirs.

use super::example;
use crate::harness;
use anyhow::Result;
use host_harness::servicenow::{self, Column, Fault, Kind, Record};
use std::path::PathBuf;
use tests::{Harness, Run, World, folder, returning};

fn text(element: &str, label: &str, max_length: usize) -> Column {
    Column { max_length, ..Column::new(element, label, Kind::String) }
}

/// A customer's instance: a column that is short, one that only the instance writes, one that must be given, one that an
/// access rule hides, and a reference of their own.
fn customer(instance: servicenow::Builder) -> servicenow::Builder {
    super::acme(instance)
        .column("change_request", text("u_cost_center", "Cost center", 10))
        .column("change_request", text("u_audit_state", "Audit state", 40).read_only())
        .column("change_request", Column::new("u_owner_group", "Owner", Kind::Reference("sys_user_group".into())))
        .column("change_request", text("u_secret", "Secret", 40).readers(&["security_admin"]))
        .record(mandatory("incident", "description"))
        .record(Record::new("change_request").with("number", "CHG0000001"))
        .record(Record::new("cmn_location").with("name", "Prague"))
}

/// The row of the dictionary that makes a column mandatory.
fn mandatory(table: &str, element: &str) -> Record {
    let row = Record::new("sys_dictionary").with("name", table).with("element", element).with("active", "true");
    row.with("internal_type", "string").with("max_length", "4000").with("mandatory", "true")
}

/// Whole, as a person reads it.
const EVERYTHING: &str = r#"refused  change_request.assignment_group = "Wintel"  (build-change, deploy-change)
         no record of sys_user_group that the integration user sees has this name
         said by mapping.change.fields.assignment_group; build-requested-test.json
refused  cmdb_ci_toaster  (system)
         there is no table cmdb_ci_toaster
         said by mapping.system.class; mapping.system.fields.location; deploy-succeeded.json, web-01; deploy-succeeded.json, db-01
refused  incident.description  (incident)
         it is mandatory here: a record without it is refused
         said by mapping.incident.fields.description; failure-build.json; failure-verification.json
dropped  change_request.justifcation = "misspelt"  (build-change, deploy-change)
         change_request has no such column; the nearest is `justification`
         said by mapping.change.fields.justifcation; build-requested.json; build-requested-test.json; deploy-requested.json
dropped  change_request.u_audit_state = "open"  (build-change, deploy-change)
         it is read-only
         said by mapping.change.fields.u_audit_state; build-requested.json; build-requested-test.json; deploy-requested.json
dropped  change_request.u_secret = "x"  (build-change, deploy-change)
         an access rule keeps it from the integration user: what is written to it is passed over
         said by mapping.change.fields.u_secret; build-requested.json; build-requested-test.json; deploy-requested.json
emptied  change_request.cab_required = "perhaps"  (build-change, deploy-change)
         it holds true or false
         said by mapping.change.fields.cab_required; build-requested.json; build-requested-test.json; deploy-requested.json
emptied  change_request.risk = "Low"  (build-change, deploy-change)
         that is a choice's label: write its value, `4`
         said by mapping.change.fields.risk; build-requested-test.json
emptied  change_request.u_owner_group = "Linux Platform"  (build-change, deploy-change)
         it refers to a record of sys_user_group: write `{ named = "…" }` or a sys_id
         said by mapping.change.fields.u_owner_group; build-requested.json; build-requested-test.json; deploy-requested.json
cut      change_request.u_cost_center = "not assigned yet"  (build-change, deploy-change)
         it holds 10 characters, and this has 16
         said by mapping.change.fields.u_cost_center; build-requested.json; deploy-requested.json
"#;

/// The command, over a world and the rules of this test.
struct Checked {
    world: World,
    settings: PathBuf,
    credential: String,
}

impl Checked {
    async fn of(instance: fn(servicenow::Builder) -> servicenow::Builder, rules: &str) -> Result<Self> {
        let world = World::builder().instance(instance).start().await?;
        let settings = world.folder().join("servicenow.toml");
        let url = world.servicenow.url();
        std::fs::write(&settings, format!("[instance]\nurl = \"{url}\"\ncredential = \"sn\"\n\n{rules}"))?;
        let credential = world.folder().join("credential.json");
        let credential = format!("sn=file:{}", credential.display());
        Ok(Self { world, settings, credential })
    }

    fn command(&self) -> Harness {
        harness(["mapping", "check", "--credential", &self.credential, "--settings"]).arg(&self.settings)
    }

    async fn run(&self, args: &[&str]) -> Result<Run> {
        let command = self.command().args(args);
        tokio::task::spawn_blocking(move || command.run()).await?
    }

    /// What it says, with its exit code.
    async fn said(&self) -> Result<(i32, String)> {
        let run = self.run(&[]).await?;
        Ok((run.code, if run.stdout.is_empty() { run.stderr } else { run.stdout }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_that_an_instance_does_not_keep_is_told_with_what_becomes_of_it() -> Result<()> {
    let rules = r#"
        [mapping.lookups.teams]
        "rhel-*" = "Linux Platform"
        "win-*" = "Wintel"

        [mapping.change.fields]
        assignment_group = { named = "{{ build.image.name | lookup('teams') }}" }
        category = "System Software"
        justifcation = "misspelt"
        risk = "{{ '2' if environment.tier == 'production' else 'Low' }}"
        u_audit_state = "open"
        u_cost_center = "{{ labels['cost-center'] | default('not assigned yet') }}"
        u_owner_group = "Linux Platform"
        u_secret = "x"
        cab_required = "perhaps"

        [mapping.incident.fields]
        description = false

        [mapping.system]
        class = "cmdb_ci_toaster"
        fields.location = { named = "Prague" }
    "#;
    let (code, said) = Checked::of(customer, rules).await?.said().await?;
    assert_eq!(said, EVERYTHING);
    assert_eq!(code, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_rules_are_kept_by_the_instance_that_they_were_agreed_for() -> Result<()> {
    let rules = std::fs::read_to_string(example("rules.toml"))?;
    let checked = Checked::of(customer, &rules).await?;
    let (code, said) = checked.said().await?;
    assert_eq!((code, said), (0, format!("{} keeps all that the mapping says\n", checked.world.servicenow.url())));
    // Recorded events of the customer's own, for programs.
    let run = checked.run(&["--json", "--events", &folder("events").display().to_string()]).await?;
    let json = run.json()?;
    assert_eq!((run.code, json["findings"].as_array().map(Vec::len)), (0, Some(0)), "{json}");
    assert!(json["events"]["failure.json"].as_str().is_some_and(|digest| digest.starts_with("sha256:")), "{json}");
    // It only reads.
    assert!(checked.world.asked().iter().all(|request| request.starts_with("GET ") || request.contains("oauth")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_build_is_held_against_it_by_what_it_makes_of_events() -> Result<()> {
    let checked = Checked::of(customer, "").await?;
    let component = checked.world.folder().join("acme.wasm");
    let wanted = [
        (("risk", "Moderate"), "emptied", "that is a choice's label: write its value, `3`"),
        (
            ("approval", "approved"),
            "refused",
            "it is the plugin's own, as are all fields of identity, state and approval: leave it out",
        ),
    ];
    for ((name, value), outcome, why) in wanted {
        std::fs::write(&component, returning(name, value)?)?;
        let run = checked.run(&["--json", "--component", &component.display().to_string()]).await?;
        let json = run.json()?;
        assert_eq!(run.code, 1, "{json}");
        let findings = json["findings"].as_array().expect("findings");
        let found = findings.iter().find(|found| found["field"] == name && found["table"] == "change_request");
        let found = found.expect("a finding");
        assert_eq!((found["outcome"].as_str(), found["why"].as_str()), (Some(outcome), Some(why)));
        assert_eq!(found["from"][0], "build-requested.json");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_are_wrong_and_a_dictionary_that_may_not_be_read_are_told_at_once() -> Result<()> {
    let (code, said) =
        Checked::of(customer, "[mapping.incident.fields]\nurgency = \"{{ tier }}\"").await?.said().await?;
    assert_eq!(code, 2);
    assert!(
        said.contains("servicenow.toml:6: mapping.incident.fields.urgency, line 1, column 4: there is no `tier`"),
        "{said}"
    );

    let hidden = |instance: servicenow::Builder| {
        let dictionary = Fault::on("/api/now/table/sys_dictionary").status(403);
        customer(instance).fault(dictionary)
    };
    let (code, said) = Checked::of(hidden, "[mapping.incident.fields]\nurgency = 1").await?.said().await?;
    assert_eq!(code, 3);
    assert!(said.contains("the integration user may not read sys_dictionary (HTTP 403): let it read"), "{said}");
    Ok(())
}
