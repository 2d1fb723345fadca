//! The instance's own account of its tables: `sys_db_object`, `sys_dictionary` and `sys_choice`, and whether records that
//! are referred to are there. Values are compared, never labels: labels are translated.
//!
//! A column's row lies with the table that introduces it (`short_description` with `task`), so a table's ancestors are
//! read with it, and the nearest row counts.

use super::said::{Content, Said};
use crate::grant::{Grant, ReadError};
use serde_json::{Map, Value};
use servicenow_plugin::mapping::{column_of, reference_of};
use std::collections::{BTreeMap, BTreeSet};
use url::form_urlencoded::byte_serialize;

/// Bytes of one list.
const LIST_BYTES: usize = 16 * 1024 * 1024;

/// Rows of one list. The widest tables have some hundred columns; what reaches this is no such list.
const ROWS: usize = 10_000;

/// Tables that extend one another. ServiceNow's deepest chains have seven.
const ANCESTORS: usize = 20;

/// Names in one query: longer ones make addresses that front ends refuse.
const CHUNK: usize = 50;

/// Why the schema cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// The instance cannot be asked.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The instance does not let the integration user look.
    #[error(
        "the integration user may not read {table} (HTTP {status}): let it read sys_db_object, sys_dictionary and \
         sys_choice, or check with the credential of somebody who may"
    )]
    Forbidden {
        /// The table.
        table: String,
        /// The status.
        status: u16,
    },
    /// The answer is no list.
    #[error("ServiceNow answered for {table} with {what}")]
    Answer {
        /// The table.
        table: String,
        /// What came.
        what: String,
    },
}

/// What is known of an instance's tables.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    pub(super) tables: BTreeMap<String, Table>,
    /// How many records of a table have this value in this column.
    pub(super) records: BTreeMap<(String, String, String), usize>,
}

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    /// By name; those of its ancestors too.
    pub columns: BTreeMap<String, Column>,
    /// What the integration user may not read of it.
    pub hidden: BTreeSet<String>,
    /// The integration user may not read the table at all: the status.
    pub is_forbidden: bool,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Column {
    /// `sys_dictionary.internal_type`.
    pub kind: String,
    /// The table that it refers to; empty for none.
    pub reference: String,
    pub max_length: usize,
    pub is_mandatory: bool,
    pub is_read_only: bool,
    /// It takes only these values, each with its label; none where it takes any.
    pub choices: Option<Vec<(String, String)>>,
}

type Row = Map<String, Value>;

impl Schema {
    /// Reads what is needed to judge what is said.
    pub(super) async fn read(grant: &Grant, said: &[Said]) -> Result<Self, SchemaError> {
        let reader = Reader { grant };
        let mut schema = Self::default();
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for one in said {
            wanted.entry(&one.table).or_default().insert(&one.field);
        }
        for (table, fields) in wanted {
            if let Some(read) = reader.table(table, &fields).await? {
                schema.tables.insert(table.to_owned(), read);
            }
        }
        let asked: BTreeSet<(String, String, String)> = said.iter().filter_map(|one| schema.referred(one)).collect();
        for (table, column, value) in asked {
            let count = reader.count(&table, &column, &value).await?;
            schema.records.insert((table, column, value), count);
        }
        Ok(schema)
    }

    /// The record that is referred to: its table, and the column and value that it is found by.
    pub(super) fn referred(&self, said: &Said) -> Option<(String, String, String)> {
        let column = self.tables.get(&said.table)?.columns.get(&said.field)?;
        if column.reference.is_empty() {
            return None;
        }
        match &said.content {
            Content::Text(text) if is_sys_id(text) => Some((column.reference.clone(), "sys_id".into(), text.clone())),
            Content::Named(name) if is_sys_id(name) => Some((column.reference.clone(), "sys_id".into(), name.clone())),
            // As the plugin looks it up.
            Content::Named(name) => {
                let (table, by) = match reference_of(&said.field) {
                    Some((table, by)) => (table, by),
                    None => (column.reference.as_str(), column_of(&column.reference)),
                };
                Some((table.to_owned(), by.to_owned(), name.clone()))
            }
            _ => None,
        }
    }
}

pub(super) fn is_sys_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

struct Reader<'a> {
    grant: &'a Grant,
}

impl Reader<'_> {
    /// A table, and all about these of its columns; none where the instance has no such table.
    async fn table(&self, name: &str, fields: &BTreeSet<&str>) -> Result<Option<Table>, SchemaError> {
        let chain = self.chain(name).await?;
        if chain.is_empty() {
            return Ok(None);
        }
        let mut table = Table::default();
        let names = chain.join(",");
        let columns = "name,element,internal_type,reference,max_length,mandatory,read_only,choice,active";
        let rows = self.list("sys_dictionary", &format!("nameIN{names}^active=true"), columns).await?;
        // The furthest ancestor first, so that the nearest counts.
        for ancestor in chain.iter().rev() {
            let own = rows.iter().filter(|row| text(row, "name") == *ancestor && text(row, "active") != "false");
            for row in own.filter(|row| !text(row, "element").is_empty()) {
                table.columns.insert(text(row, "element").to_owned(), column(row));
            }
        }
        if table.columns.is_empty() {
            return Err(SchemaError::Forbidden { table: "sys_dictionary".into(), status: 200 });
        }
        let with_choices: Vec<&str> = fields
            .iter()
            .copied()
            .filter(|field| table.columns.get(*field).is_some_and(|c| c.choices.is_some()))
            .collect();
        for some in with_choices.chunks(CHUNK) {
            let query = format!("nameIN{names}^elementIN{}^inactive=false", some.join(","));
            let rows = self.list("sys_choice", &query, "name,element,value,label,inactive").await?;
            for field in some {
                let of = |ancestor: &String| {
                    let own =
                        rows.iter().filter(|row| text(row, "name") == *ancestor && text(row, "element") == *field);
                    let own = own.filter(|row| text(row, "inactive") != "true");
                    own.map(|row| (text(row, "value").to_owned(), text(row, "label").to_owned())).collect::<Vec<_>>()
                };
                let nearest = chain.iter().map(of).find(|choices| !choices.is_empty());
                if let Some(column) = table.columns.get_mut(*field) {
                    column.choices = Some(nearest.unwrap_or_default());
                }
            }
        }
        self.look(name, fields, &mut table).await?;
        Ok(Some(table))
    }

    /// The table and those that it extends, itself first.
    async fn chain(&self, name: &str) -> Result<Vec<String>, SchemaError> {
        let mut chain = Vec::new();
        let mut by = ("name", name.to_owned());
        while chain.len() < ANCESTORS {
            let rows =
                self.list("sys_db_object", &format!("{}={}", by.0, quoted(&by.1)), "sys_id,name,super_class").await?;
            let Some(row) = rows.iter().find(|row| text(row, by.0) == by.1) else { break };
            chain.push(text(row, "name").to_owned());
            by = ("sys_id", text(row, "super_class").to_owned());
            if by.1.is_empty() {
                break;
            }
        }
        Ok(chain)
    }

    /// What the integration user sees of a table: one record of it shows.
    async fn look(&self, name: &str, fields: &BTreeSet<&str>, table: &mut Table) -> Result<(), SchemaError> {
        let fields: Vec<&str> = fields.iter().copied().filter(|field| table.columns.contains_key(*field)).collect();
        let target = format!("/api/now/table/{name}?sysparm_limit=1&sysparm_fields=sys_id,{}", fields.join(","));
        match self.rows(name, &target).await {
            Ok(rows) => {
                if let Some(row) = rows.first() {
                    table.hidden =
                        fields.iter().filter(|field| !row.contains_key(**field)).map(|f| (*f).to_owned()).collect();
                }
                Ok(())
            }
            Err(SchemaError::Forbidden { .. }) => {
                table.is_forbidden = true;
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// How many such records a table has. What the integration user may not read is not there for the plugin either.
    async fn count(&self, table: &str, column: &str, value: &str) -> Result<usize, SchemaError> {
        match self.list(table, &format!("{column}={}", quoted(value)), &format!("sys_id,{column}")).await {
            Ok(rows) => Ok(rows.iter().filter(|row| text(row, column) == value).count()),
            Err(SchemaError::Forbidden { .. }) => Ok(0),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, table: &str, query: &str, fields: &str) -> Result<Vec<Row>, SchemaError> {
        let query: String = byte_serialize(query.as_bytes()).collect();
        let target = format!(
            "/api/now/table/{table}?sysparm_fields={fields}&sysparm_limit={ROWS}&sysparm_exclude_reference_link=true\
             &sysparm_query={query}"
        );
        self.rows(table, &target).await
    }

    async fn rows(&self, table: &str, target: &str) -> Result<Vec<Row>, SchemaError> {
        let answer = |what: String| SchemaError::Answer { table: table.into(), what };
        let (status, body) = self.grant.read(target, LIST_BYTES).await?;
        match status.as_u16() {
            200 => {}
            status @ (401 | 403 | 404) => return Err(SchemaError::Forbidden { table: table.into(), status }),
            status => return Err(answer(format!("HTTP {status}"))),
        }
        let mut body: Value = serde_json::from_slice(&body).map_err(|error| answer(format!("no JSON: {error}")))?;
        let rows = match body.get_mut("result").map(Value::take) {
            Some(Value::Array(rows)) => rows,
            _ => return Err(answer("no list".into())),
        };
        rows.into_iter()
            .map(|row| match row {
                Value::Object(row) => Ok(row),
                _ => Err(answer("a list of something else".into())),
            })
            .collect()
    }
}

/// A value in a query: `^` would begin a term of its own.
fn quoted(value: &str) -> String {
    value.replace('^', " ")
}

fn text<'r>(row: &'r Row, field: &str) -> &'r str {
    match row.get(field) {
        Some(Value::String(text)) => text,
        Some(Value::Object(reference)) => reference.get("value").and_then(Value::as_str).unwrap_or_default(),
        _ => "",
    }
}

fn column(row: &Row) -> Column {
    // 1 and 3 are drop-downs, without and with `-- None --`; 2 only suggests.
    let is_choice = matches!(text(row, "choice"), "1" | "3");
    Column {
        kind: text(row, "internal_type").to_owned(),
        reference: text(row, "reference").to_owned(),
        max_length: text(row, "max_length").parse().unwrap_or_default(),
        is_mandatory: text(row, "mandatory") == "true",
        is_read_only: text(row, "read_only") == "true",
        choices: is_choice.then(Vec::new),
    }
}
