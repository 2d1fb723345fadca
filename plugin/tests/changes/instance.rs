//! A ServiceNow in memory, as far as change requests go: the Table API with its shapes, states that move one at a time,
//! approvals that are asked for after the reply, and replies that can be lost.

use crate::support::{HOUR, NOON};
use serde_json::{Value, json};
use servicenow_plugin::servicenow::datetime;
use servicenow_plugin::transport::{Method, Request, Response, SendError, Transport};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};

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
        change.extend(values);
        let count: u32 = change["sys_mod_count"].parse().unwrap();
        change.extend(row(&[("sys_updated_on", &now), ("sys_mod_count", &(count + 1).to_string())]));
    }

    /// A write by the API, within the rules of the model.
    fn write(&self, id: &str, values: Row) -> Result<(), Response> {
        let rows = self.changes();
        let change = rows.iter().find(|row| row["sys_id"] == id).ok_or_else(missing)?;
        if let Some(to) = values.get("state") {
            let path: &[&str] = match change["type"].as_str() {
                "standard" => &["-5", "-2", "-1", "0", "3"],
                "emergency" => &["-5", "-3", "-2", "-1", "0", "3"],
                _ => &["-5", "-4", "-3", "-2", "-1", "0", "3"],
            };
            let from = path.iter().position(|state| *state == change["state"]);
            let is_next = from.is_some_and(|at| path.get(at + 1) == Some(&to.as_str()));
            let is_cancel = to == "4" && ["-5", "-4", "-3", "-2", "-1"].contains(&change["state"].as_str());
            let is_closed_well = to != "3" || values.contains_key("close_code") && values.contains_key("close_notes");
            let has_group = to == "4" || !change["assignment_group"].is_empty();
            if !(is_next || is_cancel) || !is_closed_well || !has_group || change["on_hold"] == "true" && !is_cancel {
                return Err(refusal(
                    403,
                    "Operation Failed",
                    "Operation against file 'change_request' was aborted by Business Rule 'Change Model: Check State Transition^b6'.",
                ));
            }
        }
        self.edit(id, values);
        Ok(())
    }

    /// A configuration item.
    pub fn knows(&self, name: &str, class: &str) -> String {
        let id = format!("{:032x}", 0xc1_0000 + self.next());
        let item = row(&[("sys_id", &id), ("name", name), ("sys_class_name", class)]);
        self.tables.borrow_mut().entry("cmdb_ci".into()).or_default().push(item);
        id
    }

    /// Begins work in the background; `slot_of` is the change that it plans.
    fn begin(&self, slot_of: Option<String>) -> Response {
        let id = format!("{:032x}", 0xf4_0000 + self.next());
        self.workers.borrow_mut().insert(id.clone(), (self.worker_reads.get(), slot_of));
        reply(202, &json!({"result": {"worker": {"sysId": id}, "state": {"value": 1, "display_value": "Waiting"}}}))
    }

    fn work(&self, id: &str) -> Response {
        let mut workers = self.workers.borrow_mut();
        let Some((reads, slot_of)) = workers.get_mut(id) else { return missing() };
        *reads = reads.saturating_sub(1);
        let error = self.worker_error.borrow().clone();
        let state = match (*reads, &error) {
            (0, None) => 3,
            (0, Some(_)) => 4,
            _ => 2,
        };
        if let Some(change) = slot_of.take_if(|_| state == 3) {
            let times = [self.now.get() + 2 * HOUR, self.now.get() + 3 * HOUR];
            let [start, end] = times.map(|time| datetime::text(time).unwrap());
            self.edit(&change, row(&[("start_date", &start), ("end_date", &end)]));
        }
        let messages = json!({"errorMessages": error.iter().collect::<Vec<_>>()});
        reply(200, &json!({"result": {"worker": {"sysId": id}, "state": {"value": state}, "messages": messages}}))
    }

    fn attach(&self, change: &str, body: &Value) -> Response {
        for item in body["cmdb_ci_sys_ids"].as_array().unwrap() {
            let id = format!("{:032x}", 0xaa_0000 + self.next());
            let made = row(&[("sys_id", &id), ("task", change), ("ci_item", item.as_str().unwrap())]);
            self.tables.borrow_mut().entry("task_ci".into()).or_default().push(made);
        }
        self.begin(None)
    }

    fn batch(&self, body: &Value) -> Response {
        if !self.has_batch.get() {
            return refusal(400, "Requested URI does not represent any resource", "/api/now/v1/batch");
        }
        let serve = |one: &Value| {
            let target = one["url"].as_str().unwrap().to_owned();
            let served = self.serve(&Request { method: Method::Get, target, content_type: None, body: Vec::new() });
            json!({"id": one["id"], "status_code": served.status, "body": encode(&served.body)})
        };
        let served: Vec<Value> = body["rest_requests"].as_array().unwrap().iter().map(serve).collect();
        reply(200, &json!({"batch_request_id": "1", "serviced_requests": served, "unserviced_requests": []}))
    }

    /// What an instance's flows do after its reply.
    fn run_flows(&self, id: &str) {
        let Some(change) = self.changes().into_iter().find(|row| row["sys_id"] == id) else { return };
        let asks = ["-4", "-3"].contains(&change["state"].as_str()) && change["approval"] == "not requested";
        if asks {
            self.edit(id, row(&[("approval", "requested")]));
            for approver in ["Ann Lee", "Bob Ray"] {
                let now = self.time();
                let id_of = format!("{:032x}", 0xdef_0000 + self.next());
                let made = row(&[
                    ("sys_id", &id_of),
                    ("sysapproval", id),
                    ("approver", approver),
                    ("state", "requested"),
                    ("comments", ""),
                    ("group.assignment_group", "CAB Approval"),
                    ("sys_created_on", &now),
                    ("sys_updated_on", &now),
                ]);
                self.tables.borrow_mut().entry("sysapproval_approver".into()).or_default().push(made);
            }
        }
    }

    fn serve(&self, request: &Request) -> Response {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let parameters: BTreeMap<&str, String> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name, decode(value)))
            .collect();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let texts = body.as_object().into_iter().flatten();
        let texts = texts.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
        let values: Row = texts.collect();
        let segments: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
        match (request.method, segments.as_slice()) {
            (Method::Post, ["now", "table", table]) => match self.insert(table, values, true) {
                Ok(id) => self.one(table, &id, &parameters, 201),
                Err(refused) => refused,
            },
            (Method::Get, ["now", "table", table]) => self.list(table, &parameters),
            (Method::Get, ["now", "table", table, id]) => self.one(table, id, &parameters, 200),
            (Method::Patch, ["now", "table", "change_request", id]) => match self.write(id, values) {
                Ok(()) => {
                    let reply = self.one("change_request", id, &parameters, 200);
                    self.run_flows(id);
                    reply
                }
                Err(refused) => refused,
            },
            (Method::Post, ["now", "v1", "batch"]) => self.batch(&body),
            (Method::Post, ["sn_chg_rest", "change", id, "ci"]) => self.attach(id, &body),
            (Method::Patch, ["sn_chg_rest", "change", id, "schedule", "first_available"]) => {
                self.begin(Some((*id).to_owned()))
            }
            (Method::Get, ["sn_chg_rest", "change", "worker", id]) => self.work(id),
            (Method::Post, ["sn_chg_rest", "change", _, "conflict"]) => reply(200, &json!({"result": "process"})),
            (Method::Get, ["sn_chg_rest", "change", _, "conflict"]) => {
                let shown = |kind: &String| json!({"type": {"display_value": kind, "value": "x"}, "configuration_item": {"display_value": "web-01", "value": "y"}});
                let conflicts: Vec<Value> = self.conflicts.borrow().iter().map(shown).collect();
                reply(200, &json!({"result": {"status": "Conflict", "conflicts": conflicts}}))
            }
            (Method::Get, ["sn_chg_rest", "change", _, "nextstates"]) => {
                let conditions = json!([{"passed": false, "condition": {"name": "Not On hold"}}]);
                let to = |state: &str| json!([{"to_state": state, "transition_available": false, "automatic_transition": false, "conditions": conditions}]);
                let transitions: Vec<Value> = ["-4", "-3", "-2", "-1", "0", "3"].map(to).into();
                reply(200, &json!({"result": {"state_transitions": transitions}}))
            }
            _ => refusal(400, "Requested URI does not represent any resource", path),
        }
    }

    fn one(&self, table: &str, id: &str, parameters: &BTreeMap<&str, String>, status: u16) -> Response {
        let tables = self.tables.borrow();
        match tables.get(table).into_iter().flatten().find(|row| row["sys_id"] == id) {
            Some(row) => reply(status, &json!({"result": self.shown(row, parameters)})),
            None => missing(),
        }
    }

    fn list(&self, table: &str, parameters: &BTreeMap<&str, String>) -> Response {
        let empty = String::new();
        let query = parameters.get("sysparm_query").unwrap_or(&empty);
        let (filters, orders) = match query.find("^ORDERBY") {
            Some(at) => query.split_at(at),
            None => (query.as_str(), ""),
        };
        let tables = self.tables.borrow();
        let all = tables.get(table).map(Vec::as_slice).unwrap_or_default();
        let columns = all.first();
        let segments: Vec<Vec<Term>> = filters
            .split("^NQ")
            .map(|segment| segment.split('^').filter_map(|term| Term::parse(term, columns?)).collect())
            .collect();
        let is_match = |row: &&Row| segments.iter().any(|terms| terms.iter().all(|term| term.holds(row)));
        let mut rows: Vec<&Row> = all.iter().filter(is_match).collect();
        let orders: Vec<&str> = orders.split("^ORDERBY").filter(|order| !order.is_empty()).collect();
        rows.sort_by(|a, b| {
            let compare = |order: &&str| a.get(*order).cmp(&b.get(*order));
            orders.iter().map(compare).find(|order| order.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        });
        let limit = parameters.get("sysparm_limit").map_or(10_000, |limit| limit.parse().unwrap());
        let shown: Vec<Value> = rows.iter().take(limit).map(|row| self.shown(row, parameters)).collect();
        reply(200, &json!({"result": shown}))
    }

    fn shown(&self, row: &Row, parameters: &BTreeMap<&str, String>) -> Value {
        let fields: Vec<String> = match parameters.get("sysparm_fields") {
            Some(fields) => fields.split(',').map(str::to_owned).collect(),
            None => row.keys().cloned().collect(),
        };
        let is_displayed = parameters.get("sysparm_display_value").is_some_and(|all| all == "all");
        let hidden = self.hidden.borrow();
        let shown = fields.into_iter().filter(|field| row.contains_key(field) && !hidden.contains(field));
        let shown = shown.map(|field| {
            let value = &row[&field];
            let is_journal = field == "work_notes";
            let own = if is_journal { "" } else { value };
            let shown = if is_displayed { json!({"display_value": value, "value": own}) } else { json!(own) };
            (field, shown)
        });
        Value::Object(shown.collect())
    }
}

impl Transport for Instance {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        let path = request.target.split('?').next().unwrap_or_default();
        let resource = match path.strip_prefix("/api/now/table/") {
            Some(table) => table.split('/').next().unwrap_or_default(),
            // Such as `nextstates`, `batch`, `conflict`; a worker by its id.
            None if path.contains("/worker/") => "worker",
            None => path.rsplit('/').next().unwrap_or_default(),
        };
        let index = self.requests.borrow().len();
        self.requests.borrow_mut().push(format!("{} {resource}", request.method.name()));
        let loss = self.lost.get().filter(|(at, _)| *at == index).map(|(_, loss)| loss);
        if self.is_away.get() || loss == Some(Loss::Before) {
            return Err(SendError::Lost("connection refused".into()));
        }
        let reply = self.serve(request);
        match loss {
            Some(_) => Err(SendError::Lost("connection reset".into())),
            None => Ok(reply),
        }
    }
}

/// One term of an encoded query.
struct Term<'q> {
    field: &'q str,
    operator: &'q str,
    value: &'q str,
    values: HashSet<&'q str>,
}

impl<'q> Term<'q> {
    /// None for one that is not understood: it is dropped.
    fn parse(term: &'q str, columns: &Row) -> Option<Self> {
        ["STARTSWITH", ">=", ">", "=", "IN"].into_iter().find_map(|operator| {
            let (field, value) = term.split_once(operator)?;
            let values = if operator == "IN" { value.split(',').collect() } else { HashSet::new() };
            columns.contains_key(field).then_some(Self { field, operator, value, values })
        })
    }

    fn holds(&self, row: &Row) -> bool {
        let own = row[self.field].as_str();
        match self.operator {
            "STARTSWITH" => own.starts_with(self.value),
            ">=" => own >= self.value,
            ">" => own > self.value,
            "=" => own == self.value,
            _ => self.values.contains(own),
        }
    }
}

/// Base64, as the Batch API carries bodies.
fn encode(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
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
