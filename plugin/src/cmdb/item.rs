//! What is told to identification and reconciliation: the image, each system, and the relations between them.

use super::key;
use crate::event::as_json;
use crate::incident::image_name;
use crate::mapping::{RecordKind, fill};
use crate::plugin::Plugin;
use crate::servicenow::datetime;
use crate::transport::Field;
use itsm_contract::events::DeployEvent;
use itsm_contract::types::{Failure, Image, System, SystemKind};
use serde_json::{Map, Value, json};

/// Identifiers that have a column of their own, by the contract's names of them.
const COLUMNS: &[(&str, &str)] = &[
    ("serial-number", "serial_number"),
    ("fqdn", "fqdn"),
    ("host-name", "host_name"),
    ("ip-address", "ip_address"),
    ("mac-address", "mac_address"),
    ("asset-tag", "asset_tag"),
];

/// Classes of virtual machines have a column for their instance's id; servers do not.
const VM_INSTANCE_COLUMN: &str = "vm_inst_id";

/// Serial numbers that firmware carries where nobody set one. Each would make one item of a whole fleet.
const NO_SERIALS: &[&str] = &[
    "",
    "0123456789",
    "123456789",
    "default string",
    "empty",
    "n/a",
    "none",
    "not applicable",
    "not specified",
    "o.e.m.",
    "oem",
    "serial number",
    "system serial number",
    "to be filled by o.e.m.",
    "unknown",
];

/// Hexadecimal digits of an artifact's digest that tell two builds of one version apart.
const DIGEST_LENGTH: usize = 12;

/// One item of a payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The image's or the system's name.
    pub name: String,
    /// Its class.
    pub class: String,
    /// OpenFactory's key of it.
    pub key: String,
    /// By ServiceNow's names; each is text.
    pub values: Map<String, Value>,
    /// What would be sent without a mapping.
    pub defaults: Vec<Field>,
}

impl Item {
    /// The item of an image.
    ///
    /// # Errors
    /// Where the mapping fails.
    pub fn image(plugin: &Plugin, event: &DeployEvent) -> Result<Self, Failure> {
        let image = &event.build.image;
        let key = key::image(plugin, image);
        let name = image_name(&event.build);
        let defaults = vec![
            Field::text("name", name.clone()),
            Field::text("version", version(image)),
            Field::text("short_description", describe(image)),
            Field::text("install_status", "1"),
        ];
        let filled = fill(plugin, RecordKind::Image, event, defaults.clone())?;
        let mut values = filled.values;
        // How relations to images of ours are told from any other.
        values.insert("correlation_id".into(), key.clone().into());
        let class = filled.class_name.unwrap_or_else(|| plugin.settings().cmdb.image_class.clone());
        Ok(Self { name, class, key, values, defaults })
    }

    /// The item of a system. `event` is the deployment without its list of systems, as JSON: a fleet's mapping would
    /// else read the whole list once for each.
    ///
    /// # Errors
    /// Where the mapping fails.
    pub fn system(plugin: &Plugin, event: &DeployEvent, lean: &Value, system: &System) -> Result<Self, Failure> {
        let settings = &plugin.settings().cmdb;
        let is_virtual = system.kind == SystemKind::Virtual;
        let class = if is_virtual { &settings.virtual_class } else { &settings.physical_class };
        let mut defaults = vec![Field::text("name", system.name.clone())];
        for (name, value) in &system.identifiers {
            let Some(column) = column(name, class) else { continue };
            if name == "serial-number" && is_no_serial(value) {
                plugin.audit("cmdb.serial-ignored", &event.delivery.key, None, &[("system", &system.name)]);
                continue;
            }
            // A name may repeat; a column holds one value.
            if !defaults.iter().any(|field| field.name == column) {
                defaults.push(Field::text(column, value.clone()));
            }
        }
        if system.kind == SystemKind::Virtual || system.kind == SystemKind::Physical {
            defaults.push(Field::text("virtual", if is_virtual { "true" } else { "false" }));
        }
        let mut event_of_one = lean.clone();
        if let Value::Object(fields) = &mut event_of_one {
            fields.insert("system".into(), as_json(system));
        }
        let filled = fill(plugin, RecordKind::System, &event_of_one, defaults.clone())?;
        Ok(Self {
            name: system.name.clone(),
            class: filled.class_name.unwrap_or_else(|| class.clone()),
            key: key::system(plugin, &event.environment, system),
            values: filled.values,
            defaults,
        })
    }

    /// By what ServiceNow's hardware rule tells a system from others: its serial number, else its name, whatever the case
    /// of A to Z. The tables for all other scripts weigh more than all that is said of configuration items.
    pub fn machine(&self) -> String {
        let value = |column: &str| {
            self.values.get(column).and_then(Value::as_str).map(str::trim).filter(|value| !value.is_empty())
        };
        match value("serial_number") {
            Some(serial) => format!("serial number {}", serial.to_ascii_lowercase()),
            None => format!("name {}", value("name").unwrap_or(&self.key).to_ascii_lowercase()),
        }
    }

    /// As the payload holds it. `source` is the data source, and `occurred_at` when the deployment was so.
    pub fn payload(&self, index: usize, source: &str, occurred_at: u64) -> Value {
        json!({
            "className": self.class,
            "internal_id": format!("item-{index}"),
            "values": self.values,
            "sys_object_source_info": {
                "source_name": source,
                "source_native_key": self.key,
                "source_recency_timestamp": datetime::text(occurred_at),
            },
            // What Discovery knows more exactly, such as a Linux server, keeps its class and what only that class holds.
            "settings": {"updateWithoutDowngrade": "true", "updateWithoutSwitch": "true"},
        })
    }
}

/// The event as JSON, without its list of systems.
pub fn lean(event: &DeployEvent) -> Value {
    let event = DeployEvent { systems: Vec::new(), ..event.clone() };
    as_json(&event)
}

/// The version, and the beginning of the artifact's digest: a class that identifies by name and version must not take the
/// same version built anew for the artifact before, which other systems still have.
fn version(image: &Image) -> String {
    match image.digest.as_deref().and_then(|digest| digest.split_once(':')) {
        Some((_, hex)) => {
            let short: String = hex.chars().take(DIGEST_LENGTH).collect();
            format!("{}+{}", image.version, short.to_ascii_lowercase())
        }
        None => image.version.clone(),
    }
}

fn describe(image: &Image) -> String {
    let parts = [&image.format, &image.digest].into_iter().filter_map(|part| part.as_deref());
    ["Operating-system image built by OpenFactory"].into_iter().chain(parts).collect::<Vec<_>>().join(", ")
}

fn column<'a>(identifier: &str, class: &str) -> Option<&'a str> {
    if identifier == "vm-instance-id" {
        return class.ends_with("_instance").then_some(VM_INSTANCE_COLUMN);
    }
    COLUMNS.iter().find(|(name, _)| *name == identifier).map(|(_, column)| *column)
}

fn is_no_serial(serial: &str) -> bool {
    let serial = serial.trim().to_ascii_lowercase();
    let repeats_one = serial.chars().all(|digit| serial.starts_with(digit));
    repeats_one || NO_SERIALS.contains(&serial.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_that_nobody_set_is_none() {
        for none in ["", "To Be Filled By O.E.M.", "0000000000", "Default string", " none "] {
            assert!(is_no_serial(none), "{none}");
        }
        assert!(!is_no_serial("CZJ0420X1"));
    }

    #[test]
    fn an_instance_id_goes_where_there_is_a_column_for_it() {
        assert_eq!(column("vm-instance-id", "cmdb_ci_vm_instance"), Some("vm_inst_id"));
        assert_eq!(column("vm-instance-id", "cmdb_ci_server"), None);
        assert_eq!(column("colour", "cmdb_ci_server"), None);
    }
}
