//! What is told of an event: where it is, and its answer.

use super::hooks::failure_in;
use super::store::{Record, State};
use itsm_contract::types::{Failure, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// An event's status, as the service answers it and a callback gets it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    /// Its delivery key.
    pub key: String,
    /// Its hook.
    pub hook: String,
    /// `queued`, `in-flight`, `waiting`, `done` or `given-up`.
    pub state: &'static str,
    /// How often the plugin was asked.
    pub attempts: u32,
    /// When it was accepted.
    #[serde(with = "itsm_contract::json::time")]
    pub accepted_at: Timestamp,
    /// When its state last changed.
    #[serde(with = "itsm_contract::json::time")]
    pub changed_at: Timestamp,
    /// Not tried again before; none unless it is queued.
    #[serde(skip_serializing_if = "Option::is_none", with = "itsm_contract::json::optional_time")]
    pub due: Option<Timestamp>,
    /// When it was last given up.
    #[serde(skip_serializing_if = "Option::is_none", with = "itsm_contract::json::optional_time")]
    pub given_up_at: Option<Timestamp>,
    /// The hook's answer, or its failure under `failure`. Final once the state is `done` or `given-up`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
    /// Why it was not delivered yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Failure>,
}

impl Status {
    /// Of a record.
    pub fn of(record: &Record) -> Self {
        let progress = &record.progress;
        let is_open = matches!(progress.state, State::Queued | State::InFlight);
        let failure = progress.answer.as_deref().filter(|_| is_open).and_then(failure_in);
        let answer = progress.answer.as_deref().filter(|_| failure.is_none());
        Self {
            key: record.key.clone(),
            hook: record.hook.clone(),
            state: progress.state.name(),
            attempts: progress.attempts,
            accepted_at: record.accepted_at,
            changed_at: progress.changed_at,
            due: (progress.state == State::Queued).then_some(progress.due),
            given_up_at: progress.given_up_at,
            answer: answer.and_then(|answer| serde_json::from_str(answer).ok()),
            trouble: failure,
        }
    }

    /// Whether nothing more happens by itself.
    pub fn is_settled(&self) -> bool {
        self.state == State::Done.name() || self.state == State::GivenUp.name()
    }
}
