//! The configuration items that a change affects: the systems', as far as the CMDB knows them.
//!
//! A system is known by our key of it, which identification and reconciliation keeps, or else by its name, where one item
//! alone has it.

use super::Work;
use crate::cmdb;
use crate::plugin::{Plugin, is_sys_id};
use crate::servicenow::{Client, Error, List, Query, Record};
use itsm_contract::types::{Failure, System, SystemKind};

/// Names or keys in one list: longer ones make addresses that front ends refuse.
const CHUNK: usize = 50;

/// Rows of one list. A name that more items share than this is ambiguous anyhow.
const ROWS_LIMIT: usize = 1000;

/// What the CMDB knows of a work's systems.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Items {
    /// `sys_id`s of configuration items, in the order of the systems.
    pub known: Vec<String>,
    /// Names of systems that have none yet, or no unambiguous one.
    pub unknown: Vec<String>,
}

/// Looks the systems up, and the assignment group with them: one request for both.
///
/// # Errors
/// Where ServiceNow cannot be asked.
pub fn find(plugin: &Plugin, client: Client, work: Work) -> Result<Items, Failure> {
    let systems = work.systems();
    let group = plugin.settings().change.assignment_group.as_deref().filter(|name| !is_sys_id(name));
    let keys: Vec<Option<String>> =
        systems.iter().map(|system| Some(cmdb::system_key(plugin, work.environment()?, system))).collect();
    let mut lists = Vec::new();
    if let Some(group) = group {
        let query = Query::new().equals("name", group);
        lists.push(List { table: "sys_user_group", query, fields: "name", limit: 2, is_displayed: false });
    }
    let source = &plugin.settings().cmdb.data_source;
    let list = |table, query, fields| List { table, query, fields, limit: ROWS_LIMIT, is_displayed: false };
    let flat: Vec<&str> = keys.iter().flatten().map(String::as_str).collect();
    for chunk in flat.chunks(CHUNK) {
        let query = Query::new().equals("name", source).one_of("id", chunk.iter().copied()).ordered_by("sys_id");
        lists.push(list("sys_object_source", query, "name,id,target_sys_id"));
    }
    let names: Vec<&str> = systems.iter().map(|system| system.name.as_str()).collect();
    for chunk in names.chunks(CHUNK) {
        let query = Query::new().one_of("name", chunk.iter().copied()).ordered_by("sys_id");
        lists.push(list("cmdb_ci", query, "name,sys_class_name"));
    }
    let mut sources = Vec::new();
    let mut named = Vec::new();
    for (list, answer) in lists.iter().zip(client.lists(&lists)?) {
        let rows = readable(answer)?;
        match list.table {
            "sys_user_group" => learn(plugin, group, &rows),
            "sys_object_source" => sources.extend(rows),
            _ => named.extend(rows),
        }
    }
    let mut items = Items::default();
    for (system, key) in systems.iter().zip(keys) {
        let by_key = sources.iter().find(|row| key.is_some() && key.as_deref() == Some(&*row.text("id")));
        let by_key = by_key.map(|row| row.text("target_sys_id").into_owned()).filter(|id| is_sys_id(id));
        match by_key.or_else(|| by_name(plugin, system, &named)) {
            Some(id) if items.known.contains(&id) => {}
            Some(id) => items.known.push(id),
            None => items.unknown.push(system.name.clone()),
        }
    }
    Ok(items)
}

/// A table that the user may not read knows nothing.
fn readable(answer: Result<Vec<Record>, Error>) -> Result<Vec<Record>, Error> {
    match answer {
        Err(error) if !error.kind.is_passing() => Ok(Vec::new()),
        answer => answer,
    }
}

fn learn(plugin: &Plugin, group: Option<&str>, rows: &[Record]) {
    if let (Some(group), [row]) = (group, rows)
        && row.text("name") == group
    {
        plugin.remember("sys_user_group", "name", group, &row.text("sys_id"));
    }
}

/// The one item of that name; of several the one of the class that the settings name.
fn by_name(plugin: &Plugin, system: &System, rows: &[Record]) -> Option<String> {
    let settings = &plugin.settings().cmdb;
    let class = match system.kind {
        SystemKind::Virtual => &settings.virtual_class,
        SystemKind::Physical | SystemKind::Other(_) => &settings.physical_class,
    };
    let same = || rows.iter().filter(|row| row.text("name") == system.name);
    let row = only(same().filter(|row| row.text("sys_class_name") == *class)).or_else(|| only(same()))?;
    Some(row.text("sys_id").into_owned())
}

fn only<'r>(mut rows: impl Iterator<Item = &'r Record>) -> Option<&'r Record> {
    rows.next().filter(|_| rows.next().is_none())
}
