//! Configuration items, the relations between them, and what identification keeps.

use super::{NOBODY, classed, system};
use crate::servicenow::engine::dictionary::{
    Access, Column, Grant, Table, boolean, datetime, integer, reference, text,
};

/// Who may read configuration items.
const CMDB_READERS: Grant = Grant::Roles(&["itil", "cmdb_read", "sn_cmdb_user", "sn_cmdb_editor", "asset"]);

/// Who may write them.
const CMDB_WRITERS: Grant = Grant::Roles(&["itil", "sn_cmdb_editor", "asset"]);

pub(super) fn cmdb() -> Vec<Table> {
    let ci = |name: &str, label: &str, parent: &str| Table::new(name, label).extends(parent);
    let named = |columns: &[(&str, &str, usize)]| -> Vec<Column> {
        columns.iter().map(|(element, label, length)| text(element, label, *length)).collect()
    };
    vec![
        Table::new("cmdb", "Base Configuration Item")
            .display("name")
            .access(Access {
                read: CMDB_READERS,
                create: CMDB_WRITERS,
                write: CMDB_WRITERS,
                delete: Grant::Roles(&["itil_admin"]),
            })
            .columns([
                text("name", "Name", 255),
                text("asset_tag", "Asset tag", 40),
                text("serial_number", "Serial number", 255),
                reference("assigned_to", "Assigned to", "sys_user"),
                reference("owned_by", "Owned by", "sys_user"),
                reference("managed_by", "Managed by", "sys_user"),
                reference("support_group", "Support group", "sys_user_group"),
                reference("company", "Company", "core_company"),
                reference("location", "Location", "cmn_location"),
                integer("install_status", "Status").default("1").choices(&[
                    ("0", "Implementing"),
                    ("1", "Installed"),
                    ("2", "On Order"),
                    ("3", "In Maintenance"),
                    ("4", "Pending Install"),
                    ("5", "Pending Repair"),
                    ("6", "In Stock"),
                    ("7", "Retired"),
                    ("8", "Stolen"),
                    ("100", "Absent"),
                ]),
                datetime("install_date", "Installed"),
            ])
            .columns(classed()),
        ci("cmdb_ci", "Configuration Item", "cmdb").columns([
            text("short_description", "Description", 1000),
            text("category", "Category", 40),
            text("subcategory", "Subcategory", 40),
            integer("operational_status", "Operational status").default("1").choices(&[
                ("1", "Operational"),
                ("2", "Non-Operational"),
                ("3", "Repair in Progress"),
                ("4", "DR Standby"),
                ("5", "Ready"),
                ("6", "Retired"),
                ("7", "Pipeline"),
                ("8", "Catalog"),
            ]),
            text("environment", "Environment", 40).choices(&[
                ("Production", "Production"),
                ("Development", "Development"),
                ("Test", "Test"),
                ("QA", "QA"),
                ("Staging", "Staging"),
                ("DR", "Disaster Recovery"),
            ]),
            text("discovery_source", "Discovery source", 40).choices(&[
                ("ServiceNow", "ServiceNow"),
                ("Manual Entry", "Manual Entry"),
                ("Other Automated", "Other Automated"),
                ("ImportSet", "ImportSet"),
                ("Service-now", "Service-now"),
                ("Duplicate", "Duplicate"),
                ("ImageFactory", "ImageFactory"),
            ]),
            datetime("first_discovered", "First discovered"),
            datetime("last_discovered", "Most recent discovery"),
            text("correlation_id", "Correlation ID", 512),
            text("attributes", "Attributes", 65000),
            text("comments", "Comments", 4000),
            text("fqdn", "Fully qualified domain name", 255),
            text("dns_domain", "DNS Domain", 255),
            text("ip_address", "IP Address", 255),
            text("mac_address", "MAC Address", 18),
            text("model_number", "Model number", 255),
            reference("change_control", "Change Group", "sys_user_group"),
            boolean("monitor", "Monitor"),
            boolean("unverified", "Requires verification"),
            integer("fault_count", "Fault count").default("0"),
        ]),
        ci("cmdb_ci_service", "Service", "cmdb_ci")
            .columns(named(&[("busines_criticality", "Business criticality", 40), ("version", "Version", 40)])),
        ci("service_offering", "Service Offering", "cmdb_ci_service"),
        ci("cmdb_ci_hardware", "Hardware", "cmdb_ci")
            .columns([text("default_gateway", "Default Gateway", 40), text("hardware_status", "Hardware Status", 40)]),
        ci("cmdb_ci_computer", "Computer", "cmdb_ci_hardware").columns([
            text("host_name", "Host name", 255),
            text("os", "Operating System", 100),
            text("os_version", "OS Version", 255),
            text("os_service_pack", "OS Service Pack", 100),
            text("os_domain", "OS Domain", 100),
            text("os_address_width", "OS Address Width (bits)", 40),
            integer("cpu_count", "CPU count"),
            integer("cpu_core_count", "CPU core count"),
            text("cpu_type", "CPU type", 255),
            integer("ram", "RAM (MB)"),
            text("disk_space", "Disk space (GB)", 40),
            boolean("virtual", "Is Virtual"),
            text("cd_rom", "CD-ROM", 40),
            text("kernel_release", "Kernel release", 255),
        ]),
        ci("cmdb_ci_server", "Server", "cmdb_ci_computer").columns([
            text("used_for", "Used for", 40).choices(&[
                ("Production", "Production"),
                ("Staging", "Staging"),
                ("QA", "QA"),
                ("Test", "Test"),
                ("Development", "Development"),
                ("Demonstration", "Demonstration"),
                ("Training", "Training"),
                ("Disaster recovery", "Disaster recovery"),
            ]),
            text("classification", "Classification", 40).default("Production").choices(&[
                ("Production", "Production"),
                ("Development", "Development"),
                ("Test", "Test"),
            ]),
            boolean("firewall_status", "Firewall status"),
        ]),
        ci("cmdb_ci_linux_server", "Linux Server", "cmdb_ci_server"),
        ci("cmdb_ci_win_server", "Windows Server", "cmdb_ci_server"),
        ci("cmdb_ci_unix_server", "UNIX Server", "cmdb_ci_server"),
        ci("cmdb_ci_esx_server", "ESX Server", "cmdb_ci_server"),
        ci("cmdb_ci_hyper_v_server", "Hyper-V Server", "cmdb_ci_server"),
        ci("cmdb_ci_netgear", "Network Gear", "cmdb_ci_hardware"),
        ci("cmdb_ci_vm_object", "Virtual Machine Object", "cmdb_ci").columns(named(&[("object_id", "Object ID", 255)])),
        ci("cmdb_ci_vm_instance", "Virtual Machine Instance", "cmdb_ci_vm_object").columns([
            text("vm_inst_id", "VM Instance ID", 255),
            text("state", "State", 40).choices(&[
                ("on", "On"),
                ("off", "Off"),
                ("paused", "Paused"),
                ("terminated", "Terminated"),
            ]),
            integer("cpus", "CPUs"),
            integer("memory", "Memory (MB)"),
            integer("disks", "Disks"),
            integer("disks_size", "Disks size (GB)"),
            integer("nics", "Network adapters"),
        ]),
        ci("cmdb_ci_vmware_instance", "VMware Virtual Machine Instance", "cmdb_ci_vm_instance"),
        ci("cmdb_ci_hyper_v_instance", "Hyper-V Virtual Machine Instance", "cmdb_ci_vm_instance"),
        ci("cmdb_ci_vm_template", "Virtual Machine Template", "cmdb_ci_vm_object")
            .columns(named(&[("guest_os", "Guest OS", 255)])),
        ci("cmdb_ci_vmware_template", "VMware Virtual Machine Template", "cmdb_ci_vm_template"),
        ci("cmdb_ci_os_template", "Image", "cmdb_ci_vm_object").columns(named(&[
            ("image_type", "Image type", 40),
            ("image_source", "Image source", 255),
            ("guest_os", "Guest OS", 255),
            ("root_device_type", "Root device type", 40),
            ("offer", "Offer", 255),
            ("version", "Version", 255),
            ("publisher", "Publisher", 255),
        ])),
        ci("cmdb_ci_cloud_os_image", "Cloud OS Image", "cmdb_ci_vm_object").columns(named(&[
            ("image_type", "Image type", 40),
            ("guest_os", "Guest OS", 255),
            ("provider", "Provider", 255),
            ("version", "Version", 255),
        ])),
        ci("cmdb_ci_docker_image", "Docker Image", "cmdb_ci").columns(named(&[
            ("image_id", "Image ID", 255),
            ("image_digest", "Image digest", 255),
            ("version", "Version", 255),
        ])),
        ci("cmdb_ci_oslv_image", "OS-level Virtualization Image", "cmdb_ci")
            .columns(named(&[("image_id", "Image ID", 255), ("image_digest", "Image digest", 255)])),
        ci("cmdb_ci_spkg", "Software Package", "cmdb_ci").columns(named(&[
            ("version", "Version", 255),
            ("package_name", "Package name", 255),
            ("key", "Key", 255),
        ])),
        ci("cmdb_ci_appl", "Application", "cmdb_ci")
            .columns(named(&[("version", "Version", 255), ("running_process", "Running process", 255)])),
        ci("cmdb_ci_logical_datacenter", "Logical Datacenter", "cmdb_ci")
            .columns(named(&[("object_id", "Object ID", 255), ("region", "Region", 255)])),
        ci("cmdb_ci_aws_datacenter", "AWS Datacenter", "cmdb_ci_logical_datacenter"),
        ci("cmdb_ci_azure_datacenter", "Azure Datacenter", "cmdb_ci_logical_datacenter"),
        ci("cmdb_ci_cloud_service_account", "Cloud Service Account", "cmdb_ci")
            .columns(named(&[("object_id", "Object ID", 255), ("account_id", "Account ID", 255)])),
        Table::new("cmdb_rel_type", "CI Relationship Type")
            .display("name")
            .access(Access::READABLE)
            .columns([
                text("name", "Name", 255),
                text("parent_descriptor", "Parent descriptor", 100),
                text("child_descriptor", "Child descriptor", 100),
                text("sys_name", "Display name", 255),
            ])
            .columns(system()),
        Table::new("cmdb_rel_ci", "CI Relationship")
            .access(Access { read: CMDB_READERS, create: CMDB_WRITERS, write: CMDB_WRITERS, delete: CMDB_WRITERS })
            .columns([
                reference("parent", "Parent", "cmdb_ci"),
                reference("child", "Child", "cmdb_ci"),
                reference("type", "Type", "cmdb_rel_type"),
                text("connection_strength", "Connection strength", 40).default("always"),
                integer("percent_outage", "Percent outage"),
            ])
            .columns(system()),
        Table::new("cmdb_key_value", "Key Value")
            .access(Access { read: CMDB_READERS, create: CMDB_WRITERS, write: CMDB_WRITERS, delete: CMDB_WRITERS })
            .columns([
                reference("configuration_item", "Configuration item", "cmdb_ci"),
                text("key", "Key", 255),
                text("value", "Value", 255),
            ])
            .columns(system()),
        Table::new("cmdb_serial_number", "Serial Number")
            .access(Access { read: CMDB_READERS, create: CMDB_WRITERS, write: CMDB_WRITERS, delete: CMDB_WRITERS })
            .columns([
                reference("cmdb_ci", "Configuration item", "cmdb_ci"),
                text("serial_number", "Serial number", 255),
                text("serial_number_type", "Serial number type", 40),
                boolean("valid", "Valid").default("true"),
            ])
            .columns(system()),
        Table::new("cmdb_ci_network_adapter", "Network Adapter").extends("cmdb_ci").columns([reference(
            "cmdb_ci",
            "Configuration item",
            "cmdb_ci",
        )]),
        Table::new("cmdb_software_instance", "Software Installation")
            .access(Access { read: CMDB_READERS, create: CMDB_WRITERS, write: CMDB_WRITERS, delete: CMDB_WRITERS })
            .columns([
                reference("software", "Software", "cmdb_ci_spkg"),
                reference("installed_on", "Installed on", "cmdb_ci_computer"),
            ])
            .columns(system()),
        Table::new("sys_object_source", "Source")
            .access(Access { read: CMDB_READERS, create: NOBODY, write: NOBODY, delete: NOBODY })
            .columns([
                text("name", "Source name", 100),
                text("id", "Source native key", 512),
                text("source_feed", "Source feed", 100),
                text("target_table", "Target table", 80),
                text("target_sys_id", "Target sys ID", 32),
                datetime("last_scan", "Last scan"),
                datetime("source_recency_timestamp", "Source recency timestamp"),
            ])
            .columns(system()),
        Table::new("cmdb_ire_partial_payloads", "IRE Partial Payload")
            .access(Access::ADMIN)
            .columns([text("payload", "Payload", 65000), text("discovery_source", "Discovery source", 40)])
            .columns(system()),
        Table::new("cmdb_ire_incomplete_payloads", "IRE Incomplete Payload")
            .access(Access::ADMIN)
            .columns([text("payload", "Payload", 65000), text("discovery_source", "Discovery source", 40)])
            .columns(system()),
        Table::new("reconcile_duplicate_task", "Remediate Duplicate Task")
            .extends("task")
            .prefix("DEDUPE")
            .columns([text("duplicate_sys_ids", "Duplicates", 4000)]),
    ]
}
