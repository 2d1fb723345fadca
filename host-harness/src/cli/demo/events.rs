//! The events of the demonstration: one image, the machines that receive it, and what the tests said.

use itsm_contract::events::{
    BuildOutcome, BuildRequest, BuildResult, Content, DeployEvent, DeployPhase, EvidenceFile, FailedStep, FailureEvent,
};
use itsm_contract::types::{
    Build, Check, CheckOutcome, Delivery, Environment, Gate, Image, System, SystemKind, TestSummary, Tier, Timestamp,
};
use sha2::{Digest as _, Sha256};

/// One image on its way from request to machines.
pub struct Subject {
    image: &'static str,
    version: &'static str,
    at: Timestamp,
}

impl Subject {
    /// An image whose events occur now.
    pub fn new(image: &'static str, version: &'static str, at: Timestamp) -> Self {
        Self { image, version, at }
    }

    /// The image's name and version.
    pub fn name(&self) -> String {
        format!("{} {}", self.image, self.version)
    }

    fn delivery(&self, what: &str) -> Delivery {
        let key = format!("{}-{}-{what}", self.image, self.version);
        Delivery { key, attempt: 1, occurred_at: self.at, given_up_at: None }
    }

    /// Before the build there is no digest; after it there is one.
    fn build(&self, is_built: bool) -> Build {
        let digest = is_built.then(|| {
            let hash = Sha256::digest(self.name());
            format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        });
        Build {
            id: format!("{}-{}", self.image, self.version),
            image: Image {
                name: self.image.into(),
                version: self.version.into(),
                digest,
                format: Some("qcow2".into()),
                location: None,
            },
            requested_by: Some("priya.shah".into()),
            source_revision: Some("9f2c1e7".into()),
            url: Some(format!("https://factory.example/builds/{}-{}", self.image, self.version)),
        }
    }

    /// A build that asks to start.
    pub fn build_request(&self) -> BuildRequest {
        BuildRequest {
            delivery: self.delivery("build-requested"),
            build: self.build(false),
            environment: Some(production()),
            systems: systems(),
            change_number: None,
            schedule: None,
            labels: vec![("team".into(), "platform".into())],
        }
    }

    /// A build that ended well.
    pub fn build_result(&self, gate: Option<Gate>) -> BuildResult {
        BuildResult {
            delivery: self.delivery("build-finished"),
            build: self.build(true),
            environment: Some(production()),
            outcome: BuildOutcome::Passed,
            thing: None,
            tests: Some(tests(CheckOutcome::Passed)),
            gate,
            files: vec![EvidenceFile {
                name: "test-summary.txt".into(),
                media_type: "text/plain".into(),
                digest: None,
                content: Content::Bytes(b"cis-benchmark: passed\nboots-on-kvm: passed\n".to_vec()),
            }],
            labels: Vec::new(),
        }
    }

    /// A deployment in one of its phases.
    pub fn deploy(&self, what: &str, phase: DeployPhase, gate: Option<Gate>) -> DeployEvent {
        DeployEvent {
            delivery: self.delivery(what),
            deployment_id: format!("{}-{}-to-production", self.image, self.version),
            build: self.build(true),
            environment: production(),
            systems: systems(),
            phase,
            change_number: None,
            gate,
            schedule: None,
            labels: Vec::new(),
        }
    }

    /// A required verification that failed.
    pub fn verification_failure(&self) -> FailureEvent {
        FailureEvent {
            delivery: self.delivery("verification-failed"),
            build: self.build(true),
            step: FailedStep::Verification,
            thing: None,
            message: "a required check failed: cis-benchmark".into(),
            environment: Some(production()),
            systems: Vec::new(),
            tests: Some(tests(CheckOutcome::Failed)),
            change: None,
            log_url: Some("https://factory.example/logs/verification".into()),
            labels: Vec::new(),
        }
    }
}

fn production() -> Environment {
    Environment { name: "prod-eu-1".into(), tier: Tier::Production }
}

fn systems() -> Vec<System> {
    let system = |name: &str, kind, serial: &str| System {
        name: name.into(),
        kind,
        identifiers: vec![
            ("serial-number".into(), serial.into()),
            ("fqdn".into(), format!("{name}.prod-eu-1.example")),
        ],
    };
    vec![
        system("web-01", SystemKind::Virtual, "VM-7f3a01"),
        system("web-02", SystemKind::Virtual, "VM-7f3a02"),
        system("db-01", SystemKind::Physical, "CZJ0420X1"),
    ]
}

fn tests(benchmark: CheckOutcome) -> TestSummary {
    let failed = u32::from(benchmark == CheckOutcome::Failed);
    let check = |name: &str, outcome, detail: Option<&str>| Check {
        name: name.into(),
        required: true,
        outcome,
        detail: detail.map(str::to_owned),
    };
    TestSummary {
        passed: 128 - failed,
        failed,
        skipped: 2,
        duration_ms: 214_000,
        checks: vec![
            check("boots-on-kvm", CheckOutcome::Passed, None),
            check(
                "cis-benchmark",
                benchmark,
                (failed > 0).then_some("3 of 212 rules do not hold: 1.1.22, 5.2.4, 6.1.10"),
            ),
        ],
        report_url: Some("https://factory.example/reports/rhel-9".into()),
    }
}
