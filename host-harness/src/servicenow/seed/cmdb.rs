//! The CMDB of a new instance: relation types and a few items to relate to.

use super::people::keep;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::record::Record;

/// Relation types by name, with their stock `sys_id`s where those are known.
const RELATION_TYPES: &[(&str, &str)] = &[
    ("Depends on::Used by", "1a9cb166f1571100a92eb60da2bce5c5"),
    ("Runs on::Runs", "60bc4e22c0a8010e01f074cbe6bd73c3"),
    ("Exchanges data with::Exchanges data with", "607ad1b2c0a8010e01941856b365af90"),
    ("Hosted on::Hosts", "5f985e0ec0a8010e00a9714f2a172815"),
    ("Contains::Contained by", "55c95bf6c0a8010e0118ec7056ebc54d"),
    ("Virtualized by::Virtualizes", "d93304fb0a0a0b78006081a72ef08444"),
    ("Uses::Used by", "cb5592603751200032ff8c00dfbe5d17"),
    ("Owns::Owned by", "25242fb2377a9200738d021a54990e88"),
    ("Members::Member of", "55c913d3c0a8010e012d1563182d6050"),
    ("Registered on::Has registered", "aa9434870ab301544ce2943bf03fd7a8"),
    ("Cluster of::Cluster", "a99d39118f10310091769012cbbe4429"),
    // Nobody has written down the sys_ids of these two: they differ from one instance to another.
    ("Provisioned From::Provisioned", ""),
    ("Instantiates::Instantiated by", ""),
];

/// Class, name, `sys_id`, and the other values of an item.
type Seeded = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

/// Items: class, name, `sys_id`, and what else is known of them.
const ITEMS: &[Seeded] = &[
    (
        "cmdb_ci_linux_server",
        "lnux100",
        "b0c4030ac0a800090152e7a4564ca36d",
        &[("serial_number", "SN-LNUX100"), ("ip_address", "10.0.0.100"), ("os", "Linux Red Hat")],
    ),
    (
        "cmdb_ci_linux_server",
        "lnux102",
        "3a290cc60a0a0bb400000bdb386af1cf",
        &[("serial_number", "SN-LNUX102"), ("ip_address", "10.0.0.102"), ("os", "Linux Red Hat")],
    ),
    (
        "cmdb_ci_service",
        "Image delivery",
        "451047c6c0a8016400de0ae6df9b9d76",
        &[("busines_criticality", "1 - most critical")],
    ),
    (
        "cmdb_ci_logical_datacenter",
        "factory-dc-1",
        "8f1eb1aa2f8a0110abcd12345678ef20",
        &[("object_id", "factory-dc-1"), ("region", "eu-central")],
    ),
];

/// Adds them.
pub fn add(engine: &mut Engine) {
    for (name, sys_id) in RELATION_TYPES {
        let sys_id = if sys_id.is_empty() { engine.fresh_sys_id() } else { (*sys_id).to_owned() };
        let (parent, child) = name.split_once("::").unwrap_or((name, ""));
        keep(
            engine,
            Record::new("cmdb_rel_type")
                .with("sys_id", sys_id)
                .with("name", *name)
                .with("sys_name", *name)
                .with("parent_descriptor", parent)
                .with("child_descriptor", child),
        );
    }
    for (class, name, sys_id, values) in ITEMS {
        let mut item = Record::new(class)
            .with("sys_id", *sys_id)
            .with("name", *name)
            .with("discovery_source", "ServiceNow")
            .with("operational_status", "1");
        for (element, value) in *values {
            item.set(element, *value);
        }
        keep(engine, item);
    }
}
