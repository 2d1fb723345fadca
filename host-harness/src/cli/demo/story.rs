//! What happened in the demonstration, step by step: what the terminal and the report show.

use host_harness::settings::Settings;
use itsm_contract::types::{Failure, Ticket, Timestamp, Verdict};
use serde::Serialize;

/// Everything that happened.
#[derive(Debug, Default, Serialize)]
pub struct Story {
    /// In the order in which they were played.
    pub acts: Vec<Act>,
}

/// One story within it.
#[derive(Debug, Serialize)]
pub struct Act {
    /// What it is about.
    pub title: String,
    /// In order.
    pub steps: Vec<Step>,
}

/// What one step amounted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Work may go on, or something was done.
    Go,
    /// Work waits.
    Wait,
    /// Work stops.
    Stop,
}

/// Something that somebody did.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// When.
    #[serde(with = "itsm_contract::json::time")]
    pub at: Timestamp,
    /// A person, OpenFactory, or the plugin.
    pub who: String,
    /// What they did.
    pub what: String,
    /// What it amounted to.
    pub mark: Mark,
    /// In words: a verdict, a comment, what became of records.
    pub lines: Vec<String>,
    /// Records that it touched.
    pub tickets: Vec<Ticket>,
    /// Why this is not what was expected; none where it is.
    pub surprise: Option<String>,
}

impl Story {
    /// Whether every step had the expected result.
    pub fn is_as_expected(&self) -> bool {
        !self.acts.is_empty() && self.steps().all(|step| step.surprise.is_none())
    }

    /// Every step of every act.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.acts.iter().flat_map(|act| &act.steps)
    }
}

/// A verdict as a mark and a line.
pub fn of_verdict(verdict: &Verdict) -> (Mark, String) {
    match verdict {
        Verdict::Proceed(clearance) => (Mark::Go, format!("proceed: {}", clearance.reason)),
        Verdict::Pause(pause) => {
            // What the plugin keeps there for itself is nothing to read.
            let words = pause.waiting_for.iter().map(String::as_str).filter(|words| !words.contains(" (seal "));
            (Mark::Wait, format!("pause: {}", words.collect::<Vec<_>>().join("; ")))
        }
        Verdict::Cancel(why) => (Mark::Stop, format!("cancel: {why}")),
    }
}

/// A failure in a line.
pub fn of_failure(failure: &Failure) -> String {
    let (kind, problem) = match failure {
        Failure::Retry(later) => ("retry", &later.problem),
        Failure::Misconfigured(problem) => ("misconfigured", problem),
        Failure::Refused(problem) => ("refused", problem),
        Failure::InvalidEvent(problem) => ("invalid event", problem),
    };
    let detail = problem.detail.as_deref().map(|detail| format!(" — {detail}")).unwrap_or_default();
    format!("{kind}: {} [{}]{detail}; {}", problem.summary, problem.code, problem.remedy)
}

/// The settings that the demonstration uses: the smallest file that works.
pub fn settings(url: &str) -> anyhow::Result<Settings> {
    let text = format!("[instance]\nurl = \"{url}\"\ncredential = \"servicenow\"\n");
    Ok(Settings::parse("the demonstration's settings", &text)?)
}
