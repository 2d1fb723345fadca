//! The instance behind its APIs: tables, records, who may do what to them, and the rules that run when they change.

pub mod caller;
pub mod dictionary;
pub mod display;
pub mod filter;
pub mod query;
pub mod record;
pub mod refusal;
pub mod script;
pub mod store;
pub mod write;

use crate::servicenow::change::approvals::ApprovalPolicy;
use crate::servicenow::change::flow::Flow;
use crate::servicenow::change::worker::Worker;
use crate::servicenow::clock::{Clock, database_time};
use crate::servicenow::http::limit::Counts;
use crate::servicenow::http::oauth::Registry;
use crate::servicenow::properties::Properties;
use bytes::Bytes;
use caller::Caller;
use dictionary::{Column, Dictionary, Kind};
use filter::Filter;
use jiff::tz::TimeZone;
use query::Query;
use record::Record;
use refusal::Refusal;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use store::Store;

/// The choices of columns, by table and element, as (value, label) in order.
type Choices = HashMap<(String, String), Vec<(String, String)>>;

/// An instance's whole state. One request at a time works on it.
pub struct Engine {
    /// The tables there are.
    pub dictionary: Dictionary,
    /// Their records.
    pub store: Store,
    /// The instance's switches.
    pub properties: Properties,
    /// The instance's clock.
    pub clock: Clock,
    /// How changes come by their approvals.
    pub policies: Vec<ApprovalPolicy>,
    /// What flows have still to do.
    pub flows: VecDeque<Flow>,
    /// Work that the Change Management API answers with 202.
    pub workers: BTreeMap<String, Worker>,
    /// Clients, tokens and keys.
    pub registry: Registry,
    /// Passwords by user `sys_id`.
    pub passwords: HashMap<String, String>,
    /// What is attached, by attachment `sys_id`.
    pub contents: HashMap<String, Bytes>,
    /// Requests counted under rate-limit rules.
    pub rates: Counts,
    /// Queries behind tiny URLs, by token.
    pub tiny_urls: HashMap<String, String>,
    /// Rows of a table, by an encoded query, that ACLs hide for now.
    pub hidden: Option<(String, String)>,
    choices: Choices,
    numbers: HashMap<String, u64>,
}

impl Engine {
    /// An instance with these tables and no records.
    pub fn new(dictionary: Dictionary, properties: Properties, clock: Clock) -> Self {
        Engine {
            dictionary,
            store: Store::default(),
            properties,
            clock,
            policies: Vec::new(),
            flows: VecDeque::new(),
            workers: BTreeMap::new(),
            registry: Registry::default(),
            passwords: HashMap::new(),
            contents: HashMap::new(),
            rates: Counts::default(),
            tiny_urls: HashMap::new(),
            hidden: None,
            choices: HashMap::new(),
            numbers: HashMap::new(),
        }
    }

    /// The present moment as the database keeps it.
    pub fn now(&self) -> String {
        database_time(self.clock.now())
    }

    /// A `sys_id` that nothing has: 32 lower-case hexadecimal digits.
    pub fn fresh_sys_id(&self) -> String {
        format!("{:032x}", rand::random::<u128>())
    }

    /// The next number of a table.
    pub fn next_number(&mut self, prefix: &str) -> String {
        let first = if prefix == "CHG" { 30_000 } else { 10_000 };
        let number = self.numbers.entry(prefix.to_owned()).or_insert(first);
        *number += 1;
        format!("{prefix}{number:07}")
    }

    /// Raises a table's counter so that the number of a record that was kept is not given again.
    pub fn keep_number(&mut self, prefix: &str, number: &str) {
        if let Some(used) = number.strip_prefix(prefix).and_then(|digits| digits.parse::<u64>().ok()) {
            let next = self.numbers.entry(prefix.to_owned()).or_insert(used);
            *next = used.max(*next);
        }
    }

    /// A record, without regard to who asks.
    pub fn get(&self, table: &str, sys_id: &str) -> Option<&Record> {
        self.store.get(&self.dictionary, table, sys_id)
    }

    /// The records of a table whose column has a value, without regard to who asks.
    pub fn having(&self, table: &str, column: &str, value: &str) -> Vec<&Record> {
        self.store.lookup(&self.dictionary, table, column, value).unwrap_or_else(|| {
            let rows = self.store.scan(&self.dictionary, table);
            rows.into_iter().filter(|record| record.get(column) == value).collect()
        })
    }

    /// Looks for records by an encoded query, without regard to who asks.
    pub fn find(&self, table: &str, query: &str) -> Vec<&Record> {
        match Filter::new(self, &Caller::system(), table, &Query::parse(query)) {
            Ok(filter) => filter.find(self),
            Err(_) => Vec::new(),
        }
    }

    /// Whether an encoded query finds a record.
    pub fn matches(&self, record: &Record, table: &str, query: &str) -> bool {
        Filter::new(self, &Caller::system(), table, &Query::parse(query))
            .is_ok_and(|filter| filter.matches(self, record))
    }

    /// The user of this name.
    pub fn user(&self, user_name: &str) -> Option<&Record> {
        self.store.scan(&self.dictionary, "sys_user").into_iter().find(|user| user.get("user_name") == user_name)
    }

    /// The user as a caller; none where the account is locked or not active.
    pub fn caller(&self, sys_id: &str) -> Option<Caller> {
        let user = self.get("sys_user", sys_id)?;
        if !user.is("active") || user.is("locked_out") {
            return None;
        }
        let zone_name = match user.get("time_zone") {
            "" => self.properties.time_zone.as_str(),
            zone => zone,
        };
        let date = strftime(user.get("date_format")).unwrap_or_else(|| "%Y-%m-%d".into());
        let time = strftime(user.get("time_format")).unwrap_or_else(|| "%H:%M:%S".into());
        Some(Caller {
            sys_id: user.sys_id().to_owned(),
            user_name: user.get("user_name").to_owned(),
            name: user.get("name").to_owned(),
            roles: self.roles_of(user.sys_id()),
            zone: TimeZone::get(zone_name).unwrap_or(TimeZone::UTC),
            zone_name: zone_name.to_owned(),
            format: format!("{date} {time}"),
            system: false,
        })
    }

    fn roles_of(&self, user: &str) -> BTreeSet<String> {
        self.store
            .scan(&self.dictionary, "sys_user_has_role")
            .into_iter()
            .filter(|row| row.get("user") == user)
            .filter_map(|row| self.get("sys_user_role", row.get("role")))
            .map(|role| role.get("name").to_owned())
            .collect()
    }

    /// The members of a group, as `sys_id`s of users.
    pub fn members_of(&self, group: &str) -> Vec<String> {
        self.store
            .scan(&self.dictionary, "sys_user_grmember")
            .into_iter()
            .filter(|row| row.get("group") == group)
            .map(|row| row.get("user").to_owned())
            .collect()
    }

    /// Whether a user answers for another's approvals at present.
    pub fn is_delegate(&self, user: &str, delegate: &str) -> bool {
        let now = self.now();
        self.store.scan(&self.dictionary, "sys_user_delegate").into_iter().any(|row| {
            row.get("user") == user
                && row.get("delegate") == delegate
                && row.is("approvals")
                && (row.lacks("starts") || row.get("starts") <= now.as_str())
                && (row.lacks("ends") || row.get("ends") >= now.as_str())
        })
    }

    /// The choices of a column: those of the record's own table, else of the nearest table that it extends.
    pub fn choices_of(&self, table: &str, element: &str) -> Option<&Vec<(String, String)>> {
        self.dictionary
            .ancestry(table)
            .into_iter()
            .find_map(|table| self.choices.get(&(table.name.clone(), element.to_owned())))
    }

    /// Reads the choices again, after `sys_choice` has changed.
    pub fn refresh_choices(&mut self) {
        let mut choices = Choices::new();
        let mut rows = self.store.scan(&self.dictionary, "sys_choice");
        rows.sort_by_key(|row| row.get("sequence").parse::<i64>().unwrap_or_default());
        for row in rows {
            let of = choices.entry((row.get("name").to_owned(), row.get("element").to_owned())).or_default();
            if !row.is("inactive") && row.get("language") == "en" {
                of.push((row.get("value").to_owned(), row.get("label").to_owned()));
            }
        }
        self.choices = choices;
    }

    /// Adds the column that a row of `sys_dictionary` describes, unless it is there.
    pub fn learn(&mut self, row: &Record) {
        let (table, element) = (row.get("name"), row.get("element"));
        if element.is_empty() || self.dictionary.column(table, element).is_some() {
            return;
        }
        // A reference needs a table that is there; anything unknown is text.
        let target = self.dictionary.table(row.get("reference")).map(|table| table.name.clone());
        let kind = match (row.get("internal_type"), target) {
            ("integer", _) => Kind::Integer,
            ("boolean", _) => Kind::Boolean,
            ("glide_date_time", _) => Kind::DateTime,
            ("glide_date", _) => Kind::Date,
            ("journal_input" | "journal", _) => Kind::Journal,
            ("reference", Some(target)) => Kind::Reference(target.into()),
            _ => Kind::String,
        };
        let mut column = Column::new(element, row.get("column_label"), kind).default(row.get("default_value"));
        column.max_length = row.get("max_length").parse().unwrap_or(column.max_length);
        column.read_only = row.is("read_only");
        column.choice = row.get("choice") == "1";
        let table = table.to_owned();
        self.dictionary.add_column(&table, column);
    }

    /// Takes up what the records say of the instance itself, after they were read from a file.
    pub fn relearn(&mut self) {
        let rows: Vec<Record> = self.store.scan(&self.dictionary, "sys_dictionary").into_iter().cloned().collect();
        for row in rows {
            self.learn(&row);
        }
        self.refresh_choices();
        let numbers: Vec<(&'static str, String)> = self
            .store
            .all()
            .into_iter()
            .filter_map(|record| Some((self.dictionary.prefix(record.table())?, record.get("number").to_owned())))
            .collect();
        for (prefix, number) in numbers {
            self.keep_number(prefix, &number);
        }
    }

    /// Whether a caller may read a record at all.
    pub fn may_read(&self, caller: &Caller, record: &Record) -> bool {
        if caller.admin() {
            return true;
        }
        if let Some((table, query)) = &self.hidden
            && self.dictionary.is_a(record.table(), table)
            && self.matches(record, table, query)
        {
            return false;
        }
        let mine = |columns: &[&str]| columns.iter().any(|column| record.get(column) == caller.sys_id);
        match record.table() {
            "incident" if !caller.is_granted(crate::servicenow::seed::tables::SEES_ALL_INCIDENTS) => {
                mine(&["caller_id", "opened_by"])
            }
            "sysapproval_approver" => caller.has(&["itil"]) || mine(&["approver"]),
            "sys_attachment" => self
                .get(record.get("table_name"), record.get("table_sys_id"))
                .is_none_or(|target| self.may_read(caller, target)),
            table => caller.is_granted(self.dictionary.access(table).read),
        }
    }

    /// The table, or the error that there is no such one.
    pub fn known_table(&self, table: &str) -> Result<(), Refusal> {
        match self.dictionary.table(table) {
            Some(_) => Ok(()),
            None => Err(Refusal::InvalidTable(table.to_owned())),
        }
    }
}

/// A Java date format as strftime writes it; none for an empty one.
fn strftime(format: &str) -> Option<String> {
    if format.is_empty() {
        return None;
    }
    Some(
        format
            // A per cent sign would begin a directive, and one that there is not cannot be written.
            .replace('%', "")
            .replace("yyyy", "%Y")
            .replace("MM", "%m")
            .replace("dd", "%d")
            .replace("HH", "%H")
            .replace("hh", "%I")
            .replace("mm", "%M")
            .replace("ss", "%S")
            .replace(" a", " %p"),
    )
}
