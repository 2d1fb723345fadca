//! A new mapping builds, plugs and runs as it is written.

use host_harness::guest::trial::{Field, Value};
use host_harness::guest::{Error, Language, Mapping, Trial, bare_plugin, mapping_component, new_mapping, plug};
use std::path::Path;
use tests::{folder, skipped};

/// What a new mapping makes of a failure.
fn made(language: Language) -> Result<Vec<Field>, Error> {
    let parent = tempfile::tempdir().unwrap();
    let path = new_mapping(parent.path(), "acme-rules", language)?;
    if language == Language::Rust {
        share_build(&path);
    }
    let bytes = mapping_component(&Mapping::at(&path)?, &|_| ())?;
    plug(&bare_plugin()?, "the new mapping", &bytes)?;
    let event = std::fs::read_to_string(folder("events").join("failure.json")).unwrap();
    let defaults =
        ["short_description", "urgency"].map(|name| Field { name: name.into(), value: Value::Text("x".into()) });
    let trial = Trial::new("the new mapping", &bytes)?;
    assert!(trial.check_rules("{}").unwrap().is_ok());
    let mut fields = trial.apply("{}", "incident", &event, &defaults).unwrap().unwrap().fields;
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(fields)
}

/// Lets a new crate use what the example in Rust has compiled already, in the versions that it has locked.
fn share_build(crate_folder: &Path) {
    let example = super::example("rust").canonicalize().unwrap();
    let target = example.join("../../../target/guest/examples").display().to_string();
    let config = crate_folder.join(".cargo/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}target-dir = {}\n", toml::Value::from(target))).unwrap();
    std::fs::copy(example.join("Cargo.lock"), crate_folder.join("Cargo.lock")).unwrap();
}

fn wanted() -> [Field; 2] {
    let field = |name: &str, text: &str| Field { name: name.into(), value: Value::Text(text.into()) };
    [field("short_description", "rhel-9-hardened: a required check failed: cis-benchmark"), field("urgency", "x")]
}

#[test]
fn a_new_mapping_in_rust_builds_and_runs_at_once() {
    assert_eq!(made(Language::Rust).unwrap(), wanted());
}

#[test]
fn a_new_mapping_in_python_builds_and_runs_at_once() {
    match made(Language::Python) {
        Err(error @ Error::NoComponentizePy(_)) => skipped("a new mapping in Python", error),
        made => assert_eq!(made.unwrap(), wanted()),
    }
}

#[test]
fn a_new_mapping_overwrites_nothing_and_takes_no_path_for_a_name() {
    let parent = tempfile::tempdir().unwrap();
    std::fs::create_dir(parent.path().join("acme")).unwrap();
    let said = new_mapping(parent.path(), "acme", Language::Rust).unwrap_err().to_string();
    assert!(said.starts_with("cannot create `"), "{said}");
    for name in ["", "../acme", "Acme", "9lives", "acme-", &"a".repeat(65)] {
        let said = new_mapping(parent.path(), name, Language::Rust).unwrap_err().to_string();
        assert_eq!(
            said,
            format!("`{name}` is no name for a mapping: use small letters, digits and `-`, beginning with a letter")
        );
    }
}
