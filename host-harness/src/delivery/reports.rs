//! What tells of an event that was given up, and the event that is delivered after all: whichever comes first, no incident
//! stays open for an event that was delivered.

use super::core::Core;
use super::event;
use super::hooks::{Answer, Called, Trouble};
use super::store::{Record, State};
use itsm_contract::answers::Event;
use itsm_contract::types::{Failure, Later, Problem};

/// The key of the event that this one tells of; none where it tells of none.
fn subject(report: &Event) -> Option<String> {
    match report {
        Event::Failed(failure) if event::is_delivery_failure(report) => failure.thing.clone(),
        _ => None,
    }
}

/// Whether a report has nothing to tell any more: its event was delivered before the report was first tried.
pub(super) async fn is_moot(core: &Core, report: &Event, attempts: u32) -> bool {
    let Some(key) = subject(report).filter(|_| attempts <= 1) else { return false };
    let found = core.journal.read(move |store| store.find(&key)).await;
    found.ok().flatten().is_some_and(|record| is_delivered(&record))
}

/// After a report was taken: has its event resolve the incident, if it was delivered meanwhile and could not know of it.
pub(super) async fn follow(core: &Core, report: &Event, called: Called<Answer>) -> Called<Answer> {
    let Some(key) = subject(report).filter(|_| called.outcome.is_ok()) else { return called };
    let read = move |store: &mut dyn super::store::Store| match store.find(&key)? {
        Some(record) => store.event(record.id),
        None => Ok(None),
    };
    match core.journal.read(read).await {
        Ok(None) => called,
        // It may have looked for an incident before there was one.
        Ok(Some((record, _))) if record.progress.state == State::InFlight => later(called, "its event is under way"),
        Ok(Some((record, json))) if is_delivered(&record) => {
            let Ok(mut event) = serde_json::from_str::<Event>(&json) else { return called };
            let delivery = event::delivery_mut(&mut event);
            delivery.attempt = record.progress.attempts.saturating_add(1);
            delivery.given_up_at = record.progress.given_up_at;
            let again = core.hooks.call(&event).await;
            let requests = called.requests.saturating_add(again.requests);
            Called { outcome: again.outcome.and(called.outcome), requests }
        }
        Ok(Some(_)) => called,
        Err(error) => later(called, &error.to_string()),
    }
}

/// It was given up, and delivered since.
fn is_delivered(record: &Record) -> bool {
    let progress = &record.progress;
    progress.given_up_at.is_some() && matches!(progress.state, State::Waiting | State::Done)
}

fn later(called: Called<Answer>, why: &str) -> Called<Answer> {
    let problem = Problem {
        code: "host.report-waits".into(),
        summary: format!("whether the incident can be resolved is not known yet: {why}"),
        remedy: "nothing to do: it is looked at again".into(),
        detail: None,
    };
    // With a time, so that nobody takes ServiceNow to be away.
    let later = Later { problem, retry_after_ms: Some(0) };
    Called { outcome: Err(Trouble::Failed(Failure::Retry(later))), ..called }
}
