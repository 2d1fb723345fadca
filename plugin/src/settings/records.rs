//! Configuration items, evidence, and the mapping's rules.

use super::SettingsError;
use super::read::{Section, Setting, Table, word};
use serde_json::Value;

/// Configuration items and relations.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case", deny_unknown_fields, default))]
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
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case", deny_unknown_fields, default))]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case"))]
pub enum Placement {
    /// Files attached to the change request.
    Attach,
    /// A work note with links and digests.
    Link,
    /// Both.
    Both,
}

/// What the mapping component is given. Its keys are the mapping's own, but for `on-error`.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case"))]
pub struct MappingRules {
    /// What the host does when the mapping traps. The plugin passes over it.
    #[cfg_attr(test, serde(default))]
    pub on_error: OnError,
    /// The rules, for the mapping alone to read.
    #[cfg_attr(test, serde(flatten))]
    pub rules: serde_json::Map<String, Value>,
}

/// What the host does when the mapping traps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case"))]
pub enum OnError {
    /// It calls the hook again with the mapping off.
    #[default]
    Default,
    /// It fails the call.
    Fail,
}

impl Section for Cmdb {
    fn fill(&mut self, table: &mut Table) -> Result<(), SettingsError> {
        table.take("data-source", &mut self.data_source)?;
        table.take("image-class", &mut self.image_class)?;
        table.take("virtual-class", &mut self.virtual_class)?;
        table.take("physical-class", &mut self.physical_class)?;
        table.take("relation", &mut self.relation)?;
        table.take("image-is-parent", &mut self.image_is_parent)
    }
}

impl Section for Evidence {
    fn fill(&mut self, table: &mut Table) -> Result<(), SettingsError> {
        table.take("placement", &mut self.placement)
    }
}

impl Setting for Placement {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        word(path, &value, &[("attach", Self::Attach), ("link", Self::Link), ("both", Self::Both)])
    }
}

impl Section for MappingRules {
    fn fill(&mut self, table: &mut Table) -> Result<(), SettingsError> {
        table.take("on-error", &mut self.on_error)?;
        self.rules = table.rest();
        Ok(())
    }
}

impl Setting for OnError {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        word(path, &value, &[("default", Self::Default), ("fail", Self::Fail)])
    }
}
