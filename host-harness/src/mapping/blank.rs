//! An instance that has no record and knows every name, so that a hook gets as far as what its records say.

use servicenow_plugin::transport::{Audit, Entry, Method, Request, Response, SendError, Transport};
use sha2::{Digest as _, Sha256};

/// Tables whose records the plugin makes: there are none.
const EMPTY: &[&str] = &["change_request", "cmdb_ci", "incident", "sys_object_source"];

/// The instance.
pub(super) struct Blank;

impl Transport for Blank {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        // What would change something is refused: nobody reads the rest of such a hook.
        let (status, body) = match request.method {
            Method::Get if is_one_record(&request.target) => {
                (404, serde_json::json!({"error": {"message": "No Record found", "detail": null}, "status": "failure"}))
            }
            Method::Get => (200, serde_json::json!({"result": found(&request.target)})),
            _ => (403, serde_json::json!({"error": {"message": "read only", "detail": null}, "status": "failure"})),
        };
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Ok(Response { status, headers, body: body.to_string().into_bytes() })
    }
}

impl Audit for Blank {
    fn append(&self, _: Entry) {}
}

/// Whether a record is read by its `sys_id`: there is none yet.
fn is_one_record(target: &str) -> bool {
    let path = target.split('?').next().unwrap_or_default();
    path.strip_prefix("/api/now/table/").is_some_and(|rest| rest.contains('/'))
}

/// The one record that a search for a name finds.
fn found(target: &str) -> Vec<serde_json::Value> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let table = path.strip_prefix("/api/now/table/").unwrap_or_default();
    let mut parameters = url::form_urlencoded::parse(query.as_bytes());
    let Some((_, query)) = parameters.find(|(name, _)| name == "sysparm_query") else { return Vec::new() };
    let is_name = !query.contains('^') && !EMPTY.contains(&table);
    match query.split_once('=').filter(|_| is_name && !table.is_empty()) {
        Some((column, name)) => vec![serde_json::json!({column: name, "sys_id": sys_id(table, name)})],
        None => Vec::new(),
    }
}

fn sys_id(table: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{table} {name}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
