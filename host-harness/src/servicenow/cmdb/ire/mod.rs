//! Identification and reconciliation: items are matched with what is there, inserted or updated, related; each tells
//! its own fate, and HTTP says 200 whatever became of them.

mod commit;
mod item;
mod mode;
mod plan;
mod relate;
mod reply;

pub use mode::Mode;
pub use plan::invalid_source;

use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::refusal::Refusal;
use commit::{commit, foretell, refer};
use item::{Item, read_relations};
use plan::{check_source, plan};
use relate::relate;
use reply::reply;
use serde_json::Value;

/// Takes a payload.
pub fn run(
    engine: &mut Engine,
    caller: &Caller,
    payload: &Value,
    source: Option<&str>,
    mode: &Mode,
) -> Result<Value, Refusal> {
    let Some(sent) = payload.get("items").and_then(Value::as_array) else {
        return Err(Refusal::Invalid {
            message: "Invalid input data".into(),
            detail: Some("INVALID_INPUT_DATA: In payload no items were found".into()),
        });
    };
    let mut items = sent.iter().map(|item| Item::read(engine, item)).collect::<Result<Vec<_>, _>>()?;
    let relations = read_relations(payload, &items);
    check_source(engine, source, &mut items);
    plan(engine, &mut items, &relations, mode);
    let failed = items.iter().any(|item| !item.errors.is_empty());
    if failed && !mode.partial_commits {
        for item in items.iter_mut().filter(|item| item.errors.is_empty()) {
            item.fail("ABANDONED", "Too many other errors");
            item.attempts.clear();
        }
    }
    let mut told_relations = Vec::new();
    if !mode.dry_run {
        for index in 0..items.len() {
            commit(engine, caller, &mut items, index, source.unwrap_or_default())?;
        }
        refer(engine, caller, payload, &items)?;
    } else {
        foretell(engine, &mut items);
    }
    for (index, relation) in relations.iter().enumerate() {
        if let Some(told) = relate(engine, caller, &items, relation, index, mode.dry_run)? {
            told_relations.push(told);
        }
    }
    Ok(reply(engine, &items, told_relations, mode))
}
