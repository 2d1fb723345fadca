//! What an ITSM plugin answers: `interface answers`.

use crate::events::{BuildRequest, BuildResult, DeployEvent, FailureEvent};
use crate::types::{Failure, Gate, ItemOutcome, Problem, Ticket, Timestamp};
use serde::{Deserialize, Serialize};
#[cfg(feature = "wasmtime")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// What became of a failure's incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Incident {
    /// The incident.
    pub ticket: Ticket,
    /// Whether it was opened, added to, or already said this.
    pub outcome: ItemOutcome,
}

/// What became of one configuration item or relation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Item {
    /// The image's or the system's name; for a relation, both.
    pub name: String,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// Its record, where it has one.
    pub ticket: Option<Ticket>,
}

/// What became of a deployment's records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Deployment {
    /// Answered for `requested` alone.
    pub gate: Option<Gate>,
    /// The image first, then the systems, then the relations.
    pub items: Vec<Item>,
    /// Incidents that this success resolved.
    pub resolved: Vec<Ticket>,
    /// What is not done. If any of it is `retry`, deliver again.
    pub unfinished: Vec<Failure>,
}

/// Work that waits at a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Waiting {
    /// The last gate answered for this work, unchanged.
    pub last: Gate,
    /// When the wait began: `delivery.occurred-at` of the event that the gate answered.
    #[serde(with = "crate::json::time")]
    pub since: Timestamp,
}

/// One gate, read again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Reviewed {
    /// `ticket.id` of the change.
    pub change: String,
    /// One that cannot be read fails alone.
    #[serde(with = "crate::json::answer")]
    pub answer: Result<Gate, Failure>,
}

/// What one look at the waiting gates found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Review {
    /// Those whose gate differs from `last`.
    pub moved: Vec<Reviewed>,
    /// Give it back next time: what has been read so far. Opaque.
    pub cursor: String,
}

/// What became of a build's evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Receipt {
    /// `sha256:…` of the evidence statement.
    pub digest: String,
    /// The records that carry it.
    pub attached: Vec<Ticket>,
    /// Incidents that this success resolved.
    pub resolved: Vec<Ticket>,
    /// As in `deployment`.
    pub unfinished: Vec<Failure>,
}

/// How one step of a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(enum))]
#[repr(u8)]
pub enum Health {
    /// It works.
    #[cfg_attr(feature = "wasmtime", component(name = "ok"))]
    Ok,
    /// It works, and will not for long or not for everything.
    #[cfg_attr(feature = "wasmtime", component(name = "warning"))]
    Warning,
    /// It does not work.
    #[cfg_attr(feature = "wasmtime", component(name = "broken"))]
    Broken,
    /// Not looked at: switched off, or an earlier step is broken.
    #[cfg_attr(feature = "wasmtime", component(name = "skipped"))]
    Skipped,
}

impl Health {
    /// What `wit-bindgen` calls for a case's index. It has checked the index already.
    #[doc(hidden)]
    pub fn _lift(index: u8) -> Self {
        match index {
            0 => Self::Ok,
            1 => Self::Warning,
            2 => Self::Broken,
            _ => Self::Skipped,
        }
    }
}

/// One step of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Finding {
    /// Such as `credential`, `table incident`, `mapping change`.
    pub subject: String,
    /// How it went.
    pub health: Health,
    /// What is wrong; none where nothing is.
    pub problem: Option<Problem>,
}

/// What a plugin is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Description {
    /// Such as `servicenow`.
    pub name: String,
    /// Its own version, not the contract's.
    pub version: String,
    /// JSON Schema of the settings document.
    #[cfg_attr(feature = "wasmtime", component(name = "settings-schema"))]
    pub settings_schema: String,
}

/// Any event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum Event {
    /// For `on-build-requested`.
    #[cfg_attr(feature = "wasmtime", component(name = "build-requested"))]
    BuildRequested(BuildRequest),
    /// For `on-build-finished`.
    #[cfg_attr(feature = "wasmtime", component(name = "build-finished"))]
    BuildFinished(BuildResult),
    /// For `on-failure`.
    #[cfg_attr(feature = "wasmtime", component(name = "failed"))]
    Failed(FailureEvent),
    /// For `on-deploy`.
    #[cfg_attr(feature = "wasmtime", component(name = "deploy"))]
    Deploy(DeployEvent),
}

/// One field of a planned record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct PlannedField {
    /// The ITSM system's own name of it.
    pub name: String,
    /// What the plugin would send without a mapping.
    pub default: Option<String>,
    /// What it would send; none where the mapping leaves it out.
    pub value: Option<String>,
}

/// One record that a hook would touch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Planned {
    /// The system's own kind, such as `change_request`.
    pub kind: String,
    /// What it is called: a number where it exists, else what it is for.
    pub name: String,
    /// What would become of it.
    pub outcome: ItemOutcome,
    /// What would be sent.
    pub fields: Vec<PlannedField>,
}
