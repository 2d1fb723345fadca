//! Which deployment of a system is the newest. ServiceNow keeps, beside our key of a system, when the deployment that was
//! recorded last occurred (`sys_object_source.source_recency_timestamp`).

use super::key;
use crate::plugin::Plugin;
use crate::servicenow::{Client, Error, Kind, List, Query, datetime};
use itsm_contract::events::DeployEvent;
use itsm_contract::types::{Failure, Problem, Timestamp};
use std::collections::BTreeSet;

/// Systems read at once. A deployment that is not late finds none.
const LIMIT: usize = 10_000;

/// Items that are looked for at once: see `relation::CHUNK`.
const CHUNK: usize = 100;

/// Keys of those systems in the event's environment that have had a newer deployment.
///
/// # Errors
/// `Misconfigured` where the integration user may not read `sys_object_source`.
pub fn overtaken(plugin: &Plugin, event: &DeployEvent) -> Result<BTreeSet<String>, Failure> {
    let source = &plugin.settings().cmdb.data_source;
    let prefix = key::system_prefix(plugin, &event.environment);
    let occurred_at = event.delivery.occurred_at;
    let query = Query::new()
        .equals("name", source)
        .term("id", "STARTSWITH", &prefix)
        .term("source_recency_timestamp", ">", &datetime::text(occurred_at).unwrap_or_default())
        .ordered_by("sys_id");
    let found = plugin
        .client()
        .list("sys_object_source", &query, "name,id,source_recency_timestamp", LIMIT)
        .map_err(unreadable)?;
    let is_answer = |record: &&crate::servicenow::Record| {
        record.text("id").starts_with(&prefix)
            && record.time("source_recency_timestamp").is_some_and(|at| is_after(at, event))
    };
    if found.len() >= LIMIT || !found.iter().all(|record| is_answer(&record)) {
        return Err(misunderstood());
    }
    Ok(found.iter().map(|record| record.text("id").into_owned()).collect())
}

/// Those of these configuration items that have had a newer deployment, by whatever name and in whatever environment.
///
/// # Errors
/// As [`overtaken`].
pub fn overtaken_items(
    plugin: &Plugin,
    client: Client,
    event: &DeployEvent,
    items: &[&str],
) -> Result<BTreeSet<String>, Failure> {
    let occurred_at = datetime::text(event.delivery.occurred_at).unwrap_or_default();
    let list = |chunk: &[&str]| List {
        table: "sys_object_source",
        query: Query::new()
            .equals("name", &plugin.settings().cmdb.data_source)
            .term("id", "STARTSWITH", key::SYSTEM_PREFIX)
            .term("source_recency_timestamp", ">", &occurred_at)
            .one_of("target_sys_id", chunk.iter().copied())
            .ordered_by("sys_id"),
        fields: "id,target_sys_id,source_recency_timestamp",
        limit: LIMIT,
        is_displayed: false,
    };
    let lists: Vec<List> = items.chunks(CHUNK).map(list).collect();
    let mut late = BTreeSet::new();
    for found in client.lists(&lists)? {
        for record in found.map_err(unreadable)? {
            let item = record.text("target_sys_id");
            let is_newer = record.time("source_recency_timestamp").is_some_and(|at| is_after(at, event));
            if !is_newer || !record.text("id").starts_with(key::SYSTEM_PREFIX) || !items.contains(&&*item) {
                return Err(misunderstood());
            }
            late.insert(item.into_owned());
        }
    }
    Ok(late)
}

/// ServiceNow keeps whole seconds.
fn is_after(at: Timestamp, event: &DeployEvent) -> bool {
    at > event.delivery.occurred_at / 1000 * 1000
}

fn misunderstood() -> Failure {
    Error::new(Kind::ReplyUnexpected, "GET sys_object_source")
        .with_detail("the search for newer deployments found something else, or too much")
        .into()
}

fn unreadable(error: Error) -> Failure {
    match error.kind {
        Kind::AclDenied | Kind::Forbidden | Kind::QueryDenied | Kind::TableMissing => Failure::Misconfigured(Problem {
            code: "cmdb.order-unreadable".into(),
            summary: "the integration user may not read which deployment of a system is the newest".into(),
            remedy: "let the integration user read the table sys_object_source (role cmdb_read)".into(),
            detail: error.detail,
        }),
        _ => error.into(),
    }
}
