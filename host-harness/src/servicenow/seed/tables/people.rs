//! Users, groups, roles, delegates.

use super::{NOBODY, system};
use crate::servicenow::engine::dictionary::{Access, Column, Grant, Kind, Table, boolean, datetime, reference, text};

pub(super) fn people() -> Vec<Table> {
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
