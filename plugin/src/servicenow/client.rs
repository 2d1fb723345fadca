//! The requests, and what is believed of their replies.

use super::{
    batch::List,
    error::{Error, Kind},
    query::{Query, percent_encode},
    record::Record,
};
use crate::identity::Identity;
use crate::transport::{Method, Request, Response, Transport};
use serde_json::{Map, Value};

/// References come as their `sys_id`s: the links that ServiceNow adds by default are never followed.
pub(super) const PLAIN: &str = "sysparm_exclude_reference_link=true";

/// Records asked for where at most one may match: a second one proves that the query was not understood, since
/// ServiceNow drops a term that it does not know and returns every record.
const UNIQUE_LIMIT: usize = 2;

/// Speaks ServiceNow's REST APIs over a transport.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    transport: &'a dyn Transport,
    pub(super) has_batches: bool,
}

/// What an insert with an identity of ours did.
#[derive(Clone, Debug, PartialEq)]
pub enum Inserted {
    /// The record is new, and has our `sys_id`.
    Created(Record),
    /// A record with our `sys_id` is there already: an earlier delivery's.
    Existing(Record),
    /// The record is new, but the instance gave it a `sys_id` of its own: whether it is the only one must be asked.
    Renamed(Record),
}

impl<'a> Client<'a> {
    /// A client over this transport.
    pub fn new(transport: &'a dyn Transport) -> Self {
        Self { transport, has_batches: true }
    }

    /// The same, for a grant that allows reads alone: a batch of them would be a `POST`.
    pub fn one_by_one(self) -> Self {
        Self { has_batches: false, ..self }
    }

    /// Reads one record of a table. `fields` are ServiceNow's names.
    ///
    /// # Errors
    /// `NotFound` too where the user may not read it. `ReplyUnexpected` where the reply is another record.
    pub fn get(&self, table: &str, sys_id: &str, fields: &str) -> Result<Record, Error> {
        let target = format!("/api/now/table/{}/{}?{PLAIN}{}", segment(table), segment(sys_id), only(fields));
        let label = format!("GET {table}");
        let record = one(self.call(Method::Get, target, None, &label)?, &label)?;
        identified(record, sys_id, &label)
    }

    /// As [`get`](Self::get), with what people see beside the values: journal fields have nothing else.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_displayed(&self, table: &str, sys_id: &str, fields: &str) -> Result<Record, Error> {
        let (table_name, id) = (segment(table), segment(sys_id));
        let target = format!("/api/now/table/{table_name}/{id}?{PLAIN}&sysparm_display_value=all{}", only(fields));
        let label = format!("GET {table}");
        let record = one(self.call(Method::Get, target, None, &label)?, &label)?;
        identified(record, sys_id, &label)
    }

    /// Reads the records of a table that match, at most `limit`. Each must be checked by whoever asked: a term that the
    /// instance does not understand is dropped.
    ///
    /// # Errors
    /// Where the reply is no list.
    pub fn list(&self, table: &str, query: &Query, fields: &str, limit: usize) -> Result<Vec<Record>, Error> {
        self.list_of(&List { table, query: query.clone(), fields, limit, is_displayed: false })
    }

    /// As [`list`](Self::list), with what people see beside the values.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub fn list_displayed(&self, table: &str, query: &Query, fields: &str, limit: usize) -> Result<Vec<Record>, Error> {
        self.list_of(&List { table, query: query.clone(), fields, limit, is_displayed: true })
    }

    /// The one record whose `field` is `value`, read back and compared; none where there is none.
    ///
    /// # Errors
    /// `Ambiguous` where more than one matches; `ReplyUnexpected` where one comes that does not: the instance did not
    /// understand the query.
    pub fn find(&self, table: &str, field: &str, value: &str, fields: &str) -> Result<Option<Record>, Error> {
        let fields = if fields.is_empty() { String::new() } else { format!("{field},{fields}") };
        let found = self.list(table, &Query::new().equals(field, value), &fields, UNIQUE_LIMIT)?;
        let mut matching = found.into_iter();
        match (matching.next(), matching.next()) {
            (None, _) => Ok(None),
            (Some(record), None) if record.text(field) == value => Ok(Some(record)),
            (Some(one), Some(other)) if [&one, &other].iter().all(|found| found.text(field) == value) => {
                Err(Error::new(Kind::Ambiguous, format!("GET {table}"))
                    .with_detail(format!("more than one in {table} has the {field} `{value}`")))
            }
            _ => Err(Error::new(Kind::ReplyUnexpected, format!("GET {table}"))
                .with_detail(format!("the search for {field}={value} found something else, or more than one"))),
        }
    }

    /// Inserts a record with this identity, so that a repeat is refused and meets the first. `fields` names what is read
    /// back of it; `sys_id` and `correlation_id` are always among it.
    ///
    /// # Errors
    /// Where the insert was refused for any other reason than that the record is there already.
    pub fn insert(
        &self,
        table: &str,
        identity: &Identity,
        mut values: Map<String, Value>,
        fields: &str,
    ) -> Result<Inserted, Error> {
        values.insert("sys_id".into(), identity.sys_id.clone().into());
        values.insert("correlation_id".into(), identity.correlation_id.clone().into());
        let fields = format!("sys_id,correlation_id,{fields}");
        let target = format!("/api/now/table/{}?{PLAIN}{}", segment(table), only(&fields));
        let label = format!("POST {table}");
        let refused = match self.call(Method::Post, target, Some(&Value::Object(values)), &label) {
            Ok(result) => {
                let record = one(result, &label)?;
                if record.text("correlation_id") != identity.correlation_id {
                    return Err(Error::new(Kind::ReplyUnexpected, label)
                        .with_detail("the new record does not carry our correlation_id"));
                }
                return Ok(if record.text("sys_id") == identity.sys_id {
                    Inserted::Created(record)
                } else {
                    Inserted::Renamed(record)
                });
            }
            Err(error) => error,
        };
        // The text of the refusal differs between releases: the record itself is the proof.
        if !matches!(refused.kind, Kind::Forbidden | Kind::BadRequest | Kind::AclDenied | Kind::BusinessRule) {
            return Err(refused);
        }
        match self.get(table, &identity.sys_id, &fields) {
            Ok(record) if record.text("correlation_id") == identity.correlation_id => Ok(Inserted::Existing(record)),
            Ok(_) | Err(Error { kind: Kind::NotFound, .. }) => Err(refused),
            Err(error) => Err(error),
        }
    }

    /// Changes fields of a record, and reads `fields` back as they are after the instance's business rules.
    ///
    /// # Errors
    /// `ReplyUnexpected` where the reply is another record.
    pub fn update(&self, table: &str, sys_id: &str, values: Map<String, Value>, fields: &str) -> Result<Record, Error> {
        self.patch(table, sys_id, values, &only(fields))
    }

    /// As [`update`](Self::update), with what people see beside the values: journal fields have nothing else.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn update_displayed(
        &self,
        table: &str,
        sys_id: &str,
        values: Map<String, Value>,
        fields: &str,
    ) -> Result<Record, Error> {
        self.patch(table, sys_id, values, &format!("&sysparm_display_value=all{}", only(fields)))
    }

    fn patch(&self, table: &str, sys_id: &str, values: Map<String, Value>, reply: &str) -> Result<Record, Error> {
        let target = format!("/api/now/table/{}/{}?{PLAIN}{reply}", segment(table), segment(sys_id));
        let label = format!("PATCH {table}");
        let record = one(self.call(Method::Patch, target, Some(&Value::Object(values)), &label)?, &label)?;
        identified(record, sys_id, &label)
    }

    /// Sends JSON to any API and returns the reply's `result`.
    ///
    /// # Errors
    /// Where the reply is no success, or has no `result`.
    pub fn call(&self, method: Method, target: String, body: Option<&Value>, label: &str) -> Result<Value, Error> {
        result(&self.send(&request(method, target, body), label)?, label)
    }

    /// Sends JSON to an API whose replies have no `result`, and returns the whole reply.
    pub(super) fn post(&self, target: String, body: &Value, label: &str) -> Result<Value, Error> {
        json(&self.send(&request(Method::Post, target, Some(body)), label)?, label)
    }

    /// The `result` of a reply that came with others.
    pub(super) fn read(&self, reply: &Response, label: &str) -> Result<Value, Error> {
        match reply.status {
            200..=299 => result(reply, label),
            _ => Err(Error::from_reply(reply, label)),
        }
    }

    /// Deletes what `target` names. What is gone already counts as deleted.
    ///
    /// # Errors
    /// Where the reply is no success, or a page.
    pub fn delete(&self, target: String, label: &str) -> Result<(), Error> {
        deleted(self.send(&request(Method::Delete, target, None), label), label)
    }

    /// Of records that two hosts made at once all but the first are deleted: those that agree with it in all the `alike`
    /// fields, by `api` and their `sys_id`. Returns whether any that agrees had to stay.
    ///
    /// # Errors
    /// Where ServiceNow cannot be asked for the moment. A copy that may not be deleted stays.
    pub fn keep_first(&self, mut copies: Vec<&Record>, alike: &[&str], api: &str, label: &str) -> Result<bool, Error> {
        copies
            .sort_unstable_by_key(|copy| (copy.text("sys_created_on").into_owned(), copy.text("sys_id").into_owned()));
        let Some((first, others)) = copies.split_first() else { return Ok(false) };
        let mut is_left = false;
        for copy in others.iter().filter(|copy| alike.iter().all(|field| copy.text(field) == first.text(field))) {
            match self.delete(format!("{api}/{}", copy.text("sys_id")), label) {
                Err(error) if error.kind.is_passing() => return Err(error),
                deleted => is_left |= deleted.is_err(),
            }
        }
        Ok(is_left)
    }

    /// Attaches a file to a record: raw, so that the limit for JSON does not apply. Returns the attachment's record.
    ///
    /// # Errors
    /// `NotFound` where the record that it is attached to is missing or not accessible.
    pub fn attach(
        &self,
        table: &str,
        sys_id: &str,
        name: &str,
        media_type: &str,
        content: &[u8],
    ) -> Result<Record, Error> {
        let request = Request {
            method: Method::Post,
            target: format!(
                "/api/now/attachment/file?table_name={}&table_sys_id={}&file_name={}",
                percent_encode(table),
                percent_encode(sys_id),
                percent_encode(name),
            ),
            content_type: Some(media_type.into()),
            body: content.to_vec(),
        };
        let label = "POST attachment";
        one(result(&self.send(&request, label)?, label)?, label)
    }

    /// The bytes of an attachment.
    ///
    /// # Errors
    /// `NotFound` where there is no such attachment, or it may not be read.
    pub fn download(&self, sys_id: &str) -> Result<Vec<u8>, Error> {
        let target = format!("/api/now/attachment/{}/file", segment(sys_id));
        let request = Request { method: Method::Get, target, content_type: None, body: Vec::new() };
        Ok(self.send(&request, "GET attachment file")?.body)
    }

    /// The attachments of a record, newest first, at most `limit`.
    ///
    /// # Errors
    /// Where the reply is no list.
    pub fn attachments(&self, table: &str, sys_id: &str, limit: usize) -> Result<Vec<Record>, Error> {
        let query = Query::new()
            .equals("table_name", table)
            .equals("table_sys_id", sys_id)
            .ordered_down_by("sys_created_on")
            .ordered_by("sys_id");
        let query = percent_encode(query.as_str());
        let target = format!("/api/now/attachment?sysparm_limit={limit}&sysparm_query={query}");
        let label = "GET attachment";
        let found = many(self.call(Method::Get, target, None, label)?, label)?;
        Ok(found.into_iter().filter(|file| file.text("table_sys_id") == sys_id).collect())
    }

    /// Sends a request; a reply that is no success is an error.
    fn send(&self, request: &Request, label: &str) -> Result<Response, Error> {
        let reply = self.transport.send(request).map_err(|error| Error::from_send(error, label))?;
        match reply.status {
            200..=299 => Ok(reply),
            _ => Err(Error::from_reply(&reply, label)),
        }
    }
}

/// Whether what was to be deleted is gone.
pub(super) fn deleted(reply: Result<Response, Error>, label: &str) -> Result<(), Error> {
    match reply {
        Ok(reply) if reply.body.is_empty() || is_json(&reply) => Ok(()),
        Ok(_) => Err(Error::new(Kind::NotJson, label)),
        Err(Error { kind: Kind::NotFound, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The `result` of a successful reply. A page with status 200 is what a sleeping instance sends; JSON that ends early, or
/// that is followed by more, is what a cancelled transaction leaves.
fn result(reply: &Response, label: &str) -> Result<Value, Error> {
    if reply.status == 204 {
        return Ok(Value::Null);
    }
    match json(reply, label)? {
        Value::Object(mut body) => body.remove("result"),
        _ => None,
    }
    .ok_or_else(|| Error::new(Kind::ReplyUnexpected, label).with_detail("there is no `result` in it"))
}

/// The JSON of a successful reply.
fn json(reply: &Response, label: &str) -> Result<Value, Error> {
    if !is_json(reply) {
        return Err(Error::new(Kind::NotJson, label));
    }
    serde_json::from_slice(&reply.body)
        .map_err(|error| Error::new(Kind::ReplyCut, label).with_detail(error.to_string()))
}

fn request(method: Method, target: String, body: Option<&Value>) -> Request {
    Request {
        method,
        target,
        content_type: body.map(|_| "application/json".into()),
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
    }
}

fn is_json(reply: &Response) -> bool {
    reply.header("content-type").is_some_and(|kind| kind.trim_start().starts_with("application/json"))
}

fn one(result: Value, label: &str) -> Result<Record, Error> {
    Record::new(result).ok_or_else(|| Error::new(Kind::ReplyUnexpected, label).with_detail("`result` is no record"))
}

pub(super) fn many(result: Value, label: &str) -> Result<Vec<Record>, Error> {
    match result {
        Value::Array(items) => items.into_iter().map(|item| one(item, label)).collect(),
        _ => Err(Error::new(Kind::ReplyUnexpected, label).with_detail("`result` is no list")),
    }
}

/// The record, if it is the one that was asked for.
fn identified(record: Record, sys_id: &str, label: &str) -> Result<Record, Error> {
    if record.text("sys_id") == sys_id {
        return Ok(record);
    }
    Err(Error::new(Kind::ReplyUnexpected, label).with_detail("the reply is about another record"))
}

/// `sysparm_fields`, where only some are asked for; `sys_id` is always among them.
pub(super) fn only(fields: &str) -> String {
    match fields {
        "" => String::new(),
        fields if fields.split(',').any(|field| field == "sys_id") => format!("&sysparm_fields={fields}"),
        fields => format!("&sysparm_fields=sys_id,{fields}"),
    }
}

/// A path segment: names and ids hold nothing that needs encoding, and anything else must not become a path.
pub(super) fn segment(text: &str) -> String {
    percent_encode(text)
}
