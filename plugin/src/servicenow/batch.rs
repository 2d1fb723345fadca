//! Several requests in one: the Batch API.
//!
//! Where an instance does not have it, or the user may not use it, they are sent one by one: a batch saves round trips
//! and changes nothing else.

use super::client::{Client, PLAIN, deleted, many, only, segment};
use super::error::{Error, Kind};
use super::query::{Query, percent_encode};
use super::record::Record;
use crate::transport::{Method, Response};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Reads of one batch. A batch may take 30 s by its quota, and is answered as a whole.
const LISTS_LIMIT: usize = 20;

/// Deletions of one batch: each runs the instance's business rules, and all of them share the 30 s.
const DELETIONS_LIMIT: usize = 50;

/// The records of a table that match.
#[derive(Clone, Debug)]
pub struct List<'a> {
    /// The table.
    pub table: &'a str,
    /// Which records. Each must be checked by whoever asked: a term that the instance does not understand is dropped.
    pub query: Query,
    /// What is read of each; empty for all.
    pub fields: &'a str,
    /// At most so many.
    pub limit: usize,
    /// With what people see beside the values.
    pub is_displayed: bool,
}

impl List<'_> {
    /// Path and query.
    pub(super) fn target(&self) -> String {
        let more = if self.is_displayed { "&sysparm_display_value=all" } else { "" };
        format!(
            "/api/now/table/{}?{PLAIN}&sysparm_no_count=true&sysparm_limit={}{}&sysparm_query={}{more}",
            segment(self.table),
            self.limit,
            only(self.fields),
            percent_encode(self.query.as_str()),
        )
    }

    fn label(&self) -> String {
        format!("GET {}", self.table)
    }
}

impl Client<'_> {
    /// Reads several lists, in one request where that is possible. Each has its own answer, in their order.
    ///
    /// # Errors
    /// Where the instance cannot be asked at all.
    pub fn lists(&self, lists: &[List]) -> Result<Vec<Result<Vec<Record>, Error>>, Error> {
        let mut answers = Vec::new();
        for lists in lists.chunks(LISTS_LIMIT) {
            let replies = match lists.len() {
                1 => Vec::new(),
                _ if !self.has_batches => Vec::new(),
                _ => match self.batch("GET", &lists.iter().map(List::target).collect::<Vec<_>>()) {
                    Ok(replies) => replies,
                    Err(error) if error.kind.is_passing() && error.kind != Kind::ReplyUnexpected => return Err(error),
                    Err(_) => Vec::new(),
                },
            };
            for (index, list) in lists.iter().enumerate() {
                let reply = replies.iter().find(|(id, _)| *id == index.to_string()).map(|(_, reply)| reply);
                answers.push(match reply {
                    Some(reply) => self.read(reply, &list.label()).and_then(|result| many(result, &list.label())),
                    // Not in the batch, or left unserviced by it.
                    None => self.list_of(list),
                });
            }
        }
        Ok(answers)
    }

    /// One list.
    pub(super) fn list_of(&self, list: &List) -> Result<Vec<Record>, Error> {
        let label = list.label();
        many(self.call(Method::Get, list.target(), None, &label)?, &label)
    }

    /// Deletes what each of `targets` names, in as few requests as possible. Each has its own answer, in their order; what
    /// is gone already counts as deleted.
    ///
    /// # Errors
    /// Where the instance cannot be asked at all: what was deleted by then stays so.
    pub fn delete_all(&self, targets: &[String], label: &str) -> Result<Vec<Result<(), Error>>, Error> {
        let mut answers = Vec::new();
        for targets in targets.chunks(DELETIONS_LIMIT) {
            let replies = match targets.len() {
                1 => Vec::new(),
                _ if !self.has_batches => Vec::new(),
                _ => match self.batch("DELETE", targets) {
                    Ok(replies) => replies,
                    Err(error) if error.kind.is_passing() && error.kind != Kind::ReplyUnexpected => return Err(error),
                    Err(_) => Vec::new(),
                },
            };
            for (index, target) in targets.iter().enumerate() {
                let reply = replies.iter().find(|(id, _)| *id == index.to_string()).map(|(_, reply)| reply);
                answers.push(match reply {
                    Some(reply) if (200..300).contains(&reply.status) => deleted(Ok(reply.clone()), label),
                    Some(reply) => deleted(Err(Error::from_reply(reply, label)), label),
                    None => self.delete(target.clone(), label),
                });
            }
        }
        Ok(answers)
    }

    /// The replies that the batch served, by the number of their request.
    fn batch(&self, method: &str, targets: &[String]) -> Result<Vec<(String, Response)>, Error> {
        let label = "POST batch";
        let accept = json!([{"name": "Accept", "value": "application/json"}]);
        let requests = targets.iter().enumerate().map(|(index, target)| {
            json!({
                "id": index.to_string(), "method": method, "url": target,
                "headers": accept, "exclude_response_headers": true,
            })
        });
        let requests: Vec<Value> = requests.collect();
        let body = json!({"batch_request_id": "1", "rest_requests": requests});
        let reply = self.post("/api/now/v1/batch".into(), &body, label)?;
        let served = reply.get("serviced_requests").and_then(Value::as_array);
        let served = served.ok_or_else(|| Error::new(Kind::ReplyUnexpected, label))?;
        Ok(served.iter().filter_map(served_reply).collect())
    }
}

/// What the batch says of one request, as if it had come alone.
fn served_reply(served: &Value) -> Option<(String, Response)> {
    let id = served.get("id")?.as_str()?.to_owned();
    let status = u16::try_from(served.get("status_code")?.as_u64()?).ok()?;
    // What answers without a body has none here either.
    let body = STANDARD.decode(served.get("body").and_then(Value::as_str).unwrap_or_default()).ok()?;
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Some((id, Response { status, headers, body }))
}
