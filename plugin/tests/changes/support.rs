//! What the tests of the change workflows share: a small ServiceNow in memory, and a plugin that speaks to it.

use crate::instance::Instance;
use itsm_contract::answers::{Review, Waiting};
use itsm_contract::events::{BuildOutcome, BuildRequest, BuildResult, DeployEvent, DeployPhase};
use itsm_contract::types::{Build, Delivery, Environment, Gate, Image, System, SystemKind, Tier, Timestamp, Verdict};
use servicenow_plugin::approvals::check;
use servicenow_plugin::build_requested::on_build_requested;
use servicenow_plugin::plugin::Plugin;
use servicenow_plugin::transport::{Audit, Entry, Grants};
use std::cell::RefCell;

/// 2026-11-24 09:00:00 UTC.
pub const NOON: Timestamp = 1_795_510_800_000;
/// The artifact of the build.
pub const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// Another one.
pub const OTHER_DIGEST: &str = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub const MINUTE: u64 = 60_000;
pub const HOUR: u64 = 60 * MINUTE;

/// Keeps what was audited.
#[derive(Default)]
pub struct Log(pub RefCell<Vec<Entry>>);

impl Log {
    pub fn actions(&self) -> Vec<&'static str> {
        self.0.borrow().iter().map(|entry| entry.action).collect()
    }
}

impl Audit for Log {
    fn append(&self, entry: Entry) {
        self.0.borrow_mut().push(entry);
    }
}

/// A host: settings, a clock and a log. Its ServiceNow is the test's own.
pub struct Host {
    pub settings: serde_json::Value,
    pub log: Log,
}

impl Host {
    /// The smallest settings that speak of change requests alone, and these.
    pub fn with(more: serde_json::Value) -> Self {
        let mut settings = serde_json::json!({
            "instance": {"url": "https://x.service-now.com", "credential": "sn"},
            "workflows": {"cmdb": false, "incidents": false, "evidence": false},
        });
        for (section, values) in more.as_object().unwrap() {
            settings[section] = values.clone();
        }
        Self { settings, log: Log::default() }
    }

    /// Calls a hook, at the instance's own time.
    pub fn call<T>(&self, instance: &Instance, hook: impl FnOnce(&Plugin) -> T) -> T {
        let grants = Grants { transport: instance, audit: &self.log, mapping: None, now: instance.now() };
        hook(&Plugin::new(grants, &self.settings.to_string()).unwrap())
    }
}

/// A host with the assignment group by `sys_id`, as an administrator writes it who counts requests.
pub fn host() -> Host {
    Host::with(serde_json::json!({"change": {"assignment-group": "287ebd7da9fe198100f92cc8d1d2154e"}}))
}

/// The gate of the build that every test asks for.
pub fn requested(host: &Host, instance: &Instance) -> Gate {
    host.call(instance, |plugin| on_build_requested(plugin, &build_request("b-1"))).unwrap()
}

/// That build, waiting.
pub fn waiting(gate: &Gate) -> Vec<Waiting> {
    vec![Waiting { last: gate.clone(), since: NOON }]
}

/// A look at one waiting gate.
pub fn look(host: &Host, instance: &Instance, gate: &Gate, cursor: Option<&str>) -> Review {
    host.call(instance, |plugin| check(plugin, &waiting(gate), cursor)).unwrap()
}

/// What one waiting gate says now.
pub fn reread(host: &Host, instance: &Instance, gate: &Gate) -> Gate {
    let mut moved = look(host, instance, gate, None).moved;
    moved.pop().map_or_else(|| gate.clone(), |reviewed| reviewed.answer.unwrap())
}

pub fn delivery(key: &str, attempt: u32) -> Delivery {
    Delivery { key: key.into(), attempt, occurred_at: NOON, given_up_at: None }
}

pub fn build(digest: Option<&str>) -> Build {
    Build {
        id: "build-4711".into(),
        image: Image {
            name: "rhel-9-hardened".into(),
            version: "2026.11.1".into(),
            digest: digest.map(str::to_owned),
            format: None,
            location: None,
        },
        requested_by: None,
        source_revision: None,
        url: None,
    }
}

pub fn build_request(key: &str) -> BuildRequest {
    BuildRequest {
        delivery: delivery(key, 1),
        build: build(None),
        environment: Some(Environment { name: "prod-eu-1".into(), tier: Tier::Production }),
        systems: Vec::new(),
        change_number: None,
        schedule: None,
        labels: Vec::new(),
    }
}

/// The build, ended well.
pub fn build_result(gate: &Gate) -> BuildResult {
    BuildResult {
        delivery: delivery("b-1-finished", 1),
        build: build(Some(DIGEST)),
        environment: None,
        outcome: BuildOutcome::Passed,
        thing: None,
        tests: None,
        gate: Some(gate.clone()),
        files: Vec::new(),
        labels: Vec::new(),
    }
}

pub fn deploy(phase: DeployPhase, gate: Option<&Gate>) -> DeployEvent {
    let name = match &phase {
        DeployPhase::Requested => "requested",
        DeployPhase::Started => "started",
        DeployPhase::Succeeded => "succeeded",
        DeployPhase::Failed(_) => "failed",
        DeployPhase::Cancelled(_) => "cancelled",
    };
    DeployEvent {
        delivery: delivery(&format!("deploy-88-{name}"), 1),
        deployment_id: "deploy-88".into(),
        build: build(Some(DIGEST)),
        environment: Environment { name: "prod-eu-1".into(), tier: Tier::Production },
        systems: vec![System { name: "web-01".into(), kind: SystemKind::Virtual, identifiers: Vec::new() }],
        phase,
        change_number: None,
        gate: gate.cloned(),
        schedule: None,
        labels: Vec::new(),
    }
}

/// The words of a pause, but for its seal.
pub fn waits_for(gate: &Gate) -> String {
    match &gate.verdict {
        Verdict::Pause(pause) => {
            let words: Vec<&str> = pause.waiting_for.iter().map(String::as_str).filter(|line| !is_seal(line)).collect();
            words.join("; ")
        }
        other => panic!("expected a pause, got {other:?}"),
    }
}

/// The words of a pause that say what must not be edited.
pub fn sealed(gate: &Gate) -> &str {
    match &gate.verdict {
        Verdict::Pause(pause) => pause.waiting_for.iter().find(|line| is_seal(line)).unwrap(),
        other => panic!("expected a pause, got {other:?}"),
    }
}

/// That a text begins so.
pub fn starts(text: &str, with: &str) {
    assert!(text.starts_with(with), "`{text}` does not begin with `{with}`");
}

fn is_seal(words: &str) -> bool {
    words.contains(" (seal 2.")
}

/// The reason to proceed.
pub fn proceeds(gate: &Gate) -> String {
    match &gate.verdict {
        Verdict::Proceed(clearance) if !clearance.by_policy => clearance.reason.clone(),
        other => panic!("expected to proceed, got {other:?}"),
    }
}

/// The reason to give up.
pub fn stops(gate: &Gate) -> String {
    match &gate.verdict {
        Verdict::Cancel(why) => why.clone(),
        other => panic!("expected to stop, got {other:?}"),
    }
}
