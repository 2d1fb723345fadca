//! A ServiceNow in memory, as far as change requests go: the Table API with its shapes, states that move one at a time,
//! approvals that are asked for after the reply, and replies that can be lost.

mod api;
mod query;
mod rules;
mod work;

use crate::support::NOON;
use serde_json::{Value, json};
use servicenow_plugin::servicenow::datetime;
use servicenow_plugin::transport::Response;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// A record by its columns.
pub type Row = BTreeMap<String, String>;

/// Where a reply is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    Before,
    After,
}

pub struct Instance {
    tables: RefCell<BTreeMap<String, Vec<Row>>>,
    now: Cell<u64>,
    counter: Cell<u64>,
    /// A client's `sys_id` is kept.
    pub keeps_sys_ids: Cell<bool>,
    /// Columns that the user may not read.
    pub hidden: RefCell<Vec<String>>,
    /// Tables that the user may not read.
    pub closed: RefCell<Vec<String>>,
    /// The request, counted from 0, whose reply is lost.
    pub lost: Cell<Option<(usize, Loss)>>,
    /// Nothing is answered.
    pub is_away: Cell<bool>,
    /// The Batch API is there.
    pub has_batch: Cell<bool>,
    /// Conflicts of every change, by type.
    pub conflicts: RefCell<Vec<String>>,
    /// How many times a worker is read before it is done.
    pub worker_reads: Cell<u32>,
    /// What workers say went wrong.
    pub worker_error: RefCell<Option<String>>,
    workers: RefCell<BTreeMap<String, (u32, Option<String>)>>,
    requests: RefCell<Vec<String>>,
}

fn row(pairs: &[(&str, &str)]) -> Row {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What a new change request holds.
fn fresh() -> Row {
    row(&[
        ("type", "normal"),
        ("state", "-5"),
        ("approval", "not requested"),
        ("approval_set", ""),
        ("on_hold", "false"),
        ("on_hold_reason", ""),
        ("start_date", ""),
        ("end_date", ""),
        ("cmdb_ci", ""),
        ("assignment_group", ""),
        ("correlation_id", ""),
        ("correlation_display", ""),
        ("close_code", ""),
        ("close_notes", ""),
        ("work_notes", ""),
    ])
}

impl Instance {
    pub fn new() -> Self {
        let group = row(&[("sys_id", "287ebd7da9fe198100f92cc8d1d2154e"), ("name", "Change Management")]);
        let template = row(&[
            ("sys_id", "92b8544047810200e90d87e8dee490b0"),
            ("sys_name", "Publish golden image"),
            ("current_version", "53b8544047810200e90d87e8dee490c1"),
        ]);
        let tables =
            [("sys_user_group".to_owned(), vec![group]), ("std_change_record_producer".to_owned(), vec![template])];
        Self {
            tables: RefCell::new(tables.into()),
            now: Cell::new(NOON),
            counter: Cell::new(0),
            keeps_sys_ids: Cell::new(true),
            hidden: RefCell::default(),
            closed: RefCell::default(),
            lost: Cell::new(None),
            is_away: Cell::new(false),
            has_batch: Cell::new(true),
            conflicts: RefCell::default(),
            worker_reads: Cell::new(1),
            worker_error: RefCell::default(),
            workers: RefCell::default(),
            requests: RefCell::default(),
        }
    }

    pub fn now(&self) -> u64 {
        self.now.get()
    }

    pub fn advance(&self, by: u64) {
        self.now.set(self.now.get() + by);
    }

    /// What was asked for since the last time, such as `GET change_request`.
    pub fn take_requests(&self) -> Vec<String> {
        self.requests.take()
    }

    pub fn changes(&self) -> Vec<Row> {
        self.rows("change_request")
    }

    pub fn rows(&self, table: &str) -> Vec<Row> {
        self.tables.borrow().get(table).cloned().unwrap_or_default()
    }

    /// The only change request.
    pub fn change(&self) -> Row {
        let mut changes = self.changes();
        assert_eq!(changes.len(), 1, "{changes:#?}");
        changes.remove(0)
    }

    /// A person makes a change request.
    pub fn person_makes(&self, pairs: &[(&str, &str)]) -> Row {
        let made = self.insert("change_request", row(pairs), false).unwrap();
        self.rows("change_request").into_iter().find(|row| row["sys_id"] == made).unwrap()
    }

    /// A person edits every change request.
    pub fn person_edits(&self, pairs: &[(&str, &str)]) {
        for change in self.changes() {
            self.edit(&change["sys_id"], row(pairs));
        }
    }

    /// A person edits one.
    pub fn person_edits_one(&self, id: &str, pairs: &[(&str, &str)]) {
        self.edit(id, row(pairs));
    }

    /// A change request as it is, past all rules.
    pub fn holds(&self, pairs: &[(&str, &str)]) {
        let now = self.time();
        let mut held = fresh();
        held.extend(row(&[("sys_created_on", &now), ("sys_updated_on", &now), ("sys_mod_count", "1")]));
        held.extend(row(pairs));
        self.tables.borrow_mut().entry("change_request".into()).or_default().push(held);
    }

    /// A change request is gone.
    pub fn loses(&self, id: &str) {
        self.tables.borrow_mut().get_mut("change_request").unwrap().retain(|row| row["sys_id"] != id);
    }

    /// The approvers of every change answer, and its flow moves it on.
    pub fn approve(&self) {
        self.answer("approved", "");
        self.person_edits(&[("approval", "approved"), ("state", "-2")]);
    }

    /// A person takes every change back and asks for approval once more.
    pub fn asks_again(&self) {
        self.person_edits(&[("approval", "not requested"), ("state", "-5")]);
        self.person_edits(&[("approval", "requested"), ("state", "-4")]);
    }

    /// They say no, and the change goes back to New.
    pub fn reject(&self, comment: &str) {
        self.answer("rejected", comment);
        self.person_edits(&[("approval", "rejected"), ("state", "-5")]);
    }

    /// The approvers of every change answer, and nothing else happens.
    pub fn answer(&self, state: &str, comment: &str) {
        let updated = self.time();
        let mut tables = self.tables.borrow_mut();
        for (index, approver) in tables.entry("sysapproval_approver".into()).or_default().iter_mut().enumerate() {
            // The first response is enough for a group.
            let (state, comment) = if index % 2 == 0 { (state, comment) } else { ("not_required", "") };
            approver.extend(row(&[("state", state), ("comments", comment), ("sys_updated_on", &updated)]));
        }
    }

    fn time(&self) -> String {
        datetime::text(self.now.get()).unwrap()
    }

    fn next(&self) -> u64 {
        self.counter.set(self.counter.get() + 1);
        self.counter.get()
    }

    fn insert(&self, table: &str, mut values: Row, is_api: bool) -> Result<String, Response> {
        let number = self.next();
        let own = format!("{:032x}", 0xabc_0000 + number);
        let given = values.get("sys_id").cloned().filter(|_| is_api && self.keeps_sys_ids.get());
        let id = given.unwrap_or(own);
        if self.rows(table).iter().any(|row| row["sys_id"] == id) {
            return Err(refusal(403, "Operation Failed", "Unique Key violation detected by database"));
        }
        let mut fresh = fresh();
        if is_api {
            values.remove("state");
        }
        fresh.extend(values);
        let now = self.time();
        fresh.extend(row(&[
            ("sys_id", &id),
            ("number", &format!("CHG{:07}", 30000 + number)),
            ("sys_created_on", &now),
            ("sys_updated_on", &now),
            ("sys_mod_count", "0"),
        ]));
        self.tables.borrow_mut().entry(table.into()).or_default().push(fresh);
        Ok(id)
    }

    fn edit(&self, id: &str, mut values: Row) {
        let now = self.time();
        let mut tables = self.tables.borrow_mut();
        let change = tables.get_mut("change_request").unwrap().iter_mut().find(|row| row["sys_id"] == id).unwrap();
        if let Some(note) = values.remove("work_notes") {
            let notes = format!("{now} - OpenFactory (Work notes)\n{note}\n\n{}", change["work_notes"]);
            change.insert("work_notes".into(), notes);
        }
        // It is stamped with a decision, and cleared otherwise.
        if let Some(approval) = values.get("approval").filter(|approval| **approval != change["approval"]) {
            let is_decided = matches!(approval.as_str(), "approved" | "rejected");
            change.insert("approval_set".into(), if is_decided { now.clone() } else { String::new() });
        }
        change.extend(values);
        let count: u32 = change["sys_mod_count"].parse().unwrap();
        change.extend(row(&[("sys_updated_on", &now), ("sys_mod_count", &(count + 1).to_string())]));
    }

    /// A configuration item.
    pub fn knows(&self, name: &str, class: &str) -> String {
        let id = format!("{:032x}", 0xc1_0000 + self.next());
        let item = row(&[("sys_id", &id), ("name", name), ("sys_class_name", class)]);
        self.tables.borrow_mut().entry("cmdb_ci".into()).or_default().push(item);
        id
    }
}

pub fn reply(status: u16, body: &Value) -> Response {
    let headers = vec![("content-type".to_owned(), "application/json;charset=UTF-8".to_owned())];
    Response { status, headers, body: body.to_string().into_bytes() }
}

fn refusal(status: u16, message: &str, detail: &str) -> Response {
    reply(status, &json!({"error": {"message": message, "detail": detail}, "status": "failure"}))
}

fn missing() -> Response {
    refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
}
