//! Where the demonstration is played: the plugin in its sandbox, ServiceNow, and the people there.

use super::story::{Act, Mark, Step, Story, of_failure, of_verdict};
use crate::cli::session::Session;
use anyhow::Result;
use host_harness::servicenow::{Instance, Login};
use itsm_contract::types::{Failure, Gate, ItemOutcome, Ticket, Timestamp, Verdict};
use std::time::{SystemTime, UNIX_EPOCH};

/// OpenFactory, as the timeline calls it.
pub const FACTORY: &str = "OpenFactory";

/// Who approves, as the timeline calls her.
pub const APPROVER: &str = "Beth Anglin";

/// What a scene plays with.
pub struct Stage {
    /// The plugin.
    pub session: Session,
    /// ServiceNow.
    pub instance: Instance,
    /// Who approves.
    pub approver: Login,
    /// What has happened so far.
    pub story: Story,
}

impl Stage {
    /// Everybody in place.
    pub fn new(session: Session, instance: Instance) -> Result<Self> {
        let approver = instance.login("beth.anglin")?;
        Ok(Self { session, instance, approver, story: Story::default() })
    }

    /// Begins another story.
    pub fn act(&mut self, title: String) {
        self.story.acts.push(Act { title, steps: Vec::new() });
    }

    /// Adds what somebody did.
    pub fn add(&mut self, step: Step) {
        if let Some(act) = self.story.acts.last_mut() {
            act.steps.push(step);
        }
    }
}

/// Milliseconds since the epoch.
pub fn now() -> Timestamp {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| Timestamp::try_from(time.as_millis()).unwrap_or(0))
}

/// What somebody did, before it is known what came of it.
pub fn step(who: &str, what: impl Into<String>) -> Step {
    Step {
        at: now(),
        who: who.into(),
        what: what.into(),
        mark: Mark::Go,
        lines: Vec::new(),
        tickets: Vec::new(),
        surprise: None,
    }
}

/// Which verdict a step expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Work goes on, because somebody approved it.
    Proceed,
    /// Work waits.
    Pause,
    /// Work stops.
    Cancel,
}

impl Step {
    /// What came of it: a gate with this verdict, and the approvers who answered.
    pub fn gate(mut self, gate: &Gate, expected: Expected) -> Self {
        let (mark, line) = of_verdict(&gate.verdict);
        self.mark = mark;
        self.lines.push(line);
        self.tickets.extend(gate.change.clone());
        let is_expected = match (&gate.verdict, expected) {
            (Verdict::Proceed(clearance), Expected::Proceed) => !clearance.by_policy && gate.change.is_some(),
            (Verdict::Pause(_), Expected::Pause) | (Verdict::Cancel(_), Expected::Cancel) => true,
            _ => false,
        };
        if !is_expected {
            self.surprise = Some(format!("expected {expected:?}"));
        }
        self
    }

    /// What became of records.
    pub fn outcome(mut self, name: &str, outcome: &ItemOutcome, ticket: Option<&Ticket>) -> Self {
        let word = match outcome {
            ItemOutcome::Created => "created",
            ItemOutcome::Updated => "updated",
            ItemOutcome::Unchanged => "unchanged",
            ItemOutcome::Removed => "removed",
            ItemOutcome::Skipped => "skipped",
            ItemOutcome::Failed(failure) => {
                self.surprise = Some(of_failure(failure));
                "failed"
            }
        };
        self.lines.push(format!("{word} {name}"));
        self.tickets.extend(ticket.cloned());
        self
    }

    /// What is not done is not expected.
    pub fn unfinished(mut self, unfinished: &[Failure]) -> Self {
        if let Some(failure) = unfinished.first() {
            self.surprise = Some(of_failure(failure));
        }
        self
    }

    /// What must hold now; `what` says what does not.
    pub fn expect(mut self, holds: bool, what: &str) -> Self {
        if !holds && self.surprise.is_none() {
            self.surprise = Some(format!("expected {what}"));
        }
        self
    }

    /// Something that went wrong altogether.
    pub fn broken(mut self, why: String) -> Self {
        self.mark = Mark::Stop;
        self.surprise = Some(why);
        self
    }
}
