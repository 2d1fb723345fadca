//! Identification rules: by which attributes the CIs of a class are told from one another.

use crate::servicenow::engine::dictionary::Dictionary;

/// How a class is identified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentificationRule {
    /// Its name, as `identificationAttempts` tells it.
    pub name: &'static str,
    /// Its `sys_id`.
    pub sys_id: &'static str,
    /// The class that it holds for, its descendants included, and that is searched.
    pub class: &'static str,
    /// Sets of attributes, tried in this order; each has to be given whole.
    pub attributes: &'static [&'static [&'static str]],
    /// Dependent classes need this relation to a CI of one of these classes.
    pub depends_on: Option<(&'static str, &'static [&'static str])>,
}

const fn rule(
    name: &'static str,
    sys_id: &'static str,
    class: &'static str,
    attributes: &'static [&'static [&'static str]],
) -> IdentificationRule {
    IdentificationRule { name, sys_id, class, attributes, depends_on: None }
}

/// The stock rules.
pub const RULES: &[IdentificationRule] = &[
    rule("Hardware Rule", "556eb250c3400200d8d4bea192d3ae92", "cmdb_ci_hardware", &[&["serial_number"], &["name"]]),
    IdentificationRule {
        depends_on: Some(("Hosted on::Hosts", &["cmdb_ci_logical_datacenter", "cmdb_ci_cloud_service_account"])),
        ..rule("OS Template Rule", "6a3f1e50c3400200d8d4bea192d3ae01", "cmdb_ci_os_template", &[&["object_id"]])
    },
    rule("Cloud OS Image Rule", "6a3f1e50c3400200d8d4bea192d3ae02", "cmdb_ci_cloud_os_image", &[&["object_id"]]),
    rule("VM Template Rule", "6a3f1e50c3400200d8d4bea192d3ae03", "cmdb_ci_vm_template", &[&["object_id"]]),
    rule(
        "VM Instance Rule",
        "6a3f1e50c3400200d8d4bea192d3ae04",
        "cmdb_ci_vm_instance",
        &[&["object_id"], &["vm_inst_id"]],
    ),
    rule("Docker Image Rule", "6a3f1e50c3400200d8d4bea192d3ae05", "cmdb_ci_docker_image", &[&["image_id"]]),
    rule("OSLV Image Rule", "6a3f1e50c3400200d8d4bea192d3ae06", "cmdb_ci_oslv_image", &[&["image_id"]]),
    rule("Software Package Rule", "6a3f1e50c3400200d8d4bea192d3ae07", "cmdb_ci_spkg", &[&["name", "version"]]),
    rule("Service Rule", "6a3f1e50c3400200d8d4bea192d3ae08", "cmdb_ci_service", &[&["name"]]),
    rule("Application Rule", "6a3f1e50c3400200d8d4bea192d3ae09", "cmdb_ci_appl", &[&["name"]]),
    rule(
        "Logical Datacenter Rule",
        "6a3f1e50c3400200d8d4bea192d3ae0a",
        "cmdb_ci_logical_datacenter",
        &[&["object_id"]],
    ),
    rule(
        "Cloud Service Account Rule",
        "6a3f1e50c3400200d8d4bea192d3ae0b",
        "cmdb_ci_cloud_service_account",
        &[&["account_id"], &["object_id"]],
    ),
];

/// The rule of a class: its own, or that of the nearest class it extends.
pub fn rule_for(dictionary: &Dictionary, class: &str) -> Option<&'static IdentificationRule> {
    dictionary.ancestry(class).into_iter().find_map(|table| RULES.iter().find(|rule| rule.class == table.name))
}
