//! The fields before and after: what a customer signs.

use super::example;
use crate::harness;
use anyhow::Result;
use host_harness::guest::{self, Mapping, digest, mapping_component};
use host_harness::mapping::{Shown, Subject, samples};
use host_harness::settings::Settings;
use std::path::PathBuf;
use tests::{folder, returning, running};

/// The stock component, and settings with these rules.
fn stock(folder: &std::path::Path, rules: &str) -> Result<(PathBuf, PathBuf)> {
    let settings = folder.join("servicenow.toml");
    let instance = "[instance]\nurl = \"https://acme.service-now.com\"\ncredential = \"sn\"\n\n";
    std::fs::write(&settings, format!("{instance}{rules}"))?;
    let component = guest::stock_component().map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok((component.to_owned(), settings))
}

/// With one digest in place of all, which differ from build to build.
fn without_digests(text: &str) -> String {
    let word = |word: &str| if word.starts_with("sha256:") { "sha256:…".to_owned() } else { word.to_owned() };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_customer_signs_what_stands_before_and_after_with_the_digests_of_what_it_is_about() -> Result<()> {
    let own = tempfile::tempdir()?;
    let (component, settings) = stock(own.path(), &std::fs::read_to_string(example("rules.toml"))?)?;
    let events = own.path().join("events");
    std::fs::create_dir(&events)?;
    for name in ["build-requested.json", "failure.json"] {
        std::fs::copy(folder("events").join(name), events.join(name))?;
    }
    let run = || harness(["check"]).arg(&component).arg("--settings").arg(&settings).arg("--events").arg(&events);
    let said = run().run()?;
    assert_eq!(said.code, 0, "{said:?}");
    let (_, shown) = said.stdout.split_once("a host loads it\n\n").expect("what is shown");
    assert_eq!(without_digests(shown), SIGNED);
    // The digests are those of the files, and of what `build` printed.
    let built = guest::build(&Mapping::Stock, &|_| ())?;
    let file = |path: PathBuf| Ok::<_, anyhow::Error>(digest(&std::fs::read(path)?));
    let settings_json = Settings::read(&settings)?.to_json();
    for wanted in [
        built.digests.component,
        built.digests.mapping,
        digest(settings_json.as_bytes()),
        file(events.join("failure.json"))?,
    ] {
        assert!(shown.contains(&wanted), "{wanted} is not in {shown}");
    }

    let json = run().arg("--json").run()?.json()?;
    let incident = &json["shown"]["events"][1]["records"][0];
    assert_eq!((incident["kind"].as_str(), incident["table"].as_str()), (Some("incident"), Some("incident")));
    let fields = incident["fields"].as_array().expect("fields");
    let urgency = fields.iter().find(|field| field["name"] == "urgency").expect("urgency");
    assert_eq!(urgency["after"]["text"], "1");
    Ok(())
}

/// Whole, as a person reads it.
const SIGNED: &str = "\
component  sha256:…
mapping    sha256:…
settings   sha256:…

build-requested.json  sha256:…
  build-change in change_request
    ~ assignment_group   the record `Change Management`
                         → the record `Linux Platform`
    + cab_required       true
    + category           System Software
      description        Build rhel-9-hardened 2026.11.1 for prod-eu-1

                         Image: rhel-9-hardened 2026.11.1
                         Format: qcow2
                         Build: build-4711
                         Source revision: 9f2c1e7
                         Requested by: priya.shah
                         More: https://factory.example/builds/4711
                         Environment: prod-eu-1 (production)
                         team: platform

                         Systems:
                         - web-01 (virtual, no configuration item yet)
      short_description  Build rhel-9-hardened 2026.11.1 for prod-eu-1

failure.json  sha256:…
  incident in incident
    + assignment_group   the record `Linux Platform`
    ~ description        a required check failed: cis-benchmark

                         Failed step: verification
                         Build: build-4712
                         Image: rhel-9-hardened 2026.11.2
                         Artifact: none yet
                         Environment: prod-eu-1 (production)
                         Tests: 127 passed, 1 failed, 2 skipped
                           Check: cis-benchmark (failed, required): 3 of 212 rules do not hold
                         Log: https://factory.example/logs/4712

                         Recommended next action: correct what fails in cis-benchmark, and build the image again. Do not deploy build-4712.
                         → a required check failed: cis-benchmark
                           - cis-benchmark: 3 of 212 rules do not hold
    - impact             2
      short_description  Image verification failed: rhel-9-hardened 2026.11.2 (prod-eu-1)
    ~ urgency            2
                         → 1";

#[test]
fn a_mapping_that_makes_nothing_of_an_event_is_told_and_is_no_yes() -> Result<()> {
    let own = tempfile::tempdir()?;
    let (_, settings) = stock(own.path(), "")?;
    let component = own.path().join("acme.wasm");
    let plugged = guest::plug(&guest::bare_plugin()?, "`acme.wasm`", &running("unreachable", "")?)?;
    std::fs::write(&component, plugged.bytes)?;
    let said = harness(["check"]).arg(&component).arg("--settings").arg(&settings).run()?;
    assert_eq!(said.code, 1, "{said:?}");
    let wanted = "! the mapping makes nothing of it: the mapping in `";
    assert!(said.stdout.contains(wanted) && said.stdout.contains("panicked or trapped"), "{said:?}");
    Ok(())
}

#[test]
fn the_samples_make_a_record_of_every_kind() -> Result<()> {
    let subject = Subject::of("a mapping", &returning("category", "x")?)?;
    let settings = r#"{"instance":{"url":"https://acme.service-now.com","credential":"sn"}}"#;
    let shown = Shown::of(&subject, settings, &samples()?)?;
    let mut kinds: Vec<&str> =
        shown.events.iter().flat_map(|event| &event.records).map(|record| record.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds, ["build-change", "deploy-change", "image", "incident", "system"]);
    Ok(())
}

#[test]
fn a_custom_build_by_itself_shows_what_the_rules_show() -> Result<()> {
    let settings = Settings::parse(
        "servicenow.toml",
        &format!(
            "[instance]\nurl = \"https://acme.service-now.com\"\ncredential = \"sn\"\n{}",
            std::fs::read_to_string(example("rules.toml"))?
        ),
    )?;
    let shown = |mapping: &Mapping| {
        let bytes = mapping_component(mapping, &|_| ())?;
        Ok::<_, anyhow::Error>(Shown::of(&Subject::of("a mapping", &bytes)?, &settings.to_json(), &samples()?)?)
    };
    let (rules, code) = (shown(&Mapping::Stock)?, shown(&Mapping::at(&example("rust"))?)?);
    assert_eq!(rules.events, code.events);
    assert_ne!(rules.mapping, code.mapping);
    Ok(())
}
