//! Relations between items: each once, by the name of its type.

use super::item::{Item, Plan, Relation, UNKNOWN};
use super::reply::{faults, put};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::refusal::Refusal;
use serde_json::{Value, json};

pub(super) fn relate(
    engine: &mut Engine,
    caller: &Caller,
    items: &[Item],
    relation: &Relation,
    index: usize,
    dry_run: bool,
) -> Result<Option<Value>, Refusal> {
    let told = |operation: &str, sys_id: &str, errors: &[(String, String)]| {
        let mut told = json!({
            "className": "cmdb_rel_ci", "operation": operation, "sysId": sys_id, "inputIndices": [index],
            "markers": [], "mergedPayloadIds": [], "errorCount": errors.len(),
        });
        if !errors.is_empty() {
            put(&mut told, "errors", faults(errors));
        }
        told
    };
    let end = |at: Option<usize>| at.and_then(|at| items.get(at));
    let (Some(parent), Some(child)) = (end(relation.parent), end(relation.child)) else {
        let error = ("INVALID_INPUT_DATA".to_owned(), "In payload relation refers to no item".to_owned());
        return Ok(Some(told("NO_CHANGE", UNKNOWN, &[error])));
    };
    let kinds: Vec<String> =
        engine.having("cmdb_rel_type", "name", &relation.kind).iter().map(|kind| kind.sys_id().to_owned()).collect();
    let Some(kind) = kinds.first() else {
        let error = format!("In payload invalid relationship type [{}] exist", relation.kind);
        return Ok(Some(told("NO_CHANGE", UNKNOWN, &[("INVALID_INPUT_DATA".to_owned(), error)])));
    };
    let failed = |item: &Item| !item.errors.is_empty() || matches!(item.plan, Plan::Partial | Plan::Incomplete);
    if failed(parent) || failed(child) {
        return Ok(None);
    }
    let known = engine
        .having("cmdb_rel_ci", "parent", &parent.sys_id)
        .into_iter()
        .find(|row| row.get("child") == child.sys_id && row.get("type") == kind)
        .map(|row| row.sys_id().to_owned());
    if let Some(known) = known {
        return Ok(Some(told("NO_CHANGE", &known, &[])));
    }
    if dry_run {
        return Ok(Some(told("INSERT", UNKNOWN, &[])));
    }
    let system = Caller { system: true, ..caller.clone() };
    let values = [("parent", parent.sys_id.as_str()), ("child", child.sys_id.as_str()), ("type", kind.as_str())];
    let row = engine.create(&system, "cmdb_rel_ci", &values)?;
    Ok(Some(told("INSERT", row.sys_id(), &[])))
}
