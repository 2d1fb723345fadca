//! A payload as it was sent: its items and the relations between them.

use crate::servicenow::cmdb::identify::{IdentificationRule, rule_for};
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::refusal::Refusal;
use crate::servicenow::engine::write::Values;
use crate::servicenow::http::request::{fields, text_of};
use serde_json::Value;

/// `sysId` of what was not stored.
pub(super) const UNKNOWN: &str = "Unknown";

/// What will become of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
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
pub(super) struct Item {
    pub(super) class: String,
    pub(super) internal_id: String,
    pub(super) values: Values,
    pub(super) source: Option<(String, String, Value)>,
    pub(super) settings: Value,
    pub(super) lookup: Vec<Value>,
    pub(super) related: Vec<Value>,
    pub(super) rule: Option<&'static IdentificationRule>,
    pub(super) attempts: Vec<Value>,
    pub(super) errors: Vec<(String, String)>,
    pub(super) warnings: Vec<(String, String)>,
    pub(super) info: Option<Value>,
    pub(super) plan: Plan,
    pub(super) operation: &'static str,
    pub(super) sys_id: String,
    pub(super) related_told: Vec<Value>,
}

impl Item {
    pub(super) fn read(engine: &Engine, value: &Value) -> Result<Item, Refusal> {
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

    pub(super) fn fail(&mut self, code: &str, message: impl Into<String>) {
        self.errors.push((code.to_owned(), message.into()));
        self.plan = Plan::Failed;
    }

    pub(super) fn value(&self, name: &str) -> &str {
        self.values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    pub(super) fn setting(&self, name: &str) -> bool {
        self.settings.get(name).map(text_of).as_deref() == Some("true")
    }
}

/// A relation of the payload, between two items.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) parent: Option<usize>,
    pub(super) child: Option<usize>,
    pub(super) kind: String,
}

pub(super) fn read_relations(payload: &Value, items: &[Item]) -> Vec<Relation> {
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
