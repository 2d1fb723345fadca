//! Writing: what a caller sent becomes a record, through ACLs, choices, lengths, rules and policies, in that order.

use super::Engine;
use super::caller::Caller;
use super::dictionary::{Column, Kind};
use super::record::Record;
use super::refusal::{Operation, Refusal};
use crate::servicenow::clock::{database_time, parse_civil};
use crate::servicenow::state::Change;
use crate::servicenow::{change, cmdb, incident};

/// Which door a write comes through; they differ in what they forgive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// The Table API.
    Table,
    /// The Change Management API, which keeps values that are no choices and knows states by name.
    Change,
    /// Identification and reconciliation, and the CMDB Instance API.
    Cmdb,
    /// The instance's own rules and flows.
    System,
}

/// How to take what was sent.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The door.
    pub api: Api,
    /// `sysparm_input_display_value`: labels, names and times as the caller sees them.
    pub display_input: bool,
    /// `sysparm_suppress_auto_sys_field`: the caller sets `sys_created_on` and its like.
    pub suppress_auto_sys_fields: bool,
}

impl Options {
    /// Plain values through this door.
    pub fn through(api: Api) -> Self {
        Options { api, display_input: false, suppress_auto_sys_fields: false }
    }
}

/// The values that a caller sent, by column.
pub type Values = Vec<(String, String)>;

/// What a write made of the values.
#[derive(Debug)]
pub struct Written {
    /// The record after all rules that run before the reply.
    pub record: Record,
    /// The names that no column of the record has, or that the caller may not write.
    pub ignored: Vec<String>,
}

/// An entry for a journal, not written yet.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The journal.
    pub element: String,
    /// What it says.
    pub text: String,
}

/// The columns that the instance sets by itself.
const AUTOMATIC: &[&str] = &["sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count"];

impl Engine {
    /// Inserts a record for a caller.
    pub fn insert(
        &mut self,
        caller: &Caller,
        table: &str,
        values: &Values,
        options: Options,
    ) -> Result<Written, Refusal> {
        self.known_table(table)?;
        if !caller.is_granted(self.dictionary.access(table).create) {
            return Err(Refusal::Acl(Operation::Insert));
        }
        let mut record = Record::new(table);
        for column in self.dictionary.columns(table) {
            record.set(&column.element, column.default.as_str());
        }
        let (ignored, entries) = self.assign(caller, &mut record, values, options)?;
        let sys_id = self.sys_id_for(caller, table, values)?;
        record.set("sys_id", sys_id);
        if self.dictionary.column(table, "sys_class_name").is_some() {
            record.set("sys_class_name", table);
        }
        if record.lacks("number")
            && self.dictionary.column(table, "number").is_some()
            && let Some(prefix) = self.dictionary.prefix(table)
        {
            let number = self.next_number(prefix);
            record.set("number", number);
        }
        self.before(caller, None, &mut record, options.api, values)?;
        let now = self.now();
        record.set("sys_created_on", now.as_str());
        record.set("sys_created_by", caller.user_name.as_str());
        record.set("sys_updated_on", now.as_str());
        record.set("sys_updated_by", caller.user_name.as_str());
        record.set("sys_mod_count", "0");
        self.automatic(caller, &mut record, values, options);
        self.store.put(&self.dictionary, record.clone());
        self.write_entries(caller, &record, entries);
        self.after(caller, None, &record)?;
        self.settle(&record, ignored)
    }

    /// Updates a record for a caller.
    pub fn update(
        &mut self,
        caller: &Caller,
        table: &str,
        sys_id: &str,
        values: &Values,
        options: Options,
    ) -> Result<Written, Refusal> {
        self.known_table(table)?;
        let before = self.get(table, sys_id).filter(|record| self.may_read(caller, record)).cloned();
        let before = before.ok_or(Refusal::NoRecord)?;
        if !self.may_write(caller, &before) {
            return Err(Refusal::Acl(Operation::Update));
        }
        let mut record = before.clone();
        let (ignored, entries) = self.assign(caller, &mut record, values, options)?;
        self.before(caller, Some(&before), &mut record, options.api, values)?;
        self.commit(caller, &before, record, entries, values, options)?;
        let record = self.get(table, sys_id).cloned().ok_or(Refusal::NoRecord)?;
        self.settle(&record, ignored)
    }

    /// Deletes a record for a caller.
    pub fn delete(&mut self, caller: &Caller, table: &str, sys_id: &str) -> Result<Record, Refusal> {
        self.known_table(table)?;
        let record = self.get(table, sys_id).filter(|record| self.may_read(caller, record)).cloned();
        let record = record.ok_or(Refusal::NoRecord)?;
        let allowed = match record.table() {
            "sys_attachment" => self.may_write(caller, &record),
            class => caller.is_granted(self.dictionary.access(class).delete),
        };
        if !allowed {
            return Err(Refusal::Acl(Operation::Delete));
        }
        self.erase(record.table().to_owned().as_str(), sys_id);
        Ok(record)
    }

    /// Removes a record with what hangs on it: attachments, approvals, affected CIs, relations.
    fn erase(&mut self, table: &str, sys_id: &str) {
        self.store.remove(&self.dictionary, table, sys_id);
        self.contents.remove(sys_id);
        for (child, column) in [
            ("sys_attachment", "table_sys_id"),
            ("sysapproval_approver", "sysapproval"),
            ("task_ci", "task"),
            ("cmdb_rel_ci", "parent"),
            ("cmdb_rel_ci", "child"),
        ] {
            let orphans: Vec<String> =
                self.having(child, column, sys_id).into_iter().map(|row| row.sys_id().to_owned()).collect();
            for orphan in orphans {
                self.store.remove(&self.dictionary, child, &orphan);
                self.contents.remove(&orphan);
            }
        }
        if table == "sys_choice" {
            self.refresh_choices();
        }
    }

    /// Changes a record as the instance itself: its rules and flows write past ACLs and state checks.
    pub fn alter(&mut self, caller: &Caller, record: Record, entries: Vec<Entry>) -> Result<(), Refusal> {
        let Some(before) = self.get(record.table(), record.sys_id()).cloned() else {
            return Ok(());
        };
        self.commit(caller, &before, record, entries, &Values::new(), Options::through(Api::System))
    }

    /// Inserts a record as the instance itself.
    pub fn create(&mut self, caller: &Caller, table: &str, values: &[(&str, &str)]) -> Result<Record, Refusal> {
        let system = Caller { system: true, ..caller.clone() };
        let values = values.iter().map(|(element, value)| ((*element).to_owned(), (*value).to_owned())).collect();
        Ok(self.insert(&system, table, &values, Options::through(Api::System))?.record)
    }

    fn commit(
        &mut self,
        caller: &Caller,
        before: &Record,
        mut record: Record,
        entries: Vec<Entry>,
        values: &Values,
        options: Options,
    ) -> Result<(), Refusal> {
        if record == *before && entries.is_empty() {
            return Ok(());
        }
        let count = before.get("sys_mod_count").parse::<u64>().unwrap_or_default();
        record.set("sys_mod_count", count.saturating_add(1).to_string());
        record.set("sys_updated_on", self.now());
        record.set("sys_updated_by", caller.user_name.as_str());
        self.automatic(caller, &mut record, values, options);
        self.store.put(&self.dictionary, record.clone());
        self.write_entries(caller, &record, entries);
        self.after(caller, Some(before), &record)
    }

    fn settle(&mut self, record: &Record, ignored: Vec<String>) -> Result<Written, Refusal> {
        if !self.properties.flows_after_reply {
            self.run_flows();
        }
        let record = self.get(record.table(), record.sys_id()).cloned().unwrap_or_else(|| record.clone());
        Ok(Written { record, ignored })
    }

    /// Whether a caller may write a record at all.
    pub fn may_write(&self, caller: &Caller, record: &Record) -> bool {
        if caller.admin() {
            return true;
        }
        let granted = caller.is_granted(self.dictionary.access(record.table()).write);
        match record.table() {
            "sysapproval_approver" => {
                let approver = record.get("approver");
                granted && (approver == caller.sys_id || self.is_delegate(approver, &caller.sys_id))
            }
            "sys_attachment" => self
                .get(record.get("table_name"), record.get("table_sys_id"))
                .is_none_or(|target| self.may_write(caller, target)),
            _ => granted,
        }
    }

    fn sys_id_for(&self, caller: &Caller, table: &str, values: &Values) -> Result<String, Refusal> {
        let given = values.iter().find(|(element, _)| element == "sys_id").map(|(_, value)| value.as_str());
        let honoured = !self.properties.admin_only_sys_fields || caller.admin();
        match given {
            Some(given) if honoured && given.len() == 32 && given.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                if self.store.holds(&self.dictionary, table, given) {
                    return Err(Refusal::UniqueKey);
                }
                Ok(given.to_owned())
            }
            _ => Ok(self.fresh_sys_id()),
        }
    }

    fn automatic(&self, caller: &Caller, record: &mut Record, values: &Values, options: Options) {
        let honoured = options.suppress_auto_sys_fields && (!self.properties.admin_only_sys_fields || caller.admin());
        if honoured {
            for (element, value) in values.iter().filter(|(element, _)| AUTOMATIC.contains(&element.as_str())) {
                record.set(element, value.as_str());
            }
        }
    }

    /// Puts the values into the record; tells which names were ignored and what is to go into journals.
    fn assign(
        &self,
        caller: &Caller,
        record: &mut Record,
        values: &Values,
        options: Options,
    ) -> Result<(Vec<String>, Vec<Entry>), Refusal> {
        let mut ignored = Vec::new();
        let mut entries = Vec::new();
        let table = record.table().to_owned();
        for (element, value) in values {
            if element == "sys_id" || AUTOMATIC.contains(&element.as_str()) {
                continue;
            }
            let column = self.dictionary.column(&table, element);
            let Some(column) = column.filter(|column| caller.may_write_column(column)) else {
                ignored.push(element.clone());
                continue;
            };
            if column.kind == Kind::Journal {
                if !value.is_empty() {
                    entries.push(Entry { element: element.clone(), text: value.clone() });
                }
                continue;
            }
            let value = self.taken(caller, &table, column, value, options)?;
            record.set(element, value);
        }
        Ok((ignored, entries))
    }

    /// What is kept of a value that was sent for a column.
    fn taken(
        &self,
        caller: &Caller,
        table: &str,
        column: &Column,
        value: &str,
        options: Options,
    ) -> Result<String, Refusal> {
        if value.is_empty() {
            return Ok(String::new());
        }
        let by_label = options.display_input || (options.api == Api::Change && column.element == "state");
        if column.choice {
            let choices = self.choices_of(table, &column.element).map(Vec::as_slice).unwrap_or_default();
            if by_label && let Some(choice) = choices.iter().find(|choice| choice.1.eq_ignore_ascii_case(value)) {
                return Ok(choice.0.clone());
            }
            let known = choices.iter().any(|choice| choice.0 == value);
            let forgiving = options.api != Api::Table || self.properties.allow_non_existing_choice_value;
            if !known && !forgiving {
                return Ok(String::new());
            }
        }
        Ok(match &column.kind {
            Kind::Integer => match value.trim().parse::<f64>() {
                Ok(number) if number.is_finite() => format!("{}", number.trunc()),
                _ => String::new(),
            },
            Kind::Boolean => matches!(value, "true" | "1" | "True" | "TRUE" | "yes").to_string(),
            Kind::Reference(target) if options.display_input => match self.store.holds(&self.dictionary, target, value)
            {
                true => value.to_owned(),
                false => {
                    let display = self.dictionary.display_column(target).unwrap_or("sys_id").to_owned();
                    let found = self.having(target, &display, value);
                    found.first().map(|record| record.sys_id().to_owned()).unwrap_or_default()
                }
            },
            Kind::DateTime if options.display_input => match parse_civil(value) {
                Some(at) => {
                    caller.zone.to_zoned_datetime(at).map(|at| database_time(at.timestamp())).unwrap_or_default()
                }
                None => String::new(),
            },
            Kind::DateTime => match parse_civil(value) {
                Some(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                None => String::new(),
            },
            Kind::Date => match parse_civil(value) {
                Some(at) => at.date().to_string(),
                None => String::new(),
            },
            Kind::String if column.max_length <= 255 && value.chars().count() > column.max_length => {
                if !self.properties.truncate_long_text {
                    return Err(Refusal::invalid(format!("Data too long for column '{}'", column.element)));
                }
                value.chars().take(column.max_length).collect()
            }
            _ => value.to_owned(),
        })
    }

    fn write_entries(&mut self, caller: &Caller, record: &Record, entries: Vec<Entry>) {
        for entry in entries {
            let now = self.now();
            let row = Record::new("sys_journal_field")
                .with("sys_id", self.fresh_sys_id())
                .with("name", record.table())
                .with("element", entry.element)
                .with("element_id", record.sys_id())
                .with("value", entry.text)
                .with("sys_created_on", now.as_str())
                .with("sys_created_by", caller.user_name.as_str());
            self.store.put(&self.dictionary, row);
        }
    }

    /// The rules that run before a record is kept; they may change or refuse it.
    fn before(
        &mut self,
        caller: &Caller,
        before: Option<&Record>,
        record: &mut Record,
        api: Api,
        values: &Values,
    ) -> Result<(), Refusal> {
        if self.dictionary.is_a(record.table(), "task") && before.is_none() {
            let now = self.now();
            record.set("opened_at", now);
            if record.lacks("opened_by") {
                record.set("opened_by", caller.sys_id.as_str());
            }
        }
        match record.table() {
            "incident" => incident::before(self, caller, before, record)?,
            "change_request" => change::rules::before(self, caller, before, record, api, values)?,
            "change_task" => change::rules::before_task(self, before, record),
            "sysapproval_approver" => change::approvals::before(caller, before, record, values)?,
            class if self.dictionary.is_a(class, "cmdb_ci") => cmdb::rules::before(self, before, record),
            _ => {}
        }
        Ok(())
    }

    /// The rules that run after a record was kept.
    fn after(&mut self, caller: &Caller, before: Option<&Record>, record: &Record) -> Result<(), Refusal> {
        match record.table() {
            "change_request" => change::rules::after(self, caller, before, record)?,
            "sysapproval_approver" => change::approvals::after(self, caller, before, record),
            "sys_choice" => self.refresh_choices(),
            "sys_dictionary" => self.learn(record),
            "sys_user" if !record.lacks("user_password") => {
                let (sys_id, password) = (record.sys_id().to_owned(), record.get("user_password").to_owned());
                self.store.note(|| Change::Password { sys_id: sys_id.clone(), password: password.clone() });
                self.passwords.insert(sys_id, password);
                let cipher = format!("{:064x}", rand::random::<u128>());
                let hidden = record.clone().with("user_password", cipher);
                if before.is_none_or(|before| before.get("user_password") != record.get("user_password")) {
                    self.store.put(&self.dictionary, hidden);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
