//! Change requests with their tasks, approvals, models, templates, affected items and conflicts.

use super::{NOBODY, system};
use crate::servicenow::engine::dictionary::{
    Access, Column, Grant, Kind, Table, boolean, datetime, integer, journal, reference, text,
};

/// Who may write change requests through the Table API.
const CHANGE_WRITERS: Grant = Grant::Roles(&["itil", "sn_change_write", "change_manager"]);

/// Who may read them.
const CHANGE_READERS: Grant = Grant::Roles(&["itil", "sn_change_read", "sn_change_write", "change_manager"]);

/// Who may see approvals; others see those that wait for them.
const APPROVAL_READERS: Grant = Grant::Everyone;

pub(super) fn change_request() -> Table {
    Table::new("change_request", "Change Request")
        .extends("task")
        .prefix("CHG")
        .access(Access {
            read: CHANGE_READERS,
            create: CHANGE_WRITERS,
            write: CHANGE_WRITERS,
            delete: Grant::Roles(&["change_manager"]),
        })
        .columns([
            integer("state", "State").default("-5").choices(&[
                ("-5", "New"),
                ("-4", "Assess"),
                ("-3", "Authorize"),
                ("-2", "Scheduled"),
                ("-1", "Implement"),
                ("0", "Review"),
                ("3", "Closed"),
                ("4", "Canceled"),
            ]),
            integer("priority", "Priority").default("4").choices(&[
                ("1", "1 - Critical"),
                ("2", "2 - High"),
                ("3", "3 - Moderate"),
                ("4", "4 - Low"),
            ]),
            text("type", "Type", 40).default("normal").choices(&[
                ("standard", "Standard"),
                ("normal", "Normal"),
                ("emergency", "Emergency"),
            ]),
            reference("chg_model", "Model", "chg_model"),
            text("category", "Category", 40).default("Other").choices(&[
                ("Hardware", "Hardware"),
                ("Software", "Software"),
                ("Service", "Service"),
                ("System Software", "System Software"),
                ("Applications Software", "Applications Software"),
                ("Network", "Network"),
                ("Telecom", "Telecom"),
                ("Documentation", "Documentation"),
                ("Other", "Other"),
            ]),
            integer("risk", "Risk").default("3").choices(&[
                ("1", "Very High"),
                ("2", "High"),
                ("3", "Moderate"),
                ("4", "Low"),
            ]),
            text("risk_value", "Risk value", 40),
            integer("scope", "Scope").default("3").choices(&[
                ("1", "Massive"),
                ("2", "Large"),
                ("3", "Medium"),
                ("4", "Small"),
                ("5", "Tiny"),
            ]),
            text("phase", "Phase", 40).default("requested").choices(&[
                ("requested", "Requested"),
                ("plan", "Plan"),
                ("build", "Build"),
                ("test", "Test"),
                ("deploy", "Deploy"),
            ]),
            text("phase_state", "Phase state", 40).default("open").choices(&[
                ("open", "Open"),
                ("assigned", "Assigned"),
                ("pending", "Pending"),
                ("complete", "Complete"),
            ]),
            reference("requested_by", "Requested by", "sys_user"),
            datetime("requested_by_date", "Requested by date"),
            datetime("start_date", "Planned start date"),
            datetime("end_date", "Planned end date"),
            boolean("on_hold", "On hold"),
            text("on_hold_reason", "On hold reason", 4000),
            reference("on_hold_task", "On Hold Change Tasks", "change_task"),
            text("justification", "Justification", 4000),
            text("implementation_plan", "Implementation plan", 4000),
            text("backout_plan", "Backout plan", 4000),
            text("test_plan", "Test plan", 4000),
            text("risk_impact_analysis", "Risk and impact analysis", 4000),
            text("review_comments", "Review comments", 4000),
            datetime("review_date", "Review date"),
            text("review_status", "Review status", 40),
            text("reason", "Reason", 4000),
            text("conflict_status", "Conflict status", 40).default("Not Run").choices(&[
                ("Not Run", "Not Run"),
                ("Conflict", "Conflict"),
                ("No Conflict", "No Conflict"),
            ]),
            datetime("conflict_last_run", "Conflict last run"),
            boolean("cab_required", "CAB required"),
            reference("cab_delegate", "CAB delegate", "sys_user"),
            datetime("cab_date_time", "CAB date/time"),
            text("cab_recommendation", "CAB recommendation", 4000),
            boolean("production_system", "Production System"),
            boolean("outside_maintenance_schedule", "Outside maintenance schedule"),
            boolean("unauthorized", "Unauthorized"),
            text("close_code", "Close code", 40).choices(&[
                ("successful", "Successful"),
                ("successful_issues", "Successful with issues"),
                ("unsuccessful", "Unsuccessful"),
            ]),
            reference("std_change_producer_version", "Standard Change Template version", "std_change_producer_version"),
        ])
}

pub(super) fn change_task() -> Table {
    Table::new("change_task", "Change Task")
        .extends("task")
        .prefix("CTASK")
        .access(Access {
            read: CHANGE_READERS,
            create: CHANGE_WRITERS,
            write: CHANGE_WRITERS,
            delete: Grant::Roles(&["change_manager"]),
        })
        .columns([
            integer("state", "State").default("1").choices(&[
                ("-5", "Pending"),
                ("1", "Open"),
                ("2", "In Progress"),
                ("3", "Closed"),
                ("4", "Canceled"),
            ]),
            reference("change_request", "Change request", "change_request"),
            text("change_task_type", "Type", 40).choices(&[
                ("planning", "Planning"),
                ("implementation", "Implementation"),
                ("testing", "Testing"),
                ("review", "Review"),
            ]),
            datetime("planned_start_date", "Planned start date"),
            datetime("planned_end_date", "Planned end date"),
            boolean("on_hold", "On hold"),
            text("on_hold_reason", "On hold reason", 4000),
            text("created_from", "Created from", 40)
                .default("manual")
                .choices(&[("manual", "Manual"), ("workflow", "Workflow")]),
            text("close_code", "Close code", 40).choices(&[
                ("successful", "Successful"),
                ("successful_issues", "Successful with issues"),
                ("unsuccessful", "Unsuccessful"),
            ]),
        ])
}

pub(super) fn approvals() -> [Table; 2] {
    [
        Table::new("sysapproval_approver", "Approval")
            .access(Access {
                read: APPROVAL_READERS,
                create: NOBODY,
                write: Grant::Roles(&["approver_user"]),
                delete: NOBODY,
            })
            .columns([
                reference("sysapproval", "Approval for", "task"),
                Column::new("document_id", "Approving", Kind::DocumentId),
                text("source_table", "Source table", 80),
                reference("approver", "Approver", "sys_user"),
                text("state", "State", 40).default("not requested").choices(&[
                    ("not requested", "Not Yet Requested"),
                    ("requested", "Requested"),
                    ("approved", "Approved"),
                    ("rejected", "Rejected"),
                    ("cancelled", "Cancelled"),
                    ("not_required", "No Longer Required"),
                    ("skipped", "Skipped"),
                    ("duplicate", "Duplicate"),
                    ("more_info", "More information required"),
                ]),
                journal("comments", "Comments"),
                reference("group", "Group assignment", "sysapproval_group"),
                text("wf_activity", "Workflow activity", 32).read_only(),
                datetime("due_date", "Due date"),
                datetime("expected_start", "Expected start"),
                integer("order", "Order"),
            ])
            .columns(system()),
        Table::new("sysapproval_group", "Group approval")
            .extends("task")
            .prefix("GAPRV")
            .access(Access {
                read: Grant::Roles(&["itil", "approver_user"]),
                create: NOBODY,
                write: NOBODY,
                delete: NOBODY,
            })
            .columns([text("wait_for", "Wait for", 40)]),
    ]
}

pub(super) fn change_administration() -> Vec<Table> {
    vec![
        Table::new("chg_model", "Change Model")
            .display("name")
            .access(Access::READABLE)
            .columns([
                text("name", "Name", 200),
                text("description", "Description", 4000),
                boolean("active", "Active").default("true"),
                boolean("available_in_ui", "Available in UI").default("true"),
                boolean("default_change_model", "Default change model"),
                text("table_name", "Table", 80).default("change_request"),
                text("record_preset", "Record preset", 4000),
            ])
            .columns(system()),
        Table::new("std_change_record_producer", "Standard Change Template")
            .display("sys_name")
            .access(Access::READABLE)
            .columns([
                text("sys_name", "Name", 100),
                text("name", "Name", 100),
                text("short_description", "Short description", 160),
                boolean("active", "Active").default("true"),
                reference("current_version", "Current version", "std_change_producer_version"),
                text("template", "Template", 4000),
            ])
            .columns(system()),
        Table::new("std_change_producer_version", "Standard Change Template Version")
            .display("version")
            .access(Access::READABLE)
            .columns([
                text("version", "Version", 40),
                reference("std_change_producer", "Standard Change Template", "std_change_record_producer"),
                boolean("active", "Active").default("true"),
            ])
            .columns(system()),
        Table::new("task_ci", "Affected CI")
            .access(Access {
                read: CHANGE_READERS,
                create: CHANGE_WRITERS,
                write: CHANGE_WRITERS,
                delete: CHANGE_WRITERS,
            })
            .columns([
                reference("ci_item", "Configuration Item", "cmdb_ci"),
                reference("task", "Task", "task"),
                boolean("applied", "Applied"),
                boolean("manual_proposed_change", "Manual proposed change"),
            ])
            .columns(system()),
        Table::new("task_cmdb_ci_service", "Impacted Service")
            .access(Access {
                read: CHANGE_READERS,
                create: CHANGE_WRITERS,
                write: CHANGE_WRITERS,
                delete: CHANGE_WRITERS,
            })
            .columns([
                reference("cmdb_ci_service", "Service", "cmdb_ci_service"),
                reference("task", "Task", "task"),
                boolean("manually_added", "Manually added"),
            ])
            .columns(system()),
        Table::new("task_service_offering", "Impacted Service Offering")
            .access(Access {
                read: CHANGE_READERS,
                create: CHANGE_WRITERS,
                write: CHANGE_WRITERS,
                delete: CHANGE_WRITERS,
            })
            .columns([
                reference("service_offering", "Service offering", "service_offering"),
                reference("task", "Task", "task"),
            ])
            .columns(system()),
        Table::new("conflict", "Conflict")
            .access(Access { read: CHANGE_READERS, create: NOBODY, write: NOBODY, delete: CHANGE_WRITERS })
            .columns([
                reference("change", "Change", "change_request"),
                reference("configuration_item", "Affected CI", "cmdb_ci"),
                text("type", "Type", 40).choices(&[
                    ("not_in_maintenance_window", "Not In Maintenance Window"),
                    ("blackout", "Blackout"),
                    ("already_scheduled", "CI Already Scheduled"),
                ]),
                reference("conflicting_change", "Conflicting change", "change_request"),
                reference("schedule", "Schedule", "cmn_schedule"),
                datetime("last_checked", "Last checked"),
            ])
            .columns(system()),
        Table::new("cmn_schedule", "Schedule")
            .display("name")
            .access(Access::READABLE)
            .columns([
                text("name", "Name", 80),
                text("type", "Type", 40).choices(&[("blackout", "Blackout"), ("maintenance", "Maintenance")]),
                datetime("start_date_time", "Start"),
                datetime("end_date_time", "End"),
                text("applies_to", "Applies to", 4000),
            ])
            .columns(system()),
    ]
}
