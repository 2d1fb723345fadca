//! Identification and reconciliation: one call, and what it says of each item. Status 200 says nothing: every item
//! carries its own outcome (Identification and Reconciliation API).

use super::item::Item;
use super::refusal;
use crate::plugin::{Plugin, is_sys_id};
use crate::servicenow::{Error, Kind, Record};
use crate::transport::Method;
use itsm_contract::types::Failure;
use serde_json::{Value, json};

/// Systems in one call: ServiceNow advises against payloads of more than about 500 items.
pub const SYSTEMS_LIMIT: usize = 500;

/// One bad item does not undo the good ones, and an item that lacks what identifies it is refused instead of being parked
/// where nobody looks.
const OPTIONS: &str = "partial_payloads:false,partial_commits:true,deduplicate_payloads:false,generate_summary:false";

/// What an item says that was not looked at, because others failed.
const ABANDONED: &str = "ABANDONED";

/// Calls until what was abandoned because of others is given up.
const ROUNDS: usize = 3;

/// Whether anything is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is.
    Commit,
    /// It is only said what would be.
    Query,
}

impl Mode {
    fn path(self) -> &'static str {
        match self {
            Self::Commit => "enhanced",
            Self::Query => "queryEnhanced",
        }
    }
}

/// What became of an item or a relation that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is new.
    Inserted,
    /// It was there and is different now.
    Updated,
    /// It was there and already said this.
    None,
}

/// What became of one item.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is stored.
    Stored {
        /// What was done.
        change: Change,
        /// Its record; none for one that a query would insert.
        sys_id: Option<String>,
    },
    /// It is not.
    Refused(Failure),
}

impl Outcome {
    /// Its record.
    pub fn sys_id(&self) -> Option<&str> {
        match self {
            Self::Stored { sys_id, .. } => sys_id.as_deref(),
            Self::Refused(_) => None,
        }
    }
}

/// What became of a payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// One for each item, in order.
    pub items: Vec<Outcome>,
    /// For each item but the first, what became of its relation to the first; none where the reply does not say.
    pub relations: Vec<Option<Result<Change, Failure>>>,
}

/// Sends the image, which comes first, and the systems that have it.
///
/// # Errors
/// Where there is no reply, or none that answers the question.
pub fn send(plugin: &Plugin, mode: Mode, items: &[Item], occurred_at: u64) -> Result<Reply, Error> {
    let mut answers: Vec<Option<Outcome>> = vec![None; items.len()];
    let mut relations = vec![None; items.len().saturating_sub(1)];
    for _ in 0..ROUNDS {
        // The image goes along every time: relations are given by position.
        let open: Vec<usize> = (0..items.len()).filter(|index| *index == 0 || is_open(&answers, *index)).collect();
        if open.len() < 2 && !is_open(&answers, 0) {
            break;
        }
        let result = call(plugin, mode, &open, items, occurred_at)?;
        let mut has_progressed = false;
        for (position, index) in open.iter().enumerate() {
            let outcome = find(&result, "items", position).map(|item| outcome(&item, mode));
            let Some(slot) = answers.get_mut(*index) else { continue };
            match outcome {
                _ if slot.is_some() => {}
                None | Some(Judged::Abandoned) => {}
                Some(Judged::Done(outcome)) => {
                    *slot = Some(outcome);
                    has_progressed = true;
                }
            }
            let Some(relation) = position.checked_sub(1) else { continue };
            if let (Some(slot), Some(said)) =
                (relations.get_mut(index.saturating_sub(1)), find(&result, "relations", relation))
            {
                *slot = match refused(&said) {
                    Some((code, message)) => Some(Err(refusal::refused(&code, message))),
                    None => change(&said.text("operation")).map(Ok),
                };
            }
        }
        if !has_progressed {
            break;
        }
    }
    let items =
        answers.into_iter().map(|answer| answer.unwrap_or_else(|| Outcome::Refused(refusal::abandoned()))).collect();
    Ok(Reply { items, relations })
}

fn is_open(answers: &[Option<Outcome>], index: usize) -> bool {
    answers.get(index).is_some_and(Option::is_none)
}

fn call(plugin: &Plugin, mode: Mode, open: &[usize], items: &[Item], occurred_at: u64) -> Result<Record, Error> {
    let settings = &plugin.settings().cmdb;
    let payload = |(position, index): (usize, &usize)| {
        items.get(*index).map(|item| item.payload(position, &settings.data_source, occurred_at))
    };
    let related = |position: usize| {
        let (parent, child) = if settings.image_is_parent { (0, position) } else { (position, 0) };
        json!({"parent": parent, "child": child, "type": settings.relation})
    };
    let mut body = json!({"items": open.iter().enumerate().filter_map(payload).collect::<Vec<_>>()});
    if let (Value::Object(body), 2..) = (&mut body, open.len()) {
        body.insert("relations".into(), (1..open.len()).map(related).collect());
    }
    let target = format!(
        "/api/now/identifyreconcile/{}?sysparm_data_source={}&options={}",
        mode.path(),
        crate::servicenow::percent_encode(&settings.data_source),
        crate::servicenow::percent_encode(OPTIONS),
    );
    let label = "POST identifyreconcile";
    Record::new(plugin.client().call(Method::Post, target, Some(&body), label)?)
        .ok_or_else(|| Error::new(Kind::ReplyUnexpected, label).with_detail("`result` is no record"))
}

/// The part of the reply that is about the item or relation at this position of the payload.
fn find(result: &Record, part: &str, position: usize) -> Option<Record> {
    let all = result.fields().get(part)?.as_array()?;
    let is_about = |item: &&Value| {
        item.get("inputIndices")
            .and_then(Value::as_array)
            .is_some_and(|indices| indices.iter().any(|index| index.as_u64() == u64::try_from(position).ok()))
    };
    all.iter().find(is_about).cloned().and_then(Record::new)
}

enum Judged {
    Done(Outcome),
    /// Not looked at, because others failed.
    Abandoned,
}

/// Code and words of what an item or a relation was refused for; none where it was not.
fn refused(told: &Record) -> Option<(String, String)> {
    let errors = told.fields().get("errors").and_then(Value::as_array).cloned().unwrap_or_default();
    let errors: Vec<Record> = errors.into_iter().filter_map(Record::new).collect();
    let is_abandoned = |error: &&Record| error.text("error") == ABANDONED;
    let words = |error: &Record| (error.text("error").into_owned(), error.text("message").into_owned());
    match errors.iter().find(is_abandoned).or(errors.first()) {
        Some(error) => Some(words(error)),
        None => told.text("errorCount").parse::<u32>().is_ok_and(|count| count > 0).then(Default::default),
    }
}

fn outcome(item: &Record, mode: Mode) -> Judged {
    let operation = item.text("operation");
    let sys_id = item.text("sysId");
    match refused(item) {
        Some((code, _)) if code == ABANDONED => return Judged::Abandoned,
        Some((code, message)) => return Judged::Done(Outcome::Refused(refusal::refused(&code, message))),
        None => {}
    }
    Judged::Done(match change(&operation) {
        Some(change) if is_sys_id(&sys_id) => Outcome::Stored { change, sys_id: Some(sys_id.into_owned()) },
        Some(change @ Change::Inserted) if mode == Mode::Query => Outcome::Stored { change, sys_id: None },
        _ => Outcome::Refused(refusal::parked(item, &operation)),
    })
}

fn change(operation: &str) -> Option<Change> {
    match operation {
        "INSERT" => Some(Change::Inserted),
        "UPDATE" | "UPDATE_WITH_UPGRADE" | "UPDATE_WITH_DOWNGRADE" | "UPDATE_WITH_SWITCH" => Some(Change::Updated),
        "NO_CHANGE" => Some(Change::None),
        _ => None,
    }
}
