//! A plugin in its sandbox, as the outbox calls it.

use super::hooks::{Answer, Call, Called, Hooks, Trouble};
use super::pacing::Pacing;
use crate::grant::{Exchange, Observer, Outcome};
use crate::runtime::limits::Limit;
use crate::runtime::{Blame, CallError, Plugin};
use itsm_contract::Answer as Answered;
use itsm_contract::answers::{Event, Review, Waiting};
use itsm_contract::types::{Failure, Later, Problem};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what each call requests, and shows every reply to the pacing. It is the grant's observer.
#[derive(Debug)]
pub struct Witness {
    pacing: Arc<Pacing>,
    /// By delivery key; one event is called once at a time. Looks at the gates have none.
    requests: Mutex<HashMap<Option<String>, u64>>,
}

impl Witness {
    /// Shows replies to this pacing.
    pub fn new(pacing: Arc<Pacing>) -> Arc<Self> {
        Arc::new(Self { pacing, requests: Mutex::default() })
    }

    fn take(&self, key: Option<&str>) -> u64 {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.remove(&key.map(str::to_owned)).unwrap_or_default()
    }
}

impl Observer for Witness {
    fn exchanged(&self, exchange: &Exchange) {
        match &exchange.outcome {
            Outcome::Answered { headers, .. } => self.pacing.replied(headers),
            Outcome::Failed(_) => self.pacing.unanswered(),
            // It never went out.
            Outcome::Denied(_) => return,
        }
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(exchange.key.clone()).or_default() += 1;
    }
}

/// A plugin whose grant is observed by a [`Witness`].
#[derive(Debug)]
pub struct Sandboxed {
    plugin: Plugin,
    witness: Arc<Witness>,
}

impl Sandboxed {
    /// Calls this plugin. The witness must be the observer of its grant.
    pub fn new(plugin: Plugin, witness: Arc<Witness>) -> Arc<Self> {
        Arc::new(Self { plugin, witness })
    }
}

impl Hooks for Sandboxed {
    fn call<'a>(&'a self, event: &'a Event) -> Call<'a, Called<Answer>> {
        Box::pin(async move {
            let key = &super::event::delivery(event).key;
            // What a call that was given back has left.
            self.witness.take(Some(key));
            let mut answer = call(&self.plugin, event).await;
            if let Err(error) = &answer
                && error.blame() == Blame::Mapping
            {
                tracing::error!(key, %error, "the mapping broke: the plugin sends its own fields");
                answer = call(&self.plugin.without_mapping(), event).await;
            }
            Called { outcome: outcome(answer), requests: self.witness.take(Some(key)) }
        })
    }

    fn trouble(&self) -> Option<String> {
        self.plugin.grant().audit().trouble()
    }

    fn check<'a>(&'a self, waiting: &'a [Waiting], cursor: Option<&'a str>) -> Call<'a, Called<Review>> {
        Box::pin(async move {
            self.witness.take(None);
            let answer = self.plugin.check(waiting, cursor).await;
            Called { outcome: outcome(answer), requests: self.witness.take(None) }
        })
    }

    fn review<'a>(&'a self, key: &'a str, waiting: &'a Waiting) -> Call<'a, Called<Review>> {
        Box::pin(async move {
            self.witness.take(Some(key));
            let answer = self.plugin.review(key, waiting).await;
            Called { outcome: outcome(answer), requests: self.witness.take(Some(key)) }
        })
    }
}

async fn call(plugin: &Plugin, event: &Event) -> Result<Answered<Answer>, CallError> {
    Ok(match event {
        Event::BuildRequested(event) => plugin.on_build_requested(event).await?.map(Answer::Gate),
        Event::BuildFinished(event) => plugin.on_build_finished(event).await?.map(Answer::Receipt),
        Event::Failed(event) => plugin.on_failure(event).await?.map(Answer::Incident),
        Event::Deploy(event) => plugin.on_deploy(event).await?.map(Answer::Deployment),
    })
}

fn outcome<T>(answer: Result<Answered<T>, CallError>) -> Result<T, Trouble> {
    let error = match answer {
        Ok(answer) => return answer.map_err(Trouble::Failed),
        Err(error) => error,
    };
    let problem = |code: &str, remedy: &str| Problem {
        code: code.into(),
        summary: error.to_string(),
        remedy: remedy.into(),
        detail: None,
    };
    Err(match &error {
        CallError::Limit { limit: Limit::WallClock, blame: Blame::ServiceNow, .. } => {
            let remedy = "nothing to do: the event is delivered again; if it lasts, look at the instance's load";
            Trouble::Failed(Failure::Retry(Later { problem: problem("host.timed-out", remedy), retry_after_ms: None }))
        }
        CallError::Trap(_) => Trouble::Broken(problem(
            "host.plugin-trapped",
            "report it to whoever built the plugin, with the host's log",
        )),
        CallError::Limit { .. } => Trouble::Broken(problem(
            "host.limit-reached",
            "report it to whoever built the plugin, or raise the limit that it names",
        )),
        _ => Trouble::Broken(problem("host.failed", "look at the host's log, its disk and its audit log")),
    })
}
