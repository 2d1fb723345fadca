//! An instance that runs: what a test or a person does with it from outside.

use super::builder::Builder;
use super::clock::Clock;
use super::engine::Engine;
use super::engine::record::Record;
use super::faults::{Fault, FaultId};
use super::http::server::{Seen, Shared};
use super::login::{Login, LoginError};
use super::properties::Properties;
use super::seed;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// What an integration logs in with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Account {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// The OAuth client's id.
    pub client_id: String,
    /// The OAuth client's secret.
    pub client_secret: String,
    /// An API key, for the header `x-sn-apikey`.
    pub api_key: String,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Account").field("user", &self.user).finish_non_exhaustive()
    }
}

/// An instance that runs. It is gone when this is dropped.
pub struct Instance {
    pub(super) address: SocketAddr,
    pub(super) shared: Arc<Shared>,
    pub(super) account: Account,
    pub(super) passwords: BTreeMap<String, String>,
    pub(super) certificate: Option<String>,
    pub(super) server: JoinHandle<()>,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl std::fmt::Debug for Instance {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Instance").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Instance {
    /// An instance to be started.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it is, such as `http://127.0.0.1:41233`.
    pub fn url(&self) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate in PEM, where it speaks TLS.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the integration logs in with.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The password of a person, such as `beth.anglin`, who approves for the CAB.
    pub fn password_of(&self, user_name: &str) -> Option<&str> {
        self.passwords.get(user_name).map(String::as_str)
    }

    /// Somebody who acts at the instance with a password of their own.
    ///
    /// # Errors
    /// Where nobody is called that.
    pub fn login(&self, user_name: &str) -> Result<Login, LoginError> {
        let password = self.password_of(user_name).ok_or_else(|| LoginError::Nobody(user_name.into()))?;
        Login::new(user_name, password, &self.url())
    }

    /// The people who hold the role `approver_user`: user name and password.
    pub fn approvers(&self) -> Vec<(String, String)> {
        let engine = self.shared.engine();
        let approver =
            |user: &&Record| engine.caller(user.sys_id()).is_some_and(|caller| caller.roles.contains("approver_user"));
        let told = |user: &Record| {
            let (name, password) = self.passwords.get_key_value(user.get("user_name"))?;
            Some((name.clone(), password.clone()))
        };
        engine.store.scan(&engine.dictionary, "sys_user").into_iter().filter(approver).filter_map(told).collect()
    }

    /// Every request seen so far, in the order of their replies.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.seen().clone()
    }

    /// The records of a table and of those that extend it, as the database holds them.
    pub fn records(&self, table: &str) -> Vec<Record> {
        let engine = self.shared.engine();
        engine.store.scan(&engine.dictionary, table).into_iter().cloned().collect()
    }

    /// The entries of a record's journal, oldest first.
    pub fn journal(&self, sys_id: &str, element: &str) -> Vec<String> {
        let engine = self.shared.engine();
        engine
            .having("sys_journal_field", "element_id", sys_id)
            .into_iter()
            .filter(|entry| entry.get("element") == element)
            .map(|entry| entry.get("value").to_owned())
            .collect()
    }

    /// What an attachment holds.
    pub fn attachment(&self, sys_id: &str) -> Option<bytes::Bytes> {
        self.shared.engine().contents.get(sys_id).cloned()
    }

    /// Its clock, which can be moved.
    pub fn clock(&self) -> Clock {
        self.shared.clock.clone()
    }

    /// Changes switches while it runs.
    pub fn set_properties(&self, set: impl FnOnce(&mut Properties)) {
        set(&mut self.shared.engine().properties);
    }

    /// Keeps a record, new or in place of the one of its `sys_id`, past all rules: as if somebody had worked on the
    /// database.
    pub fn put_record(&self, record: Record) {
        seed::add_record(&mut self.shared.engine(), record);
        self.shared.changed();
    }

    /// Removes a record past all rules; tells whether it was there.
    pub fn remove_record(&self, table: &str, sys_id: &str) -> bool {
        let mut engine = self.shared.engine();
        let Engine { store, dictionary, .. } = &mut *engine;
        let removed = store.remove(dictionary, table, sys_id).is_some();
        drop(engine);
        self.shared.changed();
        removed
    }

    /// Replaces what an attachment holds, past all rules; its hash stays what it was.
    pub fn put_attachment(&self, sys_id: &str, content: impl Into<bytes::Bytes>) {
        self.shared.engine().contents.insert(sys_id.to_owned(), content.into());
    }

    /// Puts a fault in force.
    pub fn fault(&self, fault: Fault) -> FaultId {
        self.shared.faults().add(fault)
    }

    /// How many requests a fault has picked so far.
    pub fn picked(&self, fault: FaultId) -> u64 {
        self.shared.faults().picked(fault)
    }

    /// Takes a fault out of force.
    pub fn remove_fault(&self, fault: FaultId) {
        self.shared.faults().remove(fault);
    }

    /// Takes every fault out of force.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Makes every access token that was given out worthless.
    pub fn expire_tokens(&self) {
        self.shared.engine().registry.expire_tokens();
    }
}
