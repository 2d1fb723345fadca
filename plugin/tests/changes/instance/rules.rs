//! What a change request may do, and what an instance does by itself after its reply.

use super::{Instance, Row, missing, refusal, row};
use servicenow_plugin::transport::Response;

impl Instance {
    /// A write by the API, within the rules of the model.
    pub(super) fn write(&self, id: &str, values: Row) -> Result<(), Response> {
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

    /// What an instance's flows do after its reply.
    pub(super) fn run_flows(&self, id: &str) {
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
}
