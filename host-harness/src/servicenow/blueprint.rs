//! What an instance is made from. It can be made again from the same blueprint, with the same credentials.

use super::change::approvals::ApprovalPolicy;
use super::clock::Clock;
use super::engine::Engine;
use super::engine::dictionary::{Column, Dictionary, Table};
use super::engine::record::Record;
use super::http::oauth::Client;
use super::instance::Account;
use super::properties::Properties;
use super::seed;
use super::seed::people::Person;

/// What an instance is made from.
#[derive(Debug, Clone)]
pub(crate) struct Blueprint {
    pub properties: Properties,
    pub account: Account,
    /// The integration's user first; each with a password.
    pub people: Vec<Person>,
    pub tables: Vec<Table>,
    pub columns: Vec<(String, Column)>,
    pub choices: Vec<[String; 4]>,
    pub policies: Vec<ApprovalPolicy>,
    pub records: Vec<Record>,
}

impl Blueprint {
    /// An administrator whose password is `admin`, and nobody else.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        let word = || "admin".to_owned();
        let account =
            Account { user: word(), password: word(), client_id: word(), client_secret: word(), api_key: word() };
        let admin = Person::new("admin", "Administrator").roles(&["admin"]).password("admin");
        Blueprint {
            properties: Properties::default(),
            account,
            people: vec![admin],
            tables: Vec::new(),
            columns: Vec::new(),
            choices: Vec::new(),
            policies: seed::change::policies(),
            records: Vec::new(),
        }
    }

    /// An instance without any record.
    pub fn bare(&self, clock: Clock) -> Engine {
        let mut dictionary = Dictionary::default();
        dictionary.extend(seed::tables::all());
        dictionary.extend(self.tables.iter().cloned());
        for (table, column) in &self.columns {
            dictionary.add_column(table, column.clone());
        }
        let mut engine = Engine::new(dictionary, self.properties.clone(), clock);
        engine.policies = self.policies.clone();
        engine
    }

    /// A new instance.
    pub fn engine(&self, clock: Clock) -> Engine {
        let mut engine = self.bare(clock);
        seed::describe(&mut engine);
        seed::people::add_groups(&mut engine);
        for person in &self.people {
            seed::people::add(&mut engine, person);
        }
        seed::change::add(&mut engine);
        seed::cmdb::add(&mut engine);
        for [table, element, value, label] in &self.choices {
            seed::add_choice(&mut engine, table, element, value, label);
        }
        engine.refresh_choices();
        for record in &self.records {
            seed::add_record(&mut engine, record.clone());
        }
        self.register(&mut engine, &self.account);
        engine
    }

    /// Registers the integration's OAuth client and API key.
    pub fn register(&self, engine: &mut Engine, account: &Account) {
        let user = engine.user(&account.user).map(|user| user.sys_id().to_owned());
        engine.registry.clients.push(Client {
            client_id: account.client_id.clone(),
            client_secret: account.client_secret.clone(),
            user: user.clone(),
        });
        if let Some(user) = user {
            engine.registry.keys.insert(account.api_key.clone(), user);
        }
    }
}
