//! What an instance does in the background: workers, and what they come to.

use super::{Instance, missing, reply, row};
use crate::support::HOUR;
use serde_json::{Value, json};
use servicenow_plugin::servicenow::datetime;
use servicenow_plugin::transport::Response;

impl Instance {
    /// Begins work in the background; `slot_of` is the change that it plans.
    pub(super) fn begin(&self, slot_of: Option<String>) -> Response {
        let id = format!("{:032x}", 0xf4_0000 + self.next());
        self.workers.borrow_mut().insert(id.clone(), (self.worker_reads.get(), slot_of));
        reply(202, &json!({"result": {"worker": {"sysId": id}, "state": {"value": 1, "display_value": "Waiting"}}}))
    }

    pub(super) fn work(&self, id: &str) -> Response {
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

    /// Adds a configuration item to those that a change affects, which does not touch the change.
    pub fn affects(&self, change: &str, item: &str) {
        let id = format!("{:032x}", 0xaa_0000 + self.next());
        let made = row(&[("sys_id", &id), ("task", change), ("ci_item", item), ("sys_created_on", &self.time())]);
        self.tables.borrow_mut().entry("task_ci".into()).or_default().push(made);
    }

    /// Takes away every item that changes affect.
    pub fn affects_nothing(&self) {
        self.tables.borrow_mut().remove("task_ci");
    }

    pub(super) fn attach(&self, change: &str, body: &Value) -> Response {
        for item in body["cmdb_ci_sys_ids"].as_array().unwrap() {
            self.affects(change, item.as_str().unwrap());
        }
        self.begin(None)
    }
}
