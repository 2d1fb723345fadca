//! Which deployment of a system is the newest. ServiceNow keeps, beside our key of a system, when the deployment that was
//! recorded last occurred (`sys_object_source.source_recency_timestamp`).

use super::key;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind, Query, datetime};
use itsm_contract::events::DeployEvent;
use itsm_contract::types::{Failure, Problem};
use std::collections::BTreeSet;

/// Systems read at once. A deployment that is not late finds none.
const LIMIT: usize = 10_000;

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
            && record.time("source_recency_timestamp").is_some_and(|at| at > occurred_at / 1000 * 1000)
    };
    if found.len() >= LIMIT || !found.iter().all(|record| is_answer(&record)) {
        return Err(Error::new(Kind::ReplyUnexpected, "GET sys_object_source")
            .with_detail("the search for newer deployments found something else, or too much")
            .into());
    }
    Ok(found.iter().map(|record| record.text("id").into_owned()).collect())
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
