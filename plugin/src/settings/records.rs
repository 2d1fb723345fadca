//! Configuration items, evidence, and the mapping's rules.

use serde::Deserialize;
use serde_json::Value;

/// Configuration items and relations.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Cmdb {
    /// A value of `cmdb_ci.discovery_source` that this instance knows.
    pub data_source: String,
    /// The class of an image. It must identify independently; `cmdb_ci_os_template` does not.
    pub image_class: String,
    /// The class of a virtual machine.
    pub virtual_class: String,
    /// The class of a physical machine, and of any other system.
    pub physical_class: String,
    /// The type of the relation between image and system, by name.
    pub relation: String,
    /// In that relation the image is the parent; else the system is.
    pub image_is_parent: bool,
}

impl Default for Cmdb {
    fn default() -> Self {
        Self {
            data_source: "Other Automated".into(),
            image_class: "cmdb_ci_spkg".into(),
            virtual_class: "cmdb_ci_server".into(),
            physical_class: "cmdb_ci_server".into(),
            relation: "Depends on::Used by".into(),
            image_is_parent: false,
        }
    }
}

/// What is kept for audit.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Evidence {
    /// Where the evidence goes.
    pub placement: Placement,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { placement: Placement::Attach }
    }
}

/// Where evidence goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Files attached to the change request.
    Attach,
    /// A work note with links and digests.
    Link,
    /// Both.
    Both,
}

/// What the mapping component is given. Its keys are the mapping's own, but for `on-error`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub struct MappingRules {
    /// What the host does when the mapping traps. The plugin passes over it.
    #[serde(default)]
    pub on_error: OnError,
    /// The rules, for the mapping alone to read.
    #[serde(flatten)]
    pub rules: serde_json::Map<String, Value>,
}

/// What the host does when the mapping traps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// It calls the hook again with the mapping off.
    #[default]
    Default,
    /// It fails the call.
    Fail,
}
