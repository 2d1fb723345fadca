//! An instance that runs: its builder, and what a test or a person does with it from outside.

use super::change::approvals::ApprovalPolicy;
use super::clock::Clock;
use super::engine::Engine;
use super::engine::dictionary::{Column, Dictionary, Table};
use super::engine::record::Record;
use super::http::oauth::Client;
use super::http::server::{Seen, Shared, serve};
use super::properties::Properties;
use super::seed;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use super::seed::people::Person;

/// What an integration logs in with.
#[derive(Clone, PartialEq, Eq)]
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

/// An instance to be started.
#[derive(Debug)]
pub struct Builder {
    listen: SocketAddr,
    properties: Properties,
    clock: Clock,
    integration: Person,
    account: Option<Account>,
    people: Vec<Person>,
    tables: Vec<Table>,
    columns: Vec<(String, Column)>,
    choices: Vec<[String; 4]>,
    policies: Vec<ApprovalPolicy>,
    records: Vec<Record>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            properties: Properties::default(),
            clock: Clock::default(),
            integration: seed::people::integration(),
            account: None,
            people: seed::people::others(),
            tables: Vec::new(),
            columns: Vec::new(),
            choices: Vec::new(),
            policies: seed::change::policies(),
            records: Vec::new(),
        }
    }
}

impl Builder {
    /// Where to listen; a free port of 127.0.0.1 unless told otherwise.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets switches.
    pub fn properties(mut self, set: impl FnOnce(&mut Properties)) -> Self {
        set(&mut self.properties);
        self
    }

    /// The instance's clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The integration's user instead of the stock one: other roles, another time zone.
    pub fn integration(mut self, change: impl FnOnce(Person) -> Person) -> Self {
        self.integration = change(self.integration);
        self
    }

    /// The integration's credentials instead of random ones. The user's name is set too.
    pub fn account(mut self, account: Account) -> Self {
        self.integration.user_name = account.user.clone();
        self.account = Some(account);
        self
    }

    /// One person more, or another in place of the one of the same user name.
    pub fn person(mut self, person: Person) -> Self {
        self.people.retain(|known| known.user_name != person.user_name);
        self.people.push(person);
        self
    }

    /// One table more.
    pub fn table(mut self, table: Table) -> Self {
        self.tables.push(table);
        self
    }

    /// One column more in a table.
    pub fn column(mut self, table: &str, column: Column) -> Self {
        self.columns.push((table.to_owned(), column));
        self
    }

    /// One choice more for a column, such as a `discovery_source`.
    pub fn choice(mut self, table: &str, element: &str, value: &str, label: &str) -> Self {
        self.choices.push([table, element, value, label].map(str::to_owned));
        self
    }

    /// The approval policies instead of the stock one (the CAB authorizes, the first answer decides).
    pub fn approval_policies(mut self, policies: impl IntoIterator<Item = ApprovalPolicy>) -> Self {
        self.policies = policies.into_iter().collect();
        self
    }

    /// One record more at the start. It is kept as it is, past all rules; without a `sys_id` it gets one.
    pub fn record(mut self, record: Record) -> Self {
        self.records.push(record);
        self
    }

    /// Starts it. It answers as soon as this returns.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn start(self) -> std::io::Result<Instance> {
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        let mut dictionary = Dictionary::default();
        dictionary.extend(seed::tables::all());
        dictionary.extend(self.tables);
        for (table, column) in self.columns {
            dictionary.add_column(&table, column);
        }
        let mut engine = Engine::new(dictionary, self.properties, self.clock);
        engine.policies = self.policies;
        seed::describe(&mut engine);
        seed::people::add_groups(&mut engine);
        let mut passwords = BTreeMap::new();
        let mut integration = self.integration;
        if let Some(account) = &self.account {
            integration.password = Some(account.password.clone());
        }
        let password = seed::people::add(&mut engine, &integration);
        for person in &self.people {
            let password = seed::people::add(&mut engine, person);
            passwords.insert(person.user_name.clone(), password);
        }
        seed::change::add(&mut engine);
        seed::cmdb::add(&mut engine);
        for [table, element, value, label] in &self.choices {
            seed::add_choice(&mut engine, table, element, value, label);
        }
        engine.refresh_choices();
        for record in self.records {
            seed::add_record(&mut engine, record);
        }
        let account = self.account.unwrap_or_else(|| Account {
            user: integration.user_name.clone(),
            password,
            client_id: engine.fresh_sys_id(),
            client_secret: engine.fresh_sys_id(),
            api_key: format!("now_{}", engine.fresh_sys_id()),
        });
        let user = engine.user(&account.user).map(|user| user.sys_id().to_owned());
        engine.registry.clients.push(Client {
            client_id: account.client_id.clone(),
            client_secret: account.client_secret.clone(),
            user: user.clone(),
        });
        if let Some(user) = user {
            engine.registry.keys.insert(account.api_key.clone(), user);
        }
        let shared = Arc::new(Shared::new(engine));
        let server = tokio::spawn(serve(listener, shared.clone()));
        Ok(Instance { address, shared, account, passwords, server })
    }
}

/// An instance that runs. It is gone when this is dropped.
pub struct Instance {
    address: SocketAddr,
    shared: Arc<Shared>,
    account: Account,
    passwords: BTreeMap<String, String>,
    server: JoinHandle<()>,
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
        format!("http://{}", self.address)
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

    /// The people whose approval is pending somewhere, or who hold `approver_user`: user name and password.
    pub fn approvers(&self) -> Vec<(String, String)> {
        let engine = self.shared.engine();
        self.passwords
            .iter()
            .filter(|(name, _)| {
                let caller = engine.user(name).and_then(|user| engine.caller(user.sys_id()));
                caller.is_some_and(|caller| caller.roles.contains("approver_user"))
            })
            .map(|(name, password)| (name.clone(), password.clone()))
            .collect()
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

    /// Makes every access token that was given out worthless.
    pub fn expire_tokens(&self) {
        self.shared.engine().registry.expire_tokens();
    }
}
