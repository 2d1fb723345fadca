//! Identification: which CI an item is, or why it is none.

use super::item::{Item, Plan, Relation};
use super::mode::Mode;
use super::reply::put;
use crate::servicenow::cmdb::identify::IdentificationRule;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::record::Record;
use crate::servicenow::http::request::text_of;
use serde_json::json;

/// The data source has to be a choice of `cmdb_ci.discovery_source`; without one the payload is parked.
pub(super) fn check_source(engine: &Engine, source: Option<&str>, items: &mut [Item]) {
    let known = |source: &str| {
        engine
            .choices_of("cmdb_ci", "discovery_source")
            .is_some_and(|choices| choices.iter().any(|choice| choice.0 == source))
    };
    match source.filter(|source| !source.is_empty()) {
        None => items.iter_mut().for_each(|item| item.plan = Plan::Incomplete),
        Some(source) if !known(source) => {
            for item in items {
                item.fail("INVALID_INPUT_DATA", invalid_source(source));
            }
        }
        Some(_) => items.iter_mut().for_each(|item| item.plan = Plan::Insert),
    }
}

/// What is said of a data source that is none.
pub fn invalid_source(source: &str) -> String {
    format!(
        "In payload invalid data source [{source}] exist. You need to provide a valid choice value from field \
         [discovery_source] in table [cmdb_ci]."
    )
}

pub(super) fn plan(engine: &Engine, items: &mut [Item], relations: &[Relation], mode: &Mode) {
    for index in 0..items.len() {
        let Some((before, rest)) = items.split_at_mut_checked(index) else { continue };
        let Some((item, after)) = rest.split_first_mut() else { continue };
        if item.plan != Plan::Insert {
            continue;
        }
        if engine.dictionary.table(&item.class).is_none() || !engine.dictionary.is_a(&item.class, "cmdb") {
            let class = item.class.clone();
            item.fail("INVALID_INPUT_DATA", format!("In payload invalid class name [{class}] exist"));
            continue;
        }
        let Some(rule) = item.rule else {
            let class = item.class.clone();
            item.fail("IDENTIFICATION_RULE_MISSING", format!("Identification Rule is missing for table [{class}]."));
            continue;
        };
        if let Some((kind, classes)) = rule.depends_on {
            let other = |at: usize| {
                if at < index { before.get(at) } else { at.checked_sub(index + 1).and_then(|at| after.get(at)) }
            };
            let hosted = relations.iter().any(|relation| {
                relation.parent == Some(index)
                    && relation.kind == kind
                    && relation
                        .child
                        .and_then(other)
                        .is_some_and(|child| classes.iter().any(|class| engine.dictionary.is_a(&child.class, class)))
            });
            if !hosted {
                let class = item.class.clone();
                item.fail(
                    "MISSING_DEPENDENCY",
                    format!(
                        "In payload no relations defined for dependent class [{class}] that matches any \
                         containment/hosting rules."
                    ),
                );
                continue;
            }
        }
        identify(engine, item, rule, before, mode);
    }
}

/// Looks for the CI that an item is.
fn identify(engine: &Engine, item: &mut Item, rule: &'static IdentificationRule, before: &[Item], mode: &Mode) {
    let attempt = |attributes: &[&str], result: &str| {
        json!({
            "identifierName": rule.name,
            "attemptResult": result,
            "attributes": attributes,
            "searchOnTable": rule.class,
            "hybridEntryCiAttributes": [],
        })
    };
    if let Some((name, key, _)) = &item.source {
        let known = engine
            .having("sys_object_source", "name", name)
            .into_iter()
            .find(|row| row.get("id") == key && engine.get("cmdb_ci", row.get("target_sys_id")).is_some());
        if let Some(row) = known {
            item.plan = Plan::Update(row.get("target_sys_id").to_owned());
            let mut told = attempt(&["source_name", "source_native_key"], "MATCHED");
            put(&mut told, "searchOnTable", "sys_object_source");
            put(&mut told, "info", "sys_object_source MATCHED");
            item.attempts.push(told);
            return;
        }
        let same = before.iter().position(|other| {
            other.source.as_ref().is_some_and(|(other_name, other_key, _)| other_name == name && other_key == key)
                && other.plan == Plan::Insert
        });
        if let Some(same) = same {
            return duplicate(item, same, mode);
        }
    }
    let mut usable = false;
    for serial in &item.lookup {
        let Some(values) = serial.get("values") else { continue };
        let (number, kind) = (values.get("serial_number").map(text_of), values.get("serial_number_type").map(text_of));
        let (Some(number), Some(kind)) = (number, kind) else { continue };
        usable = true;
        let found = engine.having("cmdb_serial_number", "serial_number", &number);
        let found = found.into_iter().find(|row| row.get("serial_number_type") == kind);
        let told = ["serial_number", "serial_number_type"];
        if let Some(row) = found.filter(|row| engine.get(rule.class, row.get("cmdb_ci")).is_some()) {
            item.attempts.push(attempt(&told, "MATCHED"));
            item.plan = Plan::Update(row.get("cmdb_ci").to_owned());
            return;
        }
        item.attempts.push(attempt(&told, "NO_MATCH"));
    }
    for attributes in rule.attributes {
        let given: Vec<&str> = attributes.iter().map(|name| item.value(name)).collect();
        if given.iter().any(|value| value.is_empty()) {
            item.attempts.push(attempt(attributes, "SKIPPED"));
            continue;
        }
        usable = true;
        let matches = |record: &Record| {
            attributes.iter().zip(&given).all(|(name, value)| record.get(name).eq_ignore_ascii_case(value))
        };
        let found: Vec<String> = engine
            .store
            .scan(&engine.dictionary, rule.class)
            .into_iter()
            .filter(|record| matches(record))
            .map(|record| record.sys_id().to_owned())
            .collect();
        if let Some(first) = found.first() {
            item.attempts.push(attempt(attributes, "MATCHED"));
            if found.len() > 1 {
                item.warnings.push((
                    "MULTIPLE_DUPLICATE_RECORDS".into(),
                    format!("Found duplicate records [{}] for table [{}]", found.join(","), rule.class),
                ));
            }
            item.plan = Plan::Update(first.clone());
            return;
        }
        let same = before.iter().position(|other| {
            other.plan == Plan::Insert
                && other.rule.is_some_and(|known| known.class == rule.class)
                && attributes.iter().zip(&given).all(|(name, value)| other.value(name).eq_ignore_ascii_case(value))
        });
        if let Some(same) = same {
            return duplicate(item, same, mode);
        }
        item.attempts.push(attempt(attributes, "NO_MATCH"));
    }
    if !usable {
        let message = format!(
            "In payload missing minimum set of input values for criterion (matching) attributes from identify rule \
             for table [{}].",
            rule.class
        );
        if mode.partial_payloads {
            item.plan = Plan::Partial;
            item.warnings.push(("MISSING_MATCHING_ATTRIBUTES".into(), message));
        } else {
            item.fail("MISSING_MATCHING_ATTRIBUTES", message);
        }
    }
}

fn duplicate(item: &mut Item, same: usize, mode: &Mode) {
    if mode.deduplicate_payloads {
        item.plan = Plan::SameAs(same);
    } else {
        item.fail("DUPLICATE_PAYLOAD_RECORDS", format!("In payload found duplicate items, indices [{same}]"));
    }
}
