//! Reconciliation: items become CIs, with what hangs on them.

use super::item::{Item, Plan, UNKNOWN};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::{Api, Options, Values};
use crate::servicenow::http::request::{fields, text_of};
use serde_json::{Map, Value, json};

/// How a CI's class goes with the payload's: what to tell, and whether it is reclassified.
fn reclassification(engine: &Engine, item: &mut Item, record: &Record) -> (&'static str, bool) {
    let (old, new) = (record.table().to_owned(), item.class.clone());
    if old == new {
        return ("UPDATE", false);
    }
    let (kind, setting, code) = if engine.dictionary.is_a(&new, &old) {
        ("UPDATE_WITH_UPGRADE", "updateWithoutUpgrade", "SKIPPED_CLASS_UPGRADE")
    } else if engine.dictionary.is_a(&old, &new) {
        ("UPDATE_WITH_DOWNGRADE", "updateWithoutDowngrade", "SKIPPED_CLASS_DOWNGRADE")
    } else {
        ("UPDATE_WITH_SWITCH", "updateWithoutSwitch", "SKIPPED_CLASS_SWITCH")
    };
    if item.setting(setting) {
        let message = format!("Class of the CI was not changed from [{old}] to [{new}]");
        item.info = Some(json!({ "code": code, "message": message, "ruleSysId": "" }));
        return ("UPDATE", false);
    }
    (kind, true)
}

/// The values of an item that differ from a CI's.
fn differing(engine: &Engine, item: &Item, record: &Record) -> Values {
    item.values
        .iter()
        .filter(|(name, value)| {
            engine.dictionary.column(&item.class, name).is_some_and(|column| !column.read_only)
                && record.get(name) != value
        })
        .cloned()
        .collect()
}

pub(super) fn commit(
    engine: &mut Engine,
    caller: &Caller,
    items: &mut [Item],
    index: usize,
    source: &str,
) -> Result<(), Refusal> {
    let earlier: Vec<String> = items.iter().map(|item| item.sys_id.clone()).collect();
    let Some(item) = items.get_mut(index) else { return Ok(()) };
    let now = engine.now();
    let options = Options::through(Api::Cmdb);
    let system = Caller { system: true, ..caller.clone() };
    match item.plan.clone() {
        Plan::Failed => return Ok(()),
        Plan::Incomplete | Plan::Partial => {
            let (table, operation) = match item.plan {
                Plan::Partial => ("cmdb_ire_partial_payloads", "INSERT_AS_PARTIAL"),
                _ => ("cmdb_ire_incomplete_payloads", "INSERT_AS_INCOMPLETE"),
            };
            let values: Map<String, Value> =
                item.values.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            let parked = json!({ "className": item.class, "values": values }).to_string();
            let row = engine.create(&system, table, &[("payload", &parked), ("discovery_source", source)])?;
            item.operation = operation;
            item.info = Some(json!({ "parked": row.sys_id() }));
            return Ok(());
        }
        Plan::SameAs(other) => {
            item.sys_id = earlier.get(other).cloned().unwrap_or_default();
            item.operation = "NO_CHANGE";
            return Ok(());
        }
        Plan::Insert => {
            let mut values = item.values.clone();
            values.retain(|(name, _)| !matches!(name.as_str(), "sys_id" | "discovery_source" | "last_discovered"));
            values.push(("discovery_source".into(), source.into()));
            values.push(("last_discovered".into(), now.clone()));
            values.push(("first_discovered".into(), now.clone()));
            match engine.insert(&system, &item.class, &values, options) {
                Ok(written) => {
                    item.sys_id = written.record.sys_id().to_owned();
                    item.operation = "INSERT";
                }
                Err(refusal) => {
                    item.fail("INSERT_FAILED", refusal.detail().unwrap_or_else(|| refusal.message()));
                    return Ok(());
                }
            }
        }
        Plan::Update(sys_id) => {
            let Some(record) = engine.get("cmdb", &sys_id).cloned() else { return Ok(()) };
            let (operation, reclassified) = reclassification(engine, item, &record);
            if reclassified {
                let mut moved = record.clone();
                moved.reclassify(&item.class);
                engine.store.put(&engine.dictionary, moved);
            }
            let changed = differing(engine, item, &record);
            item.operation = if changed.is_empty() && !reclassified { "NO_CHANGE" } else { operation };
            let mut values = changed;
            values.retain(|(name, _)| name != "sys_id");
            values.push(("discovery_source".into(), source.into()));
            values.push(("last_discovered".into(), now.clone()));
            engine.update(&system, "cmdb", &sys_id, &values, options)?;
            item.sys_id = sys_id;
        }
    }
    remember_source(engine, &system, item, &now)?;
    hang_on(engine, &system, item)
}

/// Keeps under which key a source knows a CI.
fn remember_source(engine: &mut Engine, system: &Caller, item: &Item, now: &str) -> Result<(), Refusal> {
    let Some((name, key, info)) = &item.source else { return Ok(()) };
    let known = engine
        .having("sys_object_source", "name", name)
        .into_iter()
        .find(|row| row.get("id") == key && row.get("target_sys_id") == item.sys_id)
        .cloned();
    let text = |name: &str| info.get(name).map(text_of).unwrap_or_default();
    match known {
        Some(row) => {
            let newest = text("source_recency_timestamp").max(row.get("source_recency_timestamp").to_owned());
            let row = row.with("last_scan", now).with("source_recency_timestamp", newest);
            engine.alter(system, row, Vec::new())
        }
        None => {
            let values = [
                ("name", name.as_str()),
                ("id", key.as_str()),
                ("source_feed", &text("source_feed")),
                ("source_recency_timestamp", &text("source_recency_timestamp")),
                ("target_table", item.class.as_str()),
                ("target_sys_id", item.sys_id.as_str()),
                ("last_scan", now),
            ];
            engine.create(system, "sys_object_source", &values).map(drop)
        }
    }
}

/// Keeps what belongs to a CI: serial numbers, key values.
fn hang_on(engine: &mut Engine, system: &Caller, item: &mut Item) -> Result<(), Refusal> {
    for related in item.lookup.clone().into_iter().chain(item.related.clone()) {
        let class = related.get("className").map(text_of).unwrap_or_default();
        let Some(owner) = owner_column(engine, &class) else { continue };
        let mut values = related.get("values").map(fields).transpose()?.unwrap_or_default();
        let rows = engine.having(&class, owner, &item.sys_id);
        // A key value is told by its key, anything else by all that was sent.
        let same = rows.into_iter().find(|row| {
            let keys = values.iter().filter(|(name, _)| class != "cmdb_key_value" || name == "key");
            keys.into_iter().all(|(name, value)| row.get(name) == value)
        });
        let (operation, sys_id) = match same.cloned() {
            Some(row) => {
                let unchanged = values.iter().all(|(name, value)| row.get(name) == value);
                engine.update(system, &class, row.sys_id(), &values, Options::through(Api::Cmdb))?;
                (if unchanged { "NO_CHANGE" } else { "UPDATE" }, row.sys_id().to_owned())
            }
            None => {
                values.push((owner.into(), item.sys_id.clone()));
                let written = engine.insert(system, &class, &values, Options::through(Api::Cmdb))?;
                ("INSERT", written.record.sys_id().to_owned())
            }
        };
        item.related_told.push(json!({ "className": class, "operation": operation, "sysId": sys_id }));
    }
    Ok(())
}

/// The column of a related class that names its CI.
fn owner_column(engine: &Engine, class: &str) -> Option<&'static str> {
    ["configuration_item", "cmdb_ci", "installed_on"]
        .into_iter()
        .find(|column| engine.dictionary.column(class, column).is_some())
}

/// Sets reference fields between items.
pub(super) fn refer(engine: &mut Engine, caller: &Caller, payload: &Value, items: &[Item]) -> Result<(), Refusal> {
    let Some(references) = payload.get("referenceItems").and_then(Value::as_array) else { return Ok(()) };
    let system = Caller { system: true, ..caller.clone() };
    for reference in references {
        let text = |name: &str| reference.get(name).map(text_of).unwrap_or_default();
        let by = |id: &str| items.iter().find(|item| item.internal_id == id && item.sys_id != UNKNOWN);
        if let (Some(from), Some(to)) = (by(&text("referencedBy")), by(&text("referenced"))) {
            let values = vec![(text("referenceField"), to.sys_id.clone())];
            engine.update(&system, "cmdb", &from.sys_id, &values, Options::through(Api::Cmdb))?;
        }
    }
    Ok(())
}

/// What a dry run tells: what would be done, and to which CI.
pub(super) fn foretell(engine: &Engine, items: &mut [Item]) {
    for item in items {
        match item.plan.clone() {
            Plan::Insert => item.operation = "INSERT",
            Plan::Partial => item.operation = "INSERT_AS_PARTIAL",
            Plan::Incomplete => item.operation = "INSERT_AS_INCOMPLETE",
            Plan::Update(sys_id) => {
                if let Some(record) = engine.get("cmdb", &sys_id).cloned() {
                    let (operation, reclassified) = reclassification(engine, item, &record);
                    let same = differing(engine, item, &record).is_empty() && !reclassified;
                    item.operation = if same { "NO_CHANGE" } else { operation };
                }
                item.sys_id = sys_id;
            }
            Plan::SameAs(_) | Plan::Failed => {}
        }
    }
}
