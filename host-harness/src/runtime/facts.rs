//! What of an answer goes into the log as the host's own word.

use crate::grant::audit::Note;
use itsm_contract::Answer;
use itsm_contract::answers::{Deployment, Description, Finding, Incident, Planned, Receipt, Review};
use itsm_contract::types::{Failure, Gate, Problem, Ticket, Verdict};

/// An answer that leaves a trace in the log. What only looks leaves none but that of its requests.
pub(super) trait Facts {
    /// Adds what it says to the entry for the call, and gives entries of its own, if it has any.
    fn trace(&self, call: Note) -> Vec<Note> {
        let _ = call;
        Vec::new()
    }
}

impl Facts for Description {}
impl Facts for Vec<Finding> {}
impl Facts for Answer<Vec<Planned>> {}

impl Facts for Answer<Gate> {
    fn trace(&self, call: Note) -> Vec<Note> {
        vec![answered(call, self, gate)]
    }
}

impl Facts for Answer<Option<Incident>> {
    fn trace(&self, call: Note) -> Vec<Note> {
        vec![answered(call, self, |note, incident| match incident {
            Some(incident) => about(note.with("outcome", outcome(&incident.outcome)), Some(&incident.ticket)),
            None => note.with("outcome", "no incident"),
        })]
    }
}

impl Facts for Answer<Deployment> {
    fn trace(&self, call: Note) -> Vec<Note> {
        vec![answered(call, self, |note, deployment| {
            let note = note
                .with("items", deployment.items.len().to_string())
                .with("unfinished", deployment.unfinished.len().to_string());
            match &deployment.gate {
                Some(found) => gate(note, found),
                None => note,
            }
        })]
    }
}

impl Facts for Answer<Receipt> {
    fn trace(&self, call: Note) -> Vec<Note> {
        vec![answered(call, self, |note, receipt| {
            about(note.with("statement", &receipt.digest), receipt.attached.first())
        })]
    }
}

/// One more entry for each gate that moved.
impl Facts for Answer<Review> {
    fn trace(&self, call: Note) -> Vec<Note> {
        let mut notes = vec![answered(call, self, |note, review| note.with("moved", review.moved.len().to_string()))];
        for reviewed in self.iter().flat_map(|review| &review.moved) {
            let note = Note::new("gate.moved").with("change", &reviewed.change);
            notes.push(answered(note, &reviewed.answer, gate));
        }
        notes
    }
}

fn answered<T>(note: Note, answer: &Answer<T>, facts: impl FnOnce(Note, &T) -> Note) -> Note {
    match answer {
        Ok(value) => facts(note, value),
        Err(failure) => {
            let (kind, Problem { code, summary, .. }) = match failure {
                Failure::Retry(later) => ("retry", &later.problem),
                Failure::Misconfigured(problem) => ("misconfigured", problem),
                Failure::Refused(problem) => ("refused", problem),
                Failure::InvalidEvent(problem) => ("invalid-event", problem),
            };
            note.with("failure", kind).with("code", code).with("summary", summary)
        }
    }
}

fn gate(note: Note, gate: &Gate) -> Note {
    let note = about(note, gate.change.as_ref());
    let note = match &gate.verdict {
        Verdict::Proceed(clearance) => note
            .with("verdict", "proceed")
            .with("reason", &clearance.reason)
            .with("by-policy", clearance.by_policy.to_string()),
        Verdict::Pause(pause) => {
            pause.waiting_for.iter().fold(note.with("verdict", "pause"), |note, what| note.with("waiting-for", what))
        }
        Verdict::Cancel(reason) => note.with("verdict", "cancel").with("reason", reason),
    };
    gate.approvals.iter().fold(note, |note, approval| {
        let decision = serde_json::to_value(&approval.decision).map_or_else(|_| String::new(), |value| named(&value));
        note.with("approval", format!("{}: {decision}", approval.approver))
    })
}

fn about(note: Note, ticket: Option<&Ticket>) -> Note {
    Note { subject: ticket.cloned(), ..note }
}

fn outcome(outcome: &itsm_contract::types::ItemOutcome) -> String {
    serde_json::to_value(outcome).map_or_else(|_| String::new(), |value| named(&value))
}

/// A case's name in JSON.
fn named(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(name) => name.clone(),
        serde_json::Value::Object(case) => case.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}
