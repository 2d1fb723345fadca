//! Identification and reconciliation: items are matched with what is there, inserted or updated, related; each tells
//! its own fate, and HTTP says 200 whatever became of them.

use super::identify::{IdentificationRule, rule_for};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::{Api, Options, Values};
use crate::servicenow::http::request::{fields, text_of};
use serde_json::{Map, Value, json};

/// `sysId` of what was not stored.
const UNKNOWN: &str = "Unknown";

/// How a payload is to be taken.
#[derive(Debug, Clone, Default)]
pub struct Mode {
    /// `/query…`: nothing is written.
    pub dry_run: bool,
    /// `/enhanced`: its reply says more.
    pub enhanced: bool,
    /// Items that cannot be identified are parked.
    pub partial_payloads: bool,
    /// Good items are kept although others fail.
    pub partial_commits: bool,
    /// Items that are one CI are merged.
    pub deduplicate_payloads: bool,
    /// The reply counts what happened by class.
    pub generate_summary: bool,
}

impl Mode {
    /// Reads `options=partial_payloads:false,…`.
    pub fn with_options(mut self, options: Option<&str>) -> Result<Self, Refusal> {
        let mut partial_payloads = true;
        let mut others = [false; 3];
        for chunk in options.unwrap_or_default().split(',').map(str::trim).filter(|chunk| !chunk.is_empty()) {
            let invalid = || Refusal::Script(format!("Chunk [{chunk}] is not a valid entry"));
            let (name, value) = chunk.split_once(':').ok_or_else(invalid)?;
            let value = value.trim().parse::<bool>().map_err(|_| invalid())?;
            match name.trim() {
                "partial_payloads" => partial_payloads = value,
                "partial_commits" => others[0] = value,
                "deduplicate_payloads" => others[1] = value,
                "generate_summary" => others[2] = value,
                _ => return Err(invalid()),
            }
        }
        // Partial payloads force the two that they build on.
        self.partial_payloads = partial_payloads;
        self.partial_commits = others[0] || partial_payloads;
        self.deduplicate_payloads = others[1] || partial_payloads;
        self.generate_summary = others[2];
        Ok(self)
    }
}

/// What will become of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plan {
    Insert,
    Update(String),
    /// The same CI as an earlier item of the payload.
    SameAs(usize),
    Partial,
    Incomplete,
    Failed,
}

/// An item on its way.
#[derive(Debug)]
struct Item {
    class: String,
    internal_id: String,
    values: Values,
    source: Option<(String, String, Value)>,
    settings: Value,
    lookup: Vec<Value>,
    related: Vec<Value>,
    rule: Option<&'static IdentificationRule>,
    attempts: Vec<Value>,
    errors: Vec<(String, String)>,
    warnings: Vec<(String, String)>,
    info: Option<Value>,
    plan: Plan,
    operation: &'static str,
    sys_id: String,
    related_told: Vec<Value>,
}

impl Item {
    fn read(engine: &Engine, value: &Value) -> Result<Item, Refusal> {
        let text = |name: &str| value.get(name).map(text_of).unwrap_or_default();
        let class = text("className");
        let list = |name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let source = value.get("sys_object_source_info").map(|info| {
            let text = |name: &str| info.get(name).map(text_of).unwrap_or_default();
            (text("source_name"), text("source_native_key"), info.clone())
        });
        Ok(Item {
            internal_id: text("internal_id"),
            values: match value.get("values") {
                Some(values) => fields(values)?,
                None => Values::new(),
            },
            source: source.filter(|(name, key, _)| !name.is_empty() && !key.is_empty()),
            settings: value.get("settings").cloned().unwrap_or(Value::Null),
            lookup: list("lookup"),
            related: list("related"),
            rule: rule_for(&engine.dictionary, &class),
            class,
            attempts: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            info: None,
            plan: Plan::Failed,
            operation: "NO_CHANGE",
            sys_id: UNKNOWN.into(),
            related_told: Vec::new(),
        })
    }

    fn fail(&mut self, code: &str, message: impl Into<String>) {
        self.errors.push((code.to_owned(), message.into()));
        self.plan = Plan::Failed;
    }

    fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    fn setting(&self, name: &str) -> bool {
        self.settings.get(name).map(text_of).as_deref() == Some("true")
    }
}

/// A relation of the payload, between two items.
#[derive(Debug)]
struct Relation {
    parent: Option<usize>,
    child: Option<usize>,
    kind: String,
}

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

fn read_relations(payload: &Value, items: &[Item]) -> Vec<Relation> {
    let Some(relations) = payload.get("relations").and_then(Value::as_array) else { return Vec::new() };
    relations
        .iter()
        .map(|relation| {
            let end = |index: &str, id: &str| {
                let by_index = relation.get(index).and_then(|value| text_of(value).parse::<usize>().ok());
                by_index.filter(|index| *index < items.len()).or_else(|| {
                    let id = relation.get(id).map(text_of)?;
                    items.iter().position(|item| item.internal_id == id)
                })
            };
            Relation {
                parent: end("parent", "parent_id"),
                child: end("child", "child_id"),
                kind: relation.get("type").map(text_of).unwrap_or_default(),
            }
        })
        .collect()
}

/// The data source has to be a choice of `cmdb_ci.discovery_source`; without one the payload is parked.
fn check_source(engine: &Engine, source: Option<&str>, items: &mut [Item]) {
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

fn plan(engine: &Engine, items: &mut [Item], relations: &[Relation], mode: &Mode) {
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

fn commit(engine: &mut Engine, caller: &Caller, items: &mut [Item], index: usize, source: &str) -> Result<(), Refusal> {
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
fn refer(engine: &mut Engine, caller: &Caller, payload: &Value, items: &[Item]) -> Result<(), Refusal> {
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
fn foretell(engine: &Engine, items: &mut [Item]) {
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

fn relate(
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

fn faults(faults: &[(String, String)]) -> Value {
    faults.iter().map(|(error, message)| json!({ "error": error, "message": message })).collect()
}

fn reply(engine: &Engine, items: &[Item], relations: Vec<Value>, mode: &Mode) -> Value {
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
fn put(object: &mut Value, key: &str, value: impl Into<Value>) {
    if let Value::Object(object) = object {
        object.insert(key.to_owned(), value.into());
    }
}
