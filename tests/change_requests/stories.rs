//! The ways of a change request from its first event to its last.

use itsm_contract::events::{BuildOutcome, DeployPhase, Shortfall};

/// What happens in a story.
#[derive(Clone, Debug)]
pub enum Step {
    /// The build asks.
    Ask,
    /// The deployment asks, with the gate that there is.
    AskToDeploy,
    /// The host looks at the gate.
    Look,
    /// The board approves.
    Approve,
    /// The board rejects.
    Reject,
    /// The build ends.
    Finish(BuildOutcome),
    /// The deployment moves.
    Deploy(DeployPhase),
    /// A deployment of another id asks and comes to its end.
    Another(DeployPhase),
}

/// A change request's way from the first event to the last.
pub struct Story {
    pub name: &'static str,
    pub settings: &'static str,
    pub is_late: bool,
    pub is_linked: bool,
    pub is_scheduled: bool,
    pub steps: Vec<Step>,
    /// How the gate stands in the end.
    pub ends: &'static str,
}

impl Story {
    fn new(name: &'static str, steps: impl IntoIterator<Item = Step>, ends: &'static str) -> Self {
        let steps = steps.into_iter().collect();
        Self { name, settings: "", is_late: false, is_linked: false, is_scheduled: false, steps, ends }
    }

    fn with(self, settings: &'static str) -> Self {
        Self { settings, ..self }
    }

    fn late(self) -> Self {
        Self { is_late: true, ..self }
    }

    fn linked(self) -> Self {
        Self { is_linked: true, ..self }
    }

    fn scheduled(self) -> Self {
        Self { is_scheduled: true, ..self }
    }
}

/// All of them.
pub fn stories() -> Vec<Story> {
    use Step::{Another, Approve, Ask, AskToDeploy, Deploy, Finish, Look, Reject};
    let started = || Deploy(DeployPhase::Started);
    let succeeded = || Deploy(DeployPhase::Succeeded);
    let failed = || Deploy(DeployPhase::Failed(Shortfall { why: "disk full".into(), received: Vec::new() }));
    let given_up = || Deploy(DeployPhase::Cancelled("not today".into()));
    let passed = || Finish(BuildOutcome::Passed);
    let broken = || Finish(BuildOutcome::Failed("no space left".into()));
    let stopped = || Finish(BuildOutcome::Cancelled("not needed".into()));
    let whole = || [Ask, Look, Approve, Look, passed(), AskToDeploy, started(), succeeded()];
    vec![
        Story::new("normal", whole(), "proceed"),
        Story::new("emergency", whole(), "proceed").with("[change]\ntype = \"emergency\""),
        Story::new("standard", [Ask, passed(), AskToDeploy, started(), succeeded()], "proceed")
            .with("[change]\ntype = \"standard\"\ntemplate = \"Publish golden image\""),
        Story::new("linked", whole(), "proceed").linked(),
        Story::new("linked and given up", [Ask, Look, stopped()], "pause").linked(),
        Story::new("rejected", [Ask, Look, Reject, Look, stopped()], "cancel"),
        Story::new("rejected and paused", [Ask, Look, Reject, Look], "pause")
            .with("[approval]\non-rejected = \"pause\""),
        Story::new("cancelled", [Ask, Look, Approve, Look, stopped()], "proceed"),
        Story::new("commented", [Ask, Look, stopped()], "pause").with("[change]\non-cancel = \"comment\""),
        Story::new("failed build", [Ask, Approve, Look, broken()], "proceed"),
        Story::new("closed after the build", [Ask, Approve, Look, passed()], "proceed")
            .with("[change]\nclose = \"after-build\""),
        Story::new("failed and closed after the build", [Ask, Approve, Look, broken()], "proceed")
            .with("[change]\nclose = \"after-build\""),
        Story::new("never closed", whole(), "proceed").with("[change]\nclose = \"never\""),
        Story::new(
            "deployment alone",
            [AskToDeploy, Look, Approve, Look, AskToDeploy, started(), succeeded()],
            "proceed",
        ),
        Story::new("failed deployment", [Ask, Approve, Look, AskToDeploy, started(), failed()], "proceed"),
        Story::new("cancelled deployment", [AskToDeploy, Approve, AskToDeploy, given_up()], "proceed"),
        Story::new(
            "second deployment",
            [
                Ask,
                Approve,
                Look,
                started(),
                succeeded(),
                Another(DeployPhase::Requested),
                Approve,
                Another(DeployPhase::Requested),
                Another(DeployPhase::Started),
                Another(DeployPhase::Succeeded),
            ],
            "proceed",
        ),
        Story::new("timed out and paused", [Ask, Look], "pause").late().with("[approval]\ntimeout = \"2h\""),
        Story::new("timed out and cancelled", [Ask, Look], "cancel")
            .late()
            .with("[approval]\ntimeout = \"2h\"\non-timeout = \"cancel\""),
        Story::new("timed out and let through", [Ask, Look, started(), succeeded()], "by-policy")
            .late()
            .with("[approval]\ntimeout = \"2h\"\non-timeout = \"proceed\""),
        Story::new("slot", [Ask, Look, Look, Look, Approve, Look, started(), succeeded()], "proceed").scheduled(),
    ]
}
