//! An instance to be started: what is special about it.

use super::blueprint::Blueprint;
use super::change::approvals::ApprovalPolicy;
use super::clock::Clock;
use super::engine::Engine;
use super::engine::dictionary::{Column, Table};
use super::engine::record::Record;
use super::faults::Fault;
use super::http::server::{Doors, Shared, serve};
use super::http::tls::Tls;
use super::instance::{Account, Instance};
use super::properties::Properties;
use super::seed::{self, people::Person};
use super::state::{self, StateFile};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;

/// An instance to be started.
#[derive(Debug)]
pub struct Builder {
    listen: SocketAddr,
    clock: Clock,
    integration: Person,
    account: Option<Account>,
    people: Vec<Person>,
    properties: Properties,
    tables: Vec<Table>,
    columns: Vec<(String, Column)>,
    choices: Vec<[String; 4]>,
    policies: Vec<ApprovalPolicy>,
    records: Vec<Record>,
    faults: Vec<Fault>,
    doors: Doors,
    state: Option<PathBuf>,
    tls: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Builder {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            clock: Clock::default(),
            integration: seed::people::integration(),
            account: None,
            people: seed::people::others(),
            properties: Properties::default(),
            tables: Vec::new(),
            columns: Vec::new(),
            choices: Vec::new(),
            policies: seed::change::policies(),
            records: Vec::new(),
            faults: Vec::new(),
            doors: Doors { simulator: false, page: true },
            state: None,
            tls: false,
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

    /// The integration's user, changed: other roles, another time zone.
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

    /// A fault in force from the start.
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Serves `/__sim/` too: faults, requests seen, the clock, a fresh start. No real instance has it, and it asks for
    /// no authentication.
    pub fn simulator_api(mut self, serve: bool) -> Self {
        self.doors.simulator = serve;
        self
    }

    /// Serves the page for people at `/`, as it does unless told otherwise.
    pub fn page(mut self, serve: bool) -> Self {
        self.doors.page = serve;
        self
    }

    /// Speaks TLS, with a certificate made at the start ([`Instance::certificate`]).
    pub fn tls(mut self, speak: bool) -> Self {
        self.tls = speak;
        self
    }

    /// Keeps what it holds in this file, credentials included, and goes on from there at the next start. Of the
    /// builder's own people, records and choices only a new file takes notice.
    pub fn state(mut self, file: impl Into<PathBuf>) -> Self {
        self.state = Some(file.into());
        self
    }

    fn blueprint(self) -> Blueprint {
        let random = || format!("{:032x}", rand::random::<u128>());
        let mut integration = self.integration;
        let account = self.account.unwrap_or_else(|| Account {
            user: integration.user_name.clone(),
            password: integration.password.clone().unwrap_or_else(random),
            client_id: random(),
            client_secret: random(),
            api_key: format!("now_{}", random()),
        });
        integration.password = Some(account.password.clone());
        let mut people = vec![integration];
        people.extend(self.people);
        for person in &mut people {
            person.password.get_or_insert_with(random);
        }
        Blueprint {
            properties: self.properties,
            account,
            people,
            tables: self.tables,
            columns: self.columns,
            choices: self.choices,
            policies: self.policies,
            records: self.records,
        }
    }

    /// Starts it. It answers as soon as this returns.
    ///
    /// # Errors
    /// When it cannot listen there, or its state file cannot be read or written.
    pub async fn start(mut self) -> std::io::Result<Instance> {
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        let (clock, doors, path) = (self.clock.clone(), self.doors, self.state.take());
        let faults = std::mem::take(&mut self.faults);
        let tls = if self.tls { Some(Tls::fresh()?) } else { None };
        let blueprint = self.blueprint();
        let loaded = match &path {
            Some(path) => state::load(path, &blueprint, clock.clone())?,
            None => None,
        };
        let (mut engine, account) = match loaded {
            Some(loaded) => (loaded.engine, loaded.account),
            None => (blueprint.engine(clock), blueprint.account.clone()),
        };
        let state = match &path {
            Some(path) => Some(StateFile::create(path, &engine, &account)?),
            None => None,
        };
        engine.store.record_changes(state.is_some());
        let passwords = passwords(&engine);
        let shared = Arc::new(Shared::new(engine, blueprint, doors, state));
        for fault in faults {
            shared.faults().add(fault);
        }
        let (acceptor, certificate) = tls.map(|tls| (tls.acceptor, tls.certificate)).unzip();
        let server = tokio::spawn(serve(listener, shared.clone(), acceptor));
        Ok(Instance { address, shared, account, passwords, certificate, server })
    }
}

/// Everybody's password by user name.
fn passwords(engine: &Engine) -> BTreeMap<String, String> {
    let users = engine.store.scan(&engine.dictionary, "sys_user").into_iter();
    let told = |user: &Record| Some((user.get("user_name").to_owned(), engine.passwords.get(user.sys_id())?.clone()));
    users.filter_map(told).collect()
}
