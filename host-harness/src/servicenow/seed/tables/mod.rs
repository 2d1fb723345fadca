//! The tables of a new instance and their columns, with the lengths, defaults and choices that ServiceNow ships.

mod administration;
mod change;
mod cmdb;
mod people;
mod task;

use crate::servicenow::engine::dictionary::{Column, Grant, Kind, Table, datetime, integer, text};

/// Who may read all incidents; others see those that they opened or that were opened for them.
const INCIDENT_READERS: Grant = Grant::Roles(&["itil", "sn_incident_read", "sn_incident_write"]);

/// Roles that see every incident.
pub const SEES_ALL_INCIDENTS: Grant = INCIDENT_READERS;

const NOBODY: Grant = Grant::Roles(&[]);

const IMPACT: &[(&str, &str)] = &[("1", "1 - High"), ("2", "2 - Medium"), ("3", "3 - Low")];

const PRIORITY: &[(&str, &str)] =
    &[("1", "1 - Critical"), ("2", "2 - High"), ("3", "3 - Moderate"), ("4", "4 - Low"), ("5", "5 - Planning")];

/// The columns that every table has.
fn system() -> Vec<Column> {
    vec![
        Column::new("sys_id", "Sys ID", Kind::Guid),
        datetime("sys_created_on", "Created"),
        text("sys_created_by", "Created by", 40),
        datetime("sys_updated_on", "Updated"),
        text("sys_updated_by", "Updated by", 40),
        integer("sys_mod_count", "Updates").default("0"),
        text("sys_tags", "Tags", 40).read_only(),
    ]
}

/// The columns of records that have a class.
fn classed() -> Vec<Column> {
    let mut columns = vec![
        Column::new("sys_class_name", "Class", Kind::ClassName).read_only(),
        Column::new("sys_domain", "Domain", Kind::Domain).default("global").read_only(),
        text("sys_domain_path", "Domain Path", 255).default("/").read_only(),
    ];
    columns.extend(system());
    columns
}

/// All of them, parents before children.
pub fn all() -> Vec<Table> {
    let mut tables =
        vec![task::task(), change::change_request(), change::change_task(), task::incident(), task::problem()];
    tables.extend(change::approvals());
    tables.extend(change::change_administration());
    tables.extend(people::people());
    tables.extend(administration::administration());
    tables.extend(cmdb::cmdb());
    tables
}
