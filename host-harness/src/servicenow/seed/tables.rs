//! The tables of a new instance and their columns, with the lengths, defaults and choices that ServiceNow ships.

use crate::servicenow::engine::dictionary::{
    Access, Column, Grant, Kind, Table, boolean, datetime, integer, journal, reference, text,
};

/// Who may write change requests through the Table API.
const CHANGE_WRITERS: Grant = Grant::Roles(&["itil", "sn_change_write", "change_manager"]);
/// Who may read them.
const CHANGE_READERS: Grant = Grant::Roles(&["itil", "sn_change_read", "sn_change_write", "change_manager"]);
/// Who may write incidents.
const INCIDENT_WRITERS: Grant = Grant::Roles(&["itil", "sn_incident_write"]);
/// Who may read all incidents; others see those that they opened or that were opened for them.
const INCIDENT_READERS: Grant = Grant::Roles(&["itil", "sn_incident_read", "sn_incident_write"]);
/// Who may write problems.
const PROBLEM_WRITERS: Grant = Grant::Roles(&["itil", "sn_problem_write"]);
/// Who may read problems.
const PROBLEM_READERS: Grant = Grant::Roles(&["itil", "sn_problem_read", "sn_problem_write"]);
/// Who may read configuration items.
const CMDB_READERS: Grant = Grant::Roles(&["itil", "cmdb_read", "sn_cmdb_user", "sn_cmdb_editor", "asset"]);
/// Who may write them.
const CMDB_WRITERS: Grant = Grant::Roles(&["itil", "sn_cmdb_editor", "asset"]);
/// Who may see approvals; others see those that wait for them.
const APPROVAL_READERS: Grant = Grant::Everyone;

const NOBODY: Grant = Grant::Roles(&[]);

const IMPACT: &[(&str, &str)] = &[("1", "1 - High"), ("2", "2 - Medium"), ("3", "3 - Low")];
const PRIORITY: &[(&str, &str)] =
    &[("1", "1 - Critical"), ("2", "2 - High"), ("3", "3 - Moderate"), ("4", "4 - Low"), ("5", "5 - Planning")];
const APPROVAL: &[(&str, &str)] = &[
    ("not requested", "Not Yet Requested"),
    ("requested", "Requested"),
    ("approved", "Approved"),
    ("rejected", "Rejected"),
    ("cancelled", "Cancelled"),
    ("not_required", "No Longer Required"),
    ("duplicate", "Duplicate"),
];

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

fn task() -> Table {
    Table::new("task", "Task")
        .prefix("TASK")
        .display("number")
        .access(Access {
            read: Grant::Roles(&["itil", "sn_change_read", "sn_change_write", "sn_incident_read", "sn_incident_write"]),
            create: Grant::Roles(&["itil"]),
            write: Grant::Roles(&["itil"]),
            delete: NOBODY,
        })
        .columns([
            text("number", "Number", 40),
            boolean("active", "Active").default("true"),
            integer("state", "State").default("1").choices(&[
                ("-5", "Pending"),
                ("1", "Open"),
                ("2", "Work in Progress"),
                ("3", "Closed Complete"),
                ("4", "Closed Incomplete"),
                ("7", "Closed Skipped"),
            ]),
            text("short_description", "Short description", 160),
            text("description", "Description", 4000),
            integer("impact", "Impact").default("3").choices(IMPACT),
            integer("urgency", "Urgency").default("3").choices(IMPACT),
            integer("priority", "Priority").default("4").choices(PRIORITY),
            reference("assignment_group", "Assignment group", "sys_user_group"),
            reference("assigned_to", "Assigned to", "sys_user"),
            reference("opened_by", "Opened by", "sys_user"),
            datetime("opened_at", "Opened"),
            reference("closed_by", "Closed by", "sys_user"),
            datetime("closed_at", "Closed"),
            text("close_notes", "Close notes", 4000),
            reference("cmdb_ci", "Configuration item", "cmdb_ci"),
            reference("business_service", "Service", "cmdb_ci_service"),
            reference("service_offering", "Service offering", "service_offering"),
            reference("parent", "Parent", "task"),
            reference("company", "Company", "core_company"),
            reference("location", "Location", "cmn_location"),
            text("correlation_id", "Correlation ID", 100),
            text("correlation_display", "Correlation display", 100),
            text("contact_type", "Contact type", 40).choices(&[
                ("email", "Email"),
                ("phone", "Phone"),
                ("self-service", "Self-service"),
                ("walk-in", "Walk-in"),
                ("monitoring", "Monitoring"),
            ]),
            text("approval", "Approval", 40).default("not requested").choices(APPROVAL),
            datetime("approval_set", "Approval set"),
            journal("approval_history", "Approval history").read_only(),
            text("upon_approval", "Upon approval", 40)
                .default("proceed")
                .choices(&[("proceed", "Proceed to Next Task"), ("do_nothing", "Wait for a User to Close this task")]),
            text("upon_reject", "Upon reject", 40)
                .default("cancel")
                .choices(&[("cancel", "Cancel all future Tasks"), ("goto", "Go to a previous Task")]),
            integer("escalation", "Escalation").default("0").choices(&[
                ("0", "Normal"),
                ("1", "Moderate"),
                ("2", "High"),
                ("3", "Overdue"),
            ]),
            boolean("made_sla", "Made SLA").default("true"),
            boolean("knowledge", "Knowledge"),
            datetime("sla_due", "SLA due").read_only(),
            datetime("activity_due", "Activity due").read_only(),
            datetime("due_date", "Due date"),
            datetime("expected_start", "Expected start"),
            datetime("work_start", "Actual start"),
            datetime("work_end", "Actual end"),
            datetime("follow_up", "Follow up"),
            Column::new("business_duration", "Business duration", Kind::Duration),
            Column::new("calendar_duration", "Duration", Kind::Duration),
            Column::new("time_worked", "Time worked", Kind::Duration),
            integer("reassignment_count", "Reassignment count").default("0"),
            integer("order", "Order"),
            Column::new("watch_list", "Watch list", Kind::List("sys_user".into())),
            Column::new("work_notes_list", "Work notes list", Kind::List("sys_user".into())),
            Column::new("additional_assignee_list", "Additional assignee list", Kind::List("sys_user".into())),
            text("user_input", "User input", 4000),
            text("delivery_plan", "Delivery plan", 32).read_only(),
            journal("comments", "Additional comments"),
            journal("work_notes", "Work notes").writers(&["itil", "sn_change_write", "sn_incident_write"]),
            journal("comments_and_work_notes", "Comments and Work notes").read_only(),
            text("task_effective_number", "Effective number", 40).read_only(),
            text("universal_request", "Universal Request", 32).read_only(),
        ])
        .columns(classed())
}

fn change_request() -> Table {
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

fn change_task() -> Table {
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

fn incident() -> Table {
    Table::new("incident", "Incident")
        .extends("task")
        .prefix("INC")
        .access(Access { read: Grant::Everyone, create: Grant::Everyone, write: INCIDENT_WRITERS, delete: NOBODY })
        .columns([
            integer("state", "State").default("1").choices(INCIDENT_STATES),
            integer("incident_state", "Incident state").default("1").choices(INCIDENT_STATES),
            integer("priority", "Priority").default("5").choices(PRIORITY),
            integer("severity", "Severity").default("3").choices(IMPACT),
            reference("caller_id", "Caller", "sys_user"),
            text("category", "Category", 40).default("inquiry").choices(&[
                ("inquiry", "Inquiry / Help"),
                ("software", "Software"),
                ("hardware", "Hardware"),
                ("network", "Network"),
                ("database", "Database"),
            ]),
            text("subcategory", "Subcategory", 40).choices(&[
                ("antivirus", "Antivirus"),
                ("email", "Email"),
                ("internal application", "Internal Application"),
                ("operating system", "Operating System"),
                ("cpu", "CPU"),
                ("disk", "Disk"),
                ("memory", "Memory"),
            ]),
            text("close_code", "Resolution code", 40).choices(&[
                ("Duplicate", "Duplicate"),
                ("Known error", "Known error"),
                ("No resolution provided", "No resolution provided"),
                ("Resolved by caller", "Resolved by caller"),
                ("Resolved by change", "Resolved by change"),
                ("Resolved by problem", "Resolved by problem"),
                ("Resolved by request", "Resolved by request"),
                ("Solution provided", "Solution provided"),
                ("Workaround provided", "Workaround provided"),
                ("User error", "User error"),
            ]),
            text("close_notes", "Resolution notes", 4000),
            integer("hold_reason", "On hold reason").choices(&[
                ("1", "Awaiting Caller"),
                ("3", "Awaiting Problem"),
                ("4", "Awaiting Vendor"),
                ("5", "Awaiting Change"),
            ]),
            reference("caused_by", "Caused by Change", "change_request"),
            reference("rfc", "Change Request", "change_request"),
            reference("problem_id", "Problem", "problem"),
            reference("parent_incident", "Parent Incident", "incident"),
            integer("child_incidents", "Child Incidents").default("0"),
            datetime("resolved_at", "Resolved"),
            reference("resolved_by", "Resolved by", "sys_user"),
            datetime("reopened_time", "Last reopened at"),
            reference("reopened_by", "Last reopened by", "sys_user"),
            integer("reopen_count", "Reopen count").default("0"),
            integer("notify", "Notify").default("1").choices(&[("1", "Do Not Notify"), ("2", "Send Email")]),
            integer("business_stc", "Business resolve time"),
            integer("calendar_stc", "Resolve time"),
            text("cause", "Probable cause", 4000),
        ])
}

const INCIDENT_STATES: &[(&str, &str)] =
    &[("1", "New"), ("2", "In Progress"), ("3", "On Hold"), ("6", "Resolved"), ("7", "Closed"), ("8", "Canceled")];

/// Roles that see every incident.
pub const SEES_ALL_INCIDENTS: Grant = INCIDENT_READERS;

fn problem() -> Table {
    Table::new("problem", "Problem")
        .extends("task")
        .prefix("PRB")
        .access(Access { read: PROBLEM_READERS, create: PROBLEM_WRITERS, write: PROBLEM_WRITERS, delete: NOBODY })
        .columns([
            integer("state", "State").default("101").choices(&[
                ("101", "New"),
                ("102", "Assess"),
                ("103", "Root Cause Analysis"),
                ("104", "Fix in Progress"),
                ("106", "Resolved"),
                ("107", "Closed"),
            ]),
            text("cause_notes", "Cause notes", 4000),
            text("fix_notes", "Fix notes", 4000),
            text("workaround", "Workaround", 4000),
            reference("first_reported_by_task", "First reported by", "task"),
            boolean("known_error", "Known error"),
        ])
}

fn approvals() -> [Table; 2] {
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

fn change_administration() -> Vec<Table> {
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

fn people() -> Vec<Table> {
    vec![
        Table::new("sys_user", "User")
            .display("name")
            .access(Access {
                read: Grant::Everyone,
                create: Grant::Roles(&["user_admin"]),
                write: Grant::Roles(&["user_admin"]),
                delete: NOBODY,
            })
            .columns([
                text("user_name", "User ID", 40),
                text("name", "Name", 151),
                text("first_name", "First name", 50),
                text("last_name", "Last name", 50),
                text("email", "Email", 100),
                text("title", "Title", 60),
                boolean("active", "Active").default("true"),
                boolean("locked_out", "Locked out"),
                boolean("web_service_access_only", "Web service access only"),
                boolean("internal_integration_user", "Internal Integration User"),
                text("time_zone", "Time zone", 40),
                text("date_format", "Date format", 40),
                text("time_format", "Time format", 40),
                reference("manager", "Manager", "sys_user"),
                reference("company", "Company", "core_company"),
                Column::new("user_password", "Password", Kind::Password).readers(&["user_admin"]),
            ])
            .columns(system()),
        Table::new("sys_user_group", "Group")
            .display("name")
            .access(Access::READABLE)
            .columns([
                text("name", "Name", 80),
                text("description", "Description", 1000),
                text("email", "Group email", 100),
                reference("manager", "Manager", "sys_user"),
                reference("parent", "Parent", "sys_user_group"),
                boolean("active", "Active").default("true"),
            ])
            .columns(system()),
        Table::new("sys_user_grmember", "Group Member")
            .access(Access::READABLE)
            .columns([reference("group", "Group", "sys_user_group"), reference("user", "User", "sys_user")])
            .columns(system()),
        Table::new("sys_user_role", "Role")
            .display("name")
            .access(Access::READABLE)
            .columns([text("name", "Name", 100), text("description", "Description", 1000)])
            .columns(system()),
        Table::new("sys_user_has_role", "User Role")
            .access(Access::READABLE)
            .columns([
                reference("user", "User", "sys_user"),
                reference("role", "Role", "sys_user_role"),
                text("state", "State", 40).default("active"),
                boolean("inherited", "Inherited"),
            ])
            .columns(system()),
        Table::new("sys_user_delegate", "Delegate")
            .access(Access::READABLE)
            .columns([
                reference("user", "User", "sys_user"),
                reference("delegate", "Delegate", "sys_user"),
                datetime("starts", "Starts"),
                datetime("ends", "Ends"),
                boolean("approvals", "Approvals").default("true"),
            ])
            .columns(system()),
        Table::new("core_company", "Company")
            .display("name")
            .access(Access::READABLE)
            .columns([text("name", "Name", 80)])
            .columns(system()),
        Table::new("cmn_location", "Location")
            .display("name")
            .access(Access::READABLE)
            .columns([text("name", "Name", 100)])
            .columns(system()),
    ]
}

fn administration() -> Vec<Table> {
    vec![
        Table::new("sys_db_object", "Table")
            .display("label")
            .access(Access::READABLE)
            .columns([
                text("name", "Name", 80),
                text("label", "Label", 80),
                reference("super_class", "Extends table", "sys_db_object"),
            ])
            .columns(system()),
        Table::new("sys_dictionary", "Dictionary Entry")
            .access(Access::READABLE)
            .columns([
                text("name", "Table", 80),
                text("element", "Column name", 80),
                text("column_label", "Column label", 80),
                text("internal_type", "Type", 40),
                text("reference", "Reference", 80),
                integer("max_length", "Max length"),
                boolean("mandatory", "Mandatory"),
                boolean("read_only", "Read only"),
                boolean("display", "Display"),
                integer("choice", "Choice"),
                text("default_value", "Default value", 255),
                boolean("active", "Active").default("true"),
            ])
            .columns(system()),
        Table::new("sys_choice", "Choice")
            .display("label")
            .access(Access::READABLE)
            .columns([
                text("name", "Table", 80),
                text("element", "Element", 80),
                text("value", "Value", 60),
                text("label", "Label", 100),
                integer("sequence", "Sequence"),
                boolean("inactive", "Inactive"),
                text("language", "Language", 3).default("en"),
                text("dependent_value", "Dependent value", 60),
            ])
            .columns(system()),
        Table::new("sys_properties", "System Property")
            .display("name")
            .access(Access::ADMIN)
            .columns([
                text("name", "Name", 100),
                text("value", "Value", 4000),
                text("description", "Description", 4000),
                text("type", "Type", 40).default("string"),
            ])
            .columns(system()),
        Table::new("sys_journal_field", "Journal Entry")
            .access(Access { create: NOBODY, ..Access::ADMIN })
            .columns([
                text("name", "Name", 80),
                text("element", "Element", 80),
                text("element_id", "Element ID", 32),
                text("value", "Value", 4000),
            ])
            .columns(system()),
        Table::new("sys_attachment", "Attachment")
            .display("file_name")
            .access(Access {
                read: Grant::Everyone,
                create: Grant::Everyone,
                write: Grant::Everyone,
                delete: Grant::Everyone,
            })
            .columns([
                text("file_name", "File name", 100),
                text("table_name", "Table name", 80),
                text("table_sys_id", "Table sys ID", 32),
                text("content_type", "Content type", 127),
                integer("size_bytes", "Size bytes"),
                integer("size_compressed", "Size compressed"),
                boolean("compressed", "Compressed").default("true"),
                text("hash", "Hash", 100),
                text("image_height", "Image height", 40),
                text("image_width", "Image width", 40),
                text("average_image_color", "Average image color", 40),
            ])
            .columns(system()),
        Table::new("sys_rate_limit_rules", "Rate Limit Rule")
            .display("name")
            .access(Access::ADMIN)
            .columns([
                text("name", "Name", 80),
                text("resource", "REST resource", 100),
                text("method", "Method", 10),
                reference("user", "User", "sys_user"),
                text("role", "Role", 100),
                integer("request_limit", "Request limit per hour"),
                boolean("active", "Active").default("true"),
            ])
            .columns(system()),
    ]
}

fn cmdb() -> Vec<Table> {
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

/// All of them, parents before children.
pub fn all() -> Vec<Table> {
    let mut tables = vec![task(), change_request(), change_task(), incident(), problem()];
    tables.extend(approvals());
    tables.extend(change_administration());
    tables.extend(people());
    tables.extend(administration());
    tables.extend(cmdb());
    tables
}
