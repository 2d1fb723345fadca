//! The people of a new instance: the integration's user, those who approve, an administrator; their groups and roles.

use crate::servicenow::engine::Engine;
use crate::servicenow::engine::record::Record;

/// A user to be seeded.
#[derive(Debug, Clone)]
pub struct Person {
    /// `sys_user.user_name`.
    pub user_name: String,
    /// `sys_user.name`.
    pub name: String,
    /// The `sys_id`; a fresh one where it is empty.
    pub sys_id: String,
    /// Roles by name.
    pub roles: Vec<String>,
    /// Groups by name; one that there is not is made.
    pub groups: Vec<String>,
    /// The password; a random one where there is none.
    pub password: Option<String>,
    /// The time zone by IANA name; the instance's where it is empty.
    pub time_zone: String,
}

impl Person {
    /// A person without roles.
    pub fn new(user_name: &str, name: &str) -> Self {
        Person {
            user_name: user_name.into(),
            name: name.into(),
            sys_id: String::new(),
            roles: Vec::new(),
            groups: Vec::new(),
            password: None,
            time_zone: String::new(),
        }
    }

    /// With this `sys_id`.
    pub fn sys_id(mut self, sys_id: &str) -> Self {
        self.sys_id = sys_id.into();
        self
    }

    /// With these roles.
    pub fn roles(mut self, roles: &[&str]) -> Self {
        self.roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self
    }

    /// In these groups.
    pub fn groups(mut self, groups: &[&str]) -> Self {
        self.groups = groups.iter().map(|group| (*group).to_owned()).collect();
        self
    }

    /// With this password instead of a random one.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self
    }

    /// In this time zone.
    pub fn time_zone(mut self, zone: &str) -> Self {
        self.time_zone = zone.into();
        self
    }
}

/// The group that answers for images.
pub const PLATFORM_IMAGES: &str = "Platform Images";
/// The group that approves changes.
pub const CAB: &str = "CAB Approval";

/// The group that owns changes on a new instance, and the plugin's default.
pub const CHANGE_MANAGEMENT: &str = "Change Management";

/// The groups of a new instance.
const GROUPS: &[(&str, &str)] = &[
    (PLATFORM_IMAGES, "287ebd7da9fe198100f92cc8d1d2154e"),
    (CAB, "b85d44954a3623120004689b2d5dd60a"),
    (CHANGE_MANAGEMENT, "a715cd759f2002002920bde8132e7018"),
    ("Service Desk", "d625dccec0a8016700a222a0f7900d06"),
];

/// The integration's user, with the least roles that serve.
pub fn integration() -> Person {
    Person::new("svc.imagefactory", "Image Factory")
        .sys_id("5137153cc611227c000bbd1bd8cd2007")
        .roles(&["itil", "sn_change_write", "sn_incident_write", "snc_internal"])
        .groups(&[PLATFORM_IMAGES])
}

/// Everybody else.
pub fn others() -> Vec<Person> {
    vec![
        Person::new("beth.anglin", "Beth Anglin")
            .sys_id("46d44a23a9fe19810012d100cca80666")
            .roles(&["itil", "approver_user"])
            .groups(&[CAB]),
        Person::new("bow.ruggeri", "Bow Ruggeri")
            .sys_id("681ccaf9c0a8016400b98a06818d57c7")
            .roles(&["itil", "approver_user"])
            .groups(&[CAB]),
        Person::new("david.loo", "David Loo")
            .sys_id("5137153cc611227c000bbd1bd8cd2005")
            .roles(&["itil", "change_manager", "approver_user"])
            .groups(&["Service Desk"]),
        Person::new("abel.tuter", "Abel Tuter").sys_id("62826bf03710200044e0bfc8bcbe5df1"),
        Person::new("admin", "System Administrator").sys_id("6816f79cc0a8016401c5a33be04be441").roles(&["admin"]),
    ]
}

/// Adds a group.
pub fn add_group(engine: &mut Engine, name: &str, sys_id: &str) -> String {
    if let Some(known) = engine.having("sys_user_group", "name", name).first() {
        return known.sys_id().to_owned();
    }
    let sys_id = if sys_id.is_empty() { engine.fresh_sys_id() } else { sys_id.to_owned() };
    keep(
        engine,
        Record::new("sys_user_group").with("sys_id", sys_id.as_str()).with("name", name).with("active", "true"),
    );
    sys_id
}

/// Adds a person with roles and groups; answers the password.
pub fn add(engine: &mut Engine, person: &Person) -> String {
    let sys_id = if person.sys_id.is_empty() { engine.fresh_sys_id() } else { person.sys_id.clone() };
    let (first, last) = person.name.split_once(' ').unwrap_or((&person.name, ""));
    let integration = person.user_name.starts_with("svc.");
    keep(
        engine,
        Record::new("sys_user")
            .with("sys_id", sys_id.as_str())
            .with("user_name", person.user_name.as_str())
            .with("name", person.name.as_str())
            .with("first_name", first)
            .with("last_name", last)
            .with("email", format!("{}@example.com", person.name.to_lowercase().replace(' ', ".")))
            .with("active", "true")
            .with("web_service_access_only", integration.to_string())
            .with("internal_integration_user", integration.to_string())
            .with("time_zone", person.time_zone.as_str()),
    );
    for role in &person.roles {
        let role = match engine.having("sys_user_role", "name", role).first() {
            Some(known) => known.sys_id().to_owned(),
            None => {
                let id = engine.fresh_sys_id();
                keep(engine, Record::new("sys_user_role").with("sys_id", id.as_str()).with("name", role.as_str()));
                id
            }
        };
        let id = engine.fresh_sys_id();
        keep(
            engine,
            Record::new("sys_user_has_role")
                .with("sys_id", id)
                .with("user", sys_id.as_str())
                .with("role", role)
                .with("state", "active"),
        );
    }
    for group in &person.groups {
        let group = add_group(engine, group, "");
        let id = engine.fresh_sys_id();
        keep(
            engine,
            Record::new("sys_user_grmember").with("sys_id", id).with("group", group).with("user", sys_id.as_str()),
        );
    }
    let password = person.password.clone().unwrap_or_else(|| engine.fresh_sys_id());
    engine.passwords.insert(sys_id, password.clone());
    password
}

/// Adds the groups of a new instance.
pub fn add_groups(engine: &mut Engine) {
    for (name, sys_id) in GROUPS {
        add_group(engine, name, sys_id);
    }
}

/// Keeps a seeded record, created by the system.
pub(super) fn keep(engine: &mut Engine, record: Record) {
    let now = engine.now();
    let mut record = record;
    for column in engine.dictionary.columns(record.table()) {
        if record.lacks(&column.element) && !column.default.is_empty() {
            record.set(&column.element, column.default.as_str());
        }
    }
    if engine.dictionary.column(record.table(), "sys_class_name").is_some() {
        let class = record.table().to_owned();
        record.set("sys_class_name", class);
    }
    let record = record
        .with("sys_created_on", now.as_str())
        .with("sys_created_by", "system")
        .with("sys_updated_on", now.as_str())
        .with("sys_updated_by", "system")
        .with("sys_mod_count", "0");
    engine.store.put(&engine.dictionary, record);
}
