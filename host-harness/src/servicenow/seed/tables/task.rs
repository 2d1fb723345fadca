//! Tasks and what extends them outside change management: incidents and problems.

use super::{IMPACT, NOBODY, PRIORITY, classed};
use crate::servicenow::engine::dictionary::{
    Access, Column, Grant, Kind, Table, boolean, datetime, integer, journal, reference, text,
};

/// Who may write incidents.
const INCIDENT_WRITERS: Grant = Grant::Roles(&["itil", "sn_incident_write"]);

/// Who may write problems.
const PROBLEM_WRITERS: Grant = Grant::Roles(&["itil", "sn_problem_write"]);

/// Who may read problems.
const PROBLEM_READERS: Grant = Grant::Roles(&["itil", "sn_problem_read", "sn_problem_write"]);

const APPROVAL: &[(&str, &str)] = &[
    ("not requested", "Not Yet Requested"),
    ("requested", "Requested"),
    ("approved", "Approved"),
    ("rejected", "Rejected"),
    ("cancelled", "Cancelled"),
    ("not_required", "No Longer Required"),
    ("duplicate", "Duplicate"),
];

pub(super) fn task() -> Table {
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

pub(super) fn incident() -> Table {
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

pub(super) fn problem() -> Table {
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
