//! One call of one hook: what it was granted, and the settings that it follows.

use crate::identity::build_mark;
use crate::mapping::Column;
use crate::servicenow::{Client, Error, Kind};
use crate::settings::Settings;
use crate::transport::{Entry, Grants};
use itsm_contract::types::{Build, Failure, Problem, Ticket, Timestamp};
use std::cell::{RefCell, RefMut};

/// What every hook works with.
pub struct Plugin<'a> {
    grants: Grants<'a>,
    settings: Settings,
    client: Client<'a>,
    /// Names found by this call: table, column, name, and the `sys_id` that they mean.
    references: RefCell<Vec<(String, String, String, String)>>,
    /// Columns that this call asked the dictionary for.
    columns: RefCell<Vec<Column>>,
}

impl<'a> Plugin<'a> {
    /// Reads the settings, as JSON.
    ///
    /// # Errors
    /// `Misconfigured`, naming the key.
    pub fn new(grants: Grants<'a>, settings: &str) -> Result<Self, Failure> {
        let settings = Settings::parse(settings).map_err(|error| {
            Failure::Misconfigured(Problem {
                code: "settings.invalid".into(),
                summary: format!("the settings cannot be used: {error}"),
                remedy: format!("correct `{}` in the settings", error.path),
                detail: None,
            })
        })?;
        Ok(Self {
            client: Client::new(grants.transport),
            grants,
            settings,
            references: RefCell::default(),
            columns: RefCell::default(),
        })
    }

    /// The way to the instance.
    pub fn client(&self) -> Client<'a> {
        self.client
    }

    /// What the administrator decided.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the sandbox grants.
    pub fn grants(&self) -> Grants<'a> {
        self.grants
    }

    /// When the hook was called.
    pub fn now(&self) -> Timestamp {
        self.grants.now
    }

    /// A build of this tenant, short: what a gate and a change request of ours say that they are for.
    pub fn build_mark(&self, build: &Build) -> String {
        build_mark(&self.settings.instance.tenant, &build.id)
    }

    /// Adds an entry to the host's audit log.
    pub fn audit(&self, action: &'static str, key: &str, subject: Option<&Ticket>, details: &[(&str, &str)]) {
        self.grants.audit.append(Entry {
            action,
            key: Some(key.to_owned()),
            subject: subject.cloned(),
            details: details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        });
    }

    /// A record as the contract calls it. `key` is the identity that it carries as ours.
    pub fn ticket(&self, table: &str, sys_id: &str, number: &str, key: Option<&str>) -> Ticket {
        Ticket {
            kind: table.into(),
            id: sys_id.into(),
            number: number.into(),
            url: format!("{}/nav_to.do?uri={table}.do%3Fsys_id%3D{sys_id}", self.settings.instance.url.url()),
            key: key.map(str::to_owned),
        }
    }

    /// The `sys_id` of the record of `table` that `name` means: a `sys_id` as it is, a name looked up in `column`, once.
    ///
    /// # Errors
    /// `NotFound` where nothing has that name; `ReplyUnexpected` where several do.
    pub fn reference(&self, table: &str, column: &str, name: &str) -> Result<String, Error> {
        if is_sys_id(name) {
            return Ok(name.to_owned());
        }
        let known = self.references.borrow();
        let is_it =
            |known: &&(String, String, String, String)| known.0 == table && known.1 == column && known.2 == name;
        if let Some((.., sys_id)) = known.iter().find(is_it) {
            return Ok(sys_id.clone());
        }
        drop(known);
        match self.client.find(table, column, name, "sys_id")? {
            Some(record) => {
                let sys_id = record.text("sys_id").into_owned();
                self.remember(table, column, name, &sys_id);
                Ok(sys_id)
            }
            None => Err(Error::new(Kind::NotFound, format!("GET {table}"))
                .with_detail(format!("nothing in {table} has the {column} `{name}`"))),
        }
    }

    /// As [`reference`](Self::reference), for a name that the settings give at `key`.
    ///
    /// # Errors
    /// `Misconfigured` where nothing has that name, or several have it.
    pub fn named(&self, key: &str, table: &str, column: &str, name: &str) -> Result<String, Failure> {
        self.reference(table, column, name).map_err(|error| match error.kind {
            Kind::NotFound | Kind::Ambiguous => Failure::Misconfigured(Problem {
                code: "settings.unknown-name".into(),
                summary: format!("`{key}` in the settings: {}", error.detail.unwrap_or_default()),
                remedy: format!(
                    "correct `{key}`, or give the sys_id there; the integration user must be able to read it"
                ),
                detail: None,
            }),
            _ => error.into(),
        })
    }

    /// The columns that this call has asked the dictionary for.
    pub(crate) fn columns(&self) -> RefMut<'_, Vec<Column>> {
        self.columns.borrow_mut()
    }

    /// Remembers for this call what a name means.
    pub fn remember(&self, table: &str, column: &str, name: &str, sys_id: &str) {
        let known = [table, column, name, sys_id].map(str::to_owned);
        self.references.borrow_mut().push(known.into());
    }
}

/// Whether this is a `sys_id`: 32 hexadecimal digits.
pub fn is_sys_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
