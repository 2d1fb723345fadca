//! What a person can do to a change on the page.

use crate::servicenow::change::approvals;
use crate::servicenow::change::model::{ASSESS, AUTHORIZE, CANCELED, NEW, SCHEDULED};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::{Api, Options, Values};
use std::collections::HashMap;

/// A button, with what was filled in beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Approves.
    Approve {
        /// Why, perhaps.
        comments: String,
    },
    /// Rejects.
    Reject {
        /// Why.
        comments: String,
    },
    /// Requests approval: the first step out of New.
    Submit,
    /// Puts on hold.
    Hold {
        /// Why.
        reason: String,
    },
    /// Releases from hold.
    Release,
    /// Changes fields.
    Edit(Values),
    /// Adds a work note.
    Note(String),
    /// Cancels.
    Cancel,
}

/// The fields that the page edits.
pub const EDITABLE: &[&str] = &["short_description", "description", "start_date", "end_date"];

impl Act {
    /// Reads a form; none for a button that there is not.
    pub fn read(name: &str, form: &HashMap<String, String>) -> Option<Act> {
        let field = |name: &str| form.get(name).map(|value| value.trim().to_owned()).unwrap_or_default();
        Some(match name {
            "approve" => Act::Approve { comments: field("comments") },
            "reject" => Act::Reject { comments: field("comments") },
            "submit" => Act::Submit,
            "hold" => Act::Hold { reason: field("reason") },
            "release" => Act::Release,
            "note" => Act::Note(field("work_notes")),
            "cancel" => Act::Cancel,
            "edit" => Act::Edit(
                EDITABLE
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), form.get(*name)?.replace('T', " "))))
                    .collect(),
            ),
            _ => return None,
        })
    }

    /// Does it as a person, under the ACLs and rules that hold for everybody.
    pub fn perform(&self, engine: &mut Engine, person: &Caller, change: &str) -> Result<(), Refusal> {
        let one = |element: &str, value: &str| vec![(element.to_owned(), value.to_owned())];
        let values = match self {
            Act::Approve { comments } => return answer(engine, person, change, "approved", comments),
            Act::Reject { comments } if comments.is_empty() => {
                return Err(Refusal::invalid("a rejection needs a comment: say why"));
            }
            Act::Reject { comments } => return answer(engine, person, change, "rejected", comments),
            Act::Submit => {
                let kind = engine.get("change_request", change).map(|record| record.get("type").to_owned());
                one(
                    "state",
                    match kind.as_deref() {
                        Some("emergency") => AUTHORIZE,
                        Some("standard") => SCHEDULED,
                        _ => ASSESS,
                    },
                )
            }
            Act::Hold { reason } => vec![("on_hold".into(), "true".into()), ("on_hold_reason".into(), reason.clone())],
            Act::Release => vec![("on_hold".into(), "false".into()), ("on_hold_reason".into(), String::new())],
            Act::Edit(values) => values.clone(),
            Act::Note(note) => one("work_notes", note),
            Act::Cancel => one("state", CANCELED),
        };
        engine.update(person, "change_request", change, &values, Options::through(Api::Table))?;
        engine.run_flows();
        Ok(())
    }
}

fn answer(engine: &mut Engine, person: &Caller, change: &str, state: &str, comments: &str) -> Result<(), Refusal> {
    approvals::answer(engine, person, change, state, comments)?;
    engine.run_flows();
    Ok(())
}

/// A refusal in words for a person.
pub fn explain(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Acl(_) => "your roles do not allow this: choose another person above".into(),
        Refusal::BusinessRule { .. } => format!(
            "the change cannot go there from where it is (is it on hold, without a group, not approved?): {}",
            refusal.detail().unwrap_or_default()
        ),
        Refusal::NoRecord => "you cannot see this change: choose another person above".into(),
        other => other.detail().unwrap_or_else(|| other.message()),
    }
}

/// The buttons that make sense for a change in a state; whether the person may press them is found out by pressing.
pub fn offered(state: &str, on_hold: bool) -> Vec<&'static str> {
    let mut offered = vec!["note"];
    let open = matches!(state, NEW | ASSESS | AUTHORIZE | SCHEDULED | "-1");
    if open {
        offered.extend(["edit", "cancel"]);
        offered.push(if on_hold { "release" } else { "hold" });
    }
    if state == NEW {
        offered.push("submit");
    }
    offered
}
