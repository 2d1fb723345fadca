//! Who makes a request: a user with roles and a time zone.

use super::dictionary::{Column, Grant};
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

/// Who makes a request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user's `sys_id`.
    pub sys_id: String,
    /// The user's `user_name`.
    pub user_name: String,
    /// The user's name as people read it.
    pub name: String,
    /// The roles held, those of groups included.
    pub roles: BTreeSet<String>,
    /// The user's time zone, or the instance's.
    pub zone: TimeZone,
    /// The zone's name.
    pub zone_name: String,
    /// The user's date and time format as strftime writes it.
    pub format: String,
    /// The instance itself: its rules and flows are under no ACL.
    pub system: bool,
}

impl Caller {
    /// The instance itself.
    pub fn system() -> Self {
        Caller {
            sys_id: String::new(),
            user_name: "system".into(),
            name: "System".into(),
            roles: BTreeSet::new(),
            zone: TimeZone::UTC,
            zone_name: "UTC".into(),
            format: "%Y-%m-%d %H:%M:%S".into(),
            system: true,
        }
    }

    /// Whether the user is an administrator, whom no ACL stops.
    pub fn admin(&self) -> bool {
        self.system || self.roles.contains("admin")
    }

    /// Whether the user has one of these roles, or `admin`.
    pub fn has(&self, roles: &[&str]) -> bool {
        self.admin() || roles.iter().any(|role| self.roles.contains(*role))
    }

    /// Whether a grant holds for the user.
    pub fn is_granted(&self, grant: Grant) -> bool {
        match grant {
            Grant::Everyone => true,
            Grant::Roles(roles) => self.has(roles),
        }
    }

    /// Whether the user may read a column of a record that may be read.
    pub fn may_read_column(&self, column: &Column) -> bool {
        column.readers.is_empty() || self.has(column.readers)
    }

    /// Whether the user may write a column of a record that may be written.
    pub fn may_write_column(&self, column: &Column) -> bool {
        self.system || (!column.read_only && (column.writers.is_empty() || self.has(column.writers)))
    }
}
