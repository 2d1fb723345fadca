//! What is told of a payload: of every item what became of it, and why.

use super::item::{Item, UNKNOWN};
use super::mode::Mode;
use crate::servicenow::engine::Engine;
use serde_json::{Map, Value, json};

pub(super) fn faults(faults: &[(String, String)]) -> Value {
    faults.iter().map(|(error, message)| json!({ "error": error, "message": message })).collect()
}

pub(super) fn reply(engine: &Engine, items: &[Item], relations: Vec<Value>, mode: &Mode) -> Value {
    let failed_operation = engine.properties.failed_item_operation.as_str();
    let told: Vec<Value> = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let failed = !item.errors.is_empty();
            let stored = !failed && item.sys_id != UNKNOWN;
            let entry = item.rule.filter(|_| stored).map_or(UNKNOWN, |rule| rule.sys_id);
            let related: Vec<&Value> = item.related_told.iter().filter_map(|told| told.get("sysId")).collect();
            let mut told = json!({
                "className": item.class,
                "operation": if failed { failed_operation } else { item.operation },
                "sysId": if failed { UNKNOWN } else { item.sys_id.as_str() },
                "identifierEntrySysId": entry,
                "relatedSysIds": related,
                "relatedItems": item.related_told,
                "identificationAttempts": item.attempts,
                "markers": [],
                "inputIndices": [index],
                "mergedPayloadIds": [],
                "errorCount": item.errors.len(),
            });
            if failed {
                put(&mut told, "errors", faults(&item.errors));
            }
            if !item.warnings.is_empty() {
                put(&mut told, "warnings", faults(&item.warnings));
                put(&mut told, "warningCount", item.warnings.len());
            }
            if let Some(parked) = item.info.as_ref().and_then(|info| info.get("parked")) {
                put(&mut told, "partialSysIds", json!([parked]));
                put(&mut told, "mergedPayloadIds", json!([engine.fresh_sys_id()]));
                put(&mut told, "errors", json!([]));
            } else if let Some(info) = &item.info {
                put(&mut told, "info", info.clone());
            }
            told
        })
        .collect();
    let has_error = items.iter().any(|item| !item.errors.is_empty())
        || relations.iter().any(|relation| relation.get("errors").is_some());
    let has_warning = items.iter().any(|item| !item.warnings.is_empty());
    let mut result = json!({
        "items": told,
        "additionalCommittedItems": [],
        "relations": relations,
        "additionalCommittedRelations": [],
    });
    if mode.enhanced || has_error {
        put(&mut result, "hasError", has_error);
        put(&mut result, "hasWarning", has_warning);
    }
    if mode.enhanced && mode.generate_summary {
        put(&mut result, "summary", summary(items));
    }
    result
}

fn summary(items: &[Item]) -> Value {
    let mut summary = Map::new();
    for item in items {
        let class = summary.entry(item.class.clone()).or_insert_with(|| {
            json!({
                "inserted": 0, "updated": 0, "unchanged": 0, "skipped": 0, "errors": 0, "warnings": 0, "partial": 0,
                "incomplete": 0, "additionalInserted": 0, "mergedPartialPayloads": 0,
            })
        });
        let mut count = |name: &str| {
            let number = class.get(name).and_then(Value::as_u64).unwrap_or_default().saturating_add(1);
            put(class, name, number);
        };
        if !item.errors.is_empty() {
            count("errors");
            continue;
        }
        match item.operation {
            "INSERT" => count("inserted"),
            "NO_CHANGE" => count("unchanged"),
            "INSERT_AS_PARTIAL" => count("partial"),
            "INSERT_AS_INCOMPLETE" => count("incomplete"),
            _ => count("updated"),
        }
        if !item.warnings.is_empty() {
            count("warnings");
        }
    }
    Value::Object(summary)
}

/// Sets a key of an object.
pub(super) fn put(object: &mut Value, key: &str, value: impl Into<Value>) {
    if let Value::Object(object) = object {
        object.insert(key.to_owned(), value.into());
    }
}
