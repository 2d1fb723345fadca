//! The REST APIs: requests in, replies out, and replies that are lost on the way.

use super::query::Term;
use super::{Instance, Loss, Row, missing, refusal, reply};
use serde_json::{Value, json};
use servicenow_plugin::transport::{Method, Request, Response, SendError, Transport};
use std::collections::BTreeMap;

impl Instance {
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

    fn one(&self, table: &str, id: &str, parameters: &BTreeMap<&str, String>, status: u16) -> Response {
        let tables = self.tables.borrow();
        match tables.get(table).into_iter().flatten().find(|row| row["sys_id"] == id) {
            Some(row) => reply(status, &json!({"result": self.shown(row, parameters)})),
            None => missing(),
        }
    }

    fn list(&self, table: &str, parameters: &BTreeMap<&str, String>) -> Response {
        if self.closed.borrow().iter().any(|closed| closed == table) {
            return refusal(
                403,
                "Insufficient rights to query records",
                "Field(s) present in the query do not have permission to be read",
            );
        }
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
