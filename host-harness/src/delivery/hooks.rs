//! What the outbox asks of a plugin: to be told of an event, and to look at the gates that wait.

use itsm_contract::Answer as Answered;
use itsm_contract::answers::{Deployment, Event, Incident, Receipt, Review, Waiting};
use itsm_contract::types::{Failure, Gate, Later, Problem, Verdict};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;

/// A call under way.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A plugin, as the outbox sees it.
pub trait Hooks: Send + Sync + 'static {
    /// Calls the event's hook once.
    fn call<'a>(&'a self, event: &'a Event) -> Call<'a, Called<Answer>>;

    /// What keeps every call from its end, such as a log that cannot be written, in words; none where nothing does.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Looks at the waiting gates once.
    fn check<'a>(&'a self, waiting: &'a [Waiting], cursor: Option<&'a str>) -> Call<'a, Called<Review>>;

    /// Looks at the gate of the event with this key by itself, whatever has been read so far.
    fn review<'a>(&'a self, key: &'a str, waiting: &'a Waiting) -> Call<'a, Called<Review>>;
}

/// What a call came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Called<T> {
    /// The answer, or why there is none.
    pub outcome: Result<T, Trouble>,
    /// Requests that it made. None tells nothing of whether ServiceNow is there.
    pub requests: u64,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// The plugin said so.
    Failed(Failure),
    /// The plugin broke: it trapped, or reached a limit.
    Broken(Problem),
}

impl Trouble {
    /// As a failure of the contract: what broke is tried again.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Broken(problem) => Failure::Retry(Later { problem, retry_after_ms: None }),
        }
    }
}

/// A hook's answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Of `on-build-requested`.
    Gate(Gate),
    /// Of `on-build-finished`.
    Receipt(Receipt),
    /// Of `on-failure`.
    Incident(Option<Incident>),
    /// Of `on-deploy`.
    Deployment(Deployment),
}

impl Answer {
    /// In the contract's JSON.
    pub fn to_json(answer: &Answered<Self>) -> String {
        #[derive(Serialize)]
        struct Wrapped<'a>(#[serde(with = "itsm_contract::json::answer")] &'a Answered<Answer>);
        // It fails for times beyond the year 9999 alone.
        serde_json::to_string(&Wrapped(answer)).unwrap_or_else(|_| "null".into())
    }

    /// The gate in a hook's answer in JSON.
    pub fn gate_in(hook: &str, json: &str) -> Option<Gate> {
        match hook {
            "on-build-requested" => serde_json::from_str(json).ok(),
            _ => Self::deployment(json)?.gate,
        }
    }

    /// The gate at which a hook's answer in JSON has its event wait; none where there is another thing to be done first.
    pub fn waits_at(hook: &str, json: &str) -> Option<Gate> {
        let gate = Self::gate_in(hook, json)?;
        let is_to_come = |failure: &Failure| matches!(failure, Failure::Retry(_) | Failure::Misconfigured(_));
        let is_done = Self::deployment(json).is_none_or(|answer| !answer.unfinished.iter().any(is_to_come));
        let waits = matches!(gate.verdict, Verdict::Pause(_)) && gate.change.is_some();
        (waits && is_done).then_some(gate)
    }

    /// A hook's answer in JSON with this gate in place of its own.
    pub fn with_gate(hook: &str, json: &str, gate: Gate) -> Option<String> {
        let answer = match hook {
            "on-build-requested" => Self::Gate(gate),
            _ => Self::Deployment(Deployment { gate: Some(gate), ..Self::deployment(json)? }),
        };
        Some(Self::to_json(&Ok(answer)))
    }

    fn deployment(json: &str) -> Option<Deployment> {
        serde_json::from_str(json).ok()
    }

    /// The gate that it answers for.
    pub fn gate(&self) -> Option<&Gate> {
        match self {
            Self::Gate(gate) => Some(gate),
            Self::Deployment(deployment) => deployment.gate.as_ref(),
            Self::Receipt(_) | Self::Incident(_) => None,
        }
    }

    /// The same with this gate in place of its own.
    pub fn at(self, gate: Gate) -> Self {
        match self {
            Self::Gate(_) => Self::Gate(gate),
            Self::Deployment(deployment) => Self::Deployment(Deployment { gate: Some(gate), ..deployment }),
            other => other,
        }
    }

    /// What is not done.
    pub fn unfinished(&self) -> &[Failure] {
        match self {
            Self::Receipt(receipt) => &receipt.unfinished,
            Self::Deployment(deployment) => &deployment.unfinished,
            Self::Gate(_) | Self::Incident(_) => &[],
        }
    }
}

/// A failure in the contract's JSON, if that is what an answer is.
pub fn failure_in(json: &str) -> Option<Failure> {
    #[derive(Deserialize)]
    struct Wrapped {
        failure: Failure,
    }
    serde_json::from_str::<Wrapped>(json).ok().map(|wrapped| wrapped.failure)
}
