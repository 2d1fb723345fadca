//! The examples, built and run: the stock mapping with rules, Rust, and Python say the same.

use super::{example, rules};
use host_harness::guest::trial::{Field, Mapped, Value};
use host_harness::guest::{Error, Interface, Mapping, Trial, is_inert, mapping_component};
use serde_json::{Value as Json, json};
use tests::skipped;

fn event(name: &str) -> Json {
    tests::event(name).unwrap()
}

/// Records of every kind, and events that turn each condition both ways.
fn records() -> Vec<(&'static str, Json)> {
    let mut records = Vec::new();
    for image in ["rhel-9-hardened", "win-2025", "sles-15"] {
        for tier in [json!("production"), json!("test"), json!({"other": "recovery"})] {
            let with = |name: &str| {
                let mut event = event(name);
                event["build"]["image"]["name"] = image.into();
                event["environment"]["tier"] = tier.clone();
                event
            };
            let mut labelled = with("build-requested");
            labelled["labels"]["cost-center"] = "4711".into();
            records.push(("build-change", labelled));
            records.push(("build-change", with("build-requested")));
            records.push(("deploy-change", with("deploy-requested")));
            let mut built = with("failure");
            built["step"] = "build".into();
            built.as_object_mut().unwrap().remove("tests");
            records.push(("incident", built));
            records.push(("incident", with("failure")));
            records.push(("image", with("build-finished")));
            records.push(("image", with("deploy-requested")));
            let deployed = with("deploy-requested");
            for system in deployed["systems"].as_array().unwrap() {
                let mut event = deployed.clone();
                event["system"] = system.clone();
                records.push(("system", event));
            }
        }
    }
    records
}

fn defaults() -> Vec<Field> {
    ["short_description", "description", "assignment_group", "impact", "urgency"]
        .map(|name| Field { name: name.into(), value: Value::Text(format!("the plugin's {name}")) })
        .into()
}

/// Whatever the order of its fields.
fn sorted(mut mapped: Mapped) -> Mapped {
    mapped.fields.sort_by(|a, b| a.name.cmp(&b.name));
    mapped
}

/// Holds a mapping against the stock one, record by record.
fn says_what_the_rules_say(what: &str, bytes: &[u8]) {
    let stock = mapping_component(&Mapping::Stock, &|_| ()).unwrap();
    let stock = Trial::new("the stock mapping", &stock).unwrap();
    let custom = Trial::new(what, bytes).unwrap();
    let rules = serde_json::to_string(&rules()["mapping"]).unwrap();
    for (kind, event) in records() {
        let event = event.to_string();
        let wanted = sorted(stock.apply(&rules, kind, &event, &defaults()).unwrap().unwrap());
        let found = sorted(custom.apply(&rules, kind, &event, &defaults()).unwrap().unwrap());
        assert_eq!(found, wanted, "{what}, {kind}: {event}");
    }
    let mut wanted = stock.check_rules(&rules).unwrap().unwrap();
    let mut found = custom.check_rules(&rules).unwrap().unwrap();
    for produced in wanted.iter_mut().chain(&mut found) {
        produced.fields.sort();
    }
    assert_eq!(found, wanted);
}

#[test]
fn the_example_in_rust_says_what_the_rules_say() {
    let mapping = Mapping::at(&example("rust")).unwrap();
    let bytes = mapping_component(&mapping, &|_| ()).unwrap();
    let interface = Interface::of("the example in Rust", &bytes).unwrap();
    // Built for `wasm32-wasip2`, so its standard library asks for WASI: all of it inert.
    assert!(!interface.imports().is_empty());
    assert!(interface.imports().iter().all(|import| is_inert(import)), "{:?}", interface.imports());
    says_what_the_rules_say("the example in Rust", &bytes);
}

#[test]
fn the_example_in_python_says_what_the_rules_say() {
    let mapping = Mapping::at(&example("python")).unwrap();
    let bytes = match mapping_component(&mapping, &|_| ()) {
        Ok(bytes) => bytes,
        Err(error @ Error::NoComponentizePy(_)) => return skipped("the example in Python", error),
        Err(error) => panic!("{error}"),
    };
    let interface = Interface::of("the example in Python", &bytes).unwrap();
    assert_eq!(interface.imports(), Vec::<String>::new());
    says_what_the_rules_say("the example in Python", &bytes);
}
