//! Bad input gets an error that says what to do, and changes nothing.

use crate::harness;
use anyhow::{Context as _, Result};
use host_harness::runtime::{Call, EventError, Hook, limits::Limits};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tests::{Run, Running, folder};

/// A ServiceNow, and a folder with settings for it.
struct Desk {
    work: TempDir,
    ready: Value,
    _sim: Running,
}

impl Desk {
    fn new() -> Result<Self> {
        let (sim, ready) = harness(["sim", "--listen", "127.0.0.1:0", "--json"]).start()?;
        let desk = Self { work: TempDir::new()?, ready, _sim: sim };
        desk.settings("")?;
        Ok(desk)
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.work.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn settings(&self, more: &str) -> Result<PathBuf> {
        let url = self.ready["url"].as_str().context("no url")?;
        self.file("servicenow.toml", &format!("[instance]\nurl = \"{url}\"\ncredential = \"sn\"\n{more}"))
    }

    fn call(&self, event: &Path, more: &[&str]) -> Result<Run> {
        harness(["call", "on-build-requested", "--settings", "servicenow.toml", "--credential", "sn=env:SN", "--event"])
            .arg(event)
            .args(more)
            .env("SN", self.ready["credential"].as_str().unwrap_or_default())
            .within(self.work.path())
            .run()
    }

    /// The sample request with one part of its text replaced.
    fn event(&self, from: &str, to: &str) -> Result<PathBuf> {
        let text = std::fs::read_to_string(sample())?;
        anyhow::ensure!(text.contains(from), "the sample has no {from}");
        self.file("event.json", &text.replacen(from, to, 1))
    }
}

fn sample() -> PathBuf {
    folder("events").join("build-requested.json")
}

#[test]
fn an_unknown_field_of_an_event_is_named() -> Result<()> {
    let desk = Desk::new()?;
    let run = desk.call(&desk.event("\"version\"", "\"verson\"")?, &[])?;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("build.image.verson`: unknown field `verson`"), "{}", run.stderr);
    Ok(())
}

#[test]
fn a_missing_field_of_an_event_is_named() -> Result<()> {
    let desk = Desk::new()?;
    let run = desk.call(&desk.event("\"id\": \"build-4711\",", "")?, &[])?;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("`build`: missing field `id`"), "{}", run.stderr);
    Ok(())
}

#[test]
fn an_unknown_key_of_the_settings_is_named_with_its_line_and_the_nearest_known_one() -> Result<()> {
    let desk = Desk::new()?;
    desk.settings("\n[approval]\ntimeot = \"1h\"\n")?;
    let run = desk.call(&sample(), &[])?;
    assert_eq!(run.code, 2, "{run:?}");
    assert_eq!(
        run.stderr,
        "error: servicenow.toml:6: approval.timeot: unknown key `timeot`: did you mean `timeout`?\n"
    );
    Ok(())
}

#[test]
fn a_core_module_is_told_from_a_component_and_both_from_any_other_file() -> Result<()> {
    let desk = Desk::new()?;
    let module = desk.work.path().join("module.wasm");
    std::fs::write(&module, b"\0asm\x01\0\0\0")?;
    let run = desk.call(&sample(), &["--component", "module.wasm"])?;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("is a core WebAssembly module, not a component"), "{}", run.stderr);
    let run = desk.call(&sample(), &["--component", "servicenow.toml"])?;
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.stderr.contains("is no WebAssembly"), "{}", run.stderr);
    let run = harness(["check", "module.wasm"]).within(desk.work.path()).run()?;
    assert_eq!((run.code, run.stdout.starts_with("refused: ")), (1, true), "{run:?}");
    Ok(())
}

#[test]
fn an_instance_that_cannot_be_reached_is_a_failure_to_try_again() -> Result<()> {
    let desk = Desk::new()?;
    // Nothing listens on port 1 of this machine.
    desk.file("servicenow.toml", "[instance]\nurl = \"http://127.0.0.1:1\"\ncredential = \"sn\"\n")?;
    let run = desk.call(&sample(), &[])?;
    assert_eq!(run.code, 3, "{run:?}");
    let problem = run.json()?["failure"]["retry"]["problem"].clone();
    assert_eq!(problem["code"], "servicenow.unreachable", "{run:?}");
    Ok(())
}

#[test]
fn a_credential_that_the_settings_do_not_name_is_refused() -> Result<()> {
    let desk = Desk::new()?;
    let run = harness(["call", "on-build-requested", "--settings", "servicenow.toml", "--event"])
        .arg(sample())
        .within(desk.work.path())
        .run()?;
    assert_eq!(run.code, 2, "{run:?}");
    assert_eq!(
        run.stderr,
        "error: servicenow.toml names the credential `sn`: give it with --credential sn=env:VARIABLE or \
         --credential sn=file:PATH\n"
    );
    Ok(())
}

/// Serde takes an array for a record; the contract does not.
#[test]
fn no_record_of_an_event_may_be_an_array() -> Result<()> {
    fn records(at: &Value, path: &str, found: &mut Vec<String>) {
        match at {
            Value::Object(fields) => {
                found.push(path.to_owned());
                fields.iter().for_each(|(name, value)| records(value, &format!("{path}/{name}"), found));
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| records(item, &format!("{path}/{at}"), found));
            }
            _ => {}
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for (hook, file) in [
        (Hook::OnBuildRequested, "build-requested"),
        (Hook::OnBuildFinished, "build-finished"),
        (Hook::OnFailure, "failure"),
        (Hook::OnDeploy, "deploy-requested"),
    ] {
        let mut event: Value =
            serde_json::from_str(&std::fs::read_to_string(folder("events").join(file).with_extension("json"))?)?;
        let window = json!({"start": "2026-11-24T16:20:00Z", "end": "2026-11-24T17:20:00Z"});
        match hook {
            Hook::OnBuildRequested | Hook::OnDeploy => event["schedule"] = json!({"window": window}),
            Hook::OnBuildFinished => {
                event["gate"] = json!({
                    "change": {"kind": "change_request", "id": "1", "number": "CHG1", "url": "", "key": "k"},
                    "verdict": {"proceed": {"reason": "approved", "by-policy": false, "seal": "s"}},
                    "approvals": [{"approver": "a", "decision": "approved", "comment": "", "at": window["start"]}],
                    "window": window,
                });
            }
            _ => {}
        }
        Call::from_json(hook, &event.to_string(), &Limits::default())?;
        let mut paths = Vec::new();
        records(&event, "", &mut paths);
        for path in paths {
            let mut wrong = event.clone();
            let record = wrong.pointer_mut(&path).context("no record")?;
            let fields = record.as_object().context("no record")?.values().cloned().collect();
            *record = Value::Array(fields);
            let refused = Call::from_json(hook, &wrong.to_string(), &Limits::default());
            assert!(matches!(refused, Err(EventError::Invalid { .. })), "{hook} {path}: {refused:?}");
            seen.insert(path.rsplit('/').find(|name| name.parse::<usize>().is_err()).unwrap_or_default().to_owned());
        }
    }
    let every = "delivery build image environment systems identifiers labels tests checks files content schedule window gate \
                 change verdict proceed approvals";
    for record in std::iter::once("").chain(every.split_whitespace()) {
        assert!(seen.contains(record), "{record} in {seen:?}");
    }
    Ok(())
}

#[test]
fn a_url_that_no_grant_leads_to_is_refused_where_the_settings_are_read() -> Result<()> {
    let desk = Desk::new()?;
    for (url, what) in [
        ("https://dev.service-now.com:", "is another spelling of `https://dev.service-now.com`: write that"),
        ("http://2130706433:1", "is another spelling of `http://127.0.0.1:1`: write that"),
        (
            "https://168.63.129.16",
            "is never granted: clouds tell a machine its own secrets at such addresses, so no grant leads there; name the \
             instance's host",
        ),
    ] {
        desk.file("servicenow.toml", &format!("[instance]\nurl = \"{url}\"\ncredential = \"sn\"\n"))?;
        let run = desk.call(&sample(), &["--private-network"])?;
        assert_eq!(run.code, 2, "{run:?}");
        assert_eq!(run.stderr, format!("error: servicenow.toml:2: instance.url: `{url}` {what}\n"));
    }
    Ok(())
}

/// What is named on the command line may be anything: a device says that it is empty, and has no end.
#[cfg(unix)]
#[test]
fn a_file_without_an_end_is_refused_at_its_limit() -> Result<()> {
    let desk = Desk::new()?;
    let call = ["call", "on-build-requested", "--credential", "sn=env:SN"];
    let zero = "/dev/zero";
    let event = sample().display().to_string();
    let settings = ["--settings", "servicenow.toml"];
    for (args, said) in [
        ([&call[..], &["--settings", zero]].concat(), "error: /dev/zero is larger than 1048576 bytes"),
        ([&call[..], &settings, &["--event", zero]].concat(), "16777216"),
        ([&call[..], &settings, &["--event", &event, "--component", zero]].concat(), "a component may have 67108864"),
        ([&call[..], &settings, &["--event", &event, "--ca-bundle", zero]].concat(), "larger than 4194304 bytes"),
        (vec!["connect", settings[0], settings[1], "--credential", "sn=file:/dev/zero"], "larger than 65536 bytes"),
        (vec!["check", zero], "larger than 67108864 bytes"),
        (
            vec!["mapping", "check", settings[0], settings[1], "--credential", "sn=env:SN", "--component", zero],
            "larger than 67108864 bytes",
        ),
        (vec!["build", "--mapping", zero], "larger than 67108864 bytes"),
        (vec!["sim", "--listen", "127.0.0.1:0", "--faults", zero], "larger than 1048576 bytes"),
        (vec!["sim", "--listen", "127.0.0.1:0", "--state", zero], "is no file to keep anything in"),
    ] {
        let secret = desk.ready["credential"].as_str().unwrap_or_default();
        let run = harness(&args).env("SN", secret).within(desk.work.path()).run()?;
        assert!(matches!(run.code, 2 | 3) && run.stderr.contains(said), "{args:?}: {run:?}");
    }
    // Who asked for JSON is refused in JSON.
    let run = harness(["check", zero, "--json"]).run()?;
    assert_eq!((run.code, run.json()?), (1, serde_json::json!({"refusal": "it is larger than 67108864 bytes"})));
    Ok(())
}

#[test]
fn a_line_of_an_audit_log_that_is_none_is_a_no_of_verify_and_of_show_alike() -> Result<()> {
    let desk = Desk::new()?;
    assert_eq!(desk.call(&sample(), &["--audit", "log"])?.code, 4);
    let log = desk.work.path().join("log");
    let audit = |args: &[&str]| harness(["audit"]).args(args).within(desk.work.path()).run();
    let whole = audit(&["show", "log"])?;
    assert_eq!((whole.code, audit(&["verify", "log"])?.code), (0, 0), "{whole:?}");
    let lines = whole.stdout.lines().count();

    let text = std::fs::read_to_string(&log)?;
    std::fs::write(&log, text.replacen("{\"seq\":2,", "{\"seq\":two,", 1))?;
    let run = audit(&["verify", "log"])?;
    assert_eq!(
        (run.code, run.stdout.starts_with("not whole: line 2 of `log` is no audit entry: ")),
        (1, true),
        "{run:?}"
    );
    for args in [&["show", "log"][..], &["show", "log", "--change", "CHG0030001"], &["show", "log", "--json"]] {
        let run = audit(args)?;
        assert_eq!(run.code, 1, "{args:?}: {run:?}");
        let said: Vec<_> = run.stderr.lines().collect();
        assert!(said[0].starts_with("do not rely on what follows: line 2 of `log` is no audit entry: "), "{run:?}");
        assert!(said[1].starts_with("left out: line 2 of `log` is no audit entry: "), "{run:?}");
        // What stands behind it is told.
        assert!(run.stdout.contains("gate.pause"), "{run:?}");
    }
    assert_eq!(audit(&["show", "log"])?.stdout.lines().count(), lines - 1);
    assert_eq!(audit(&["show", "nowhere"])?.code, 3);
    assert_eq!(audit(&["verify", "nowhere"])?.code, 3);

    // Evidence is proved by the same log, so the same is said of it.
    let evidence = |log: &str| {
        harness(["evidence", "verify", "CHG0030001", "--settings", "servicenow.toml", "--credential", "sn=env:SN"])
            .args(["--audit", log])
            .env("SN", desk.ready["credential"].as_str().unwrap_or_default())
            .within(desk.work.path())
            .run()
    };
    let run = evidence("log")?;
    assert_eq!(
        (run.code, run.stdout.starts_with("not proved: line 2 of `log` is no audit entry: ")),
        (1, true),
        "{run:?}"
    );
    assert_eq!(evidence("nowhere")?.code, 3);
    Ok(())
}

#[test]
fn nothing_of_this_changes_anything() -> Result<()> {
    let desk = Desk::new()?;
    desk.call(&desk.event("\"version\"", "\"verson\"")?, &[])?;
    desk.call(&desk.event("\"id\": \"build-4711\",", "")?, &[])?;
    let run = desk.call(&sample(), &[])?;
    // The first change request of a new instance, so none came before it.
    assert_eq!(run.json()?["change"]["number"], "CHG0030001", "{run:?}");
    Ok(())
}
