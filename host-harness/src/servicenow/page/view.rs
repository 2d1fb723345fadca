//! What the pages show, as data for their templates.

use super::act;
use super::drawing::{self, Edge};
use crate::servicenow::change::model;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::display::local_time;
use crate::servicenow::engine::record::Record;
use crate::servicenow::http::server::Seen;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Names and values for a template.
pub type View = BTreeMap<&'static str, Value>;

/// Rows of one list at most: a page of more is no help to anybody.
const MOST_ROWS: usize = 200;

/// What is around every page: who there is to be, and who the visitor is.
pub fn frame(engine: &Engine, person: &Caller, token: &str) -> View {
    let people: Vec<Value> = engine
        .store
        .scan(&engine.dictionary, "sys_user")
        .into_iter()
        .filter(|user| user.is("active"))
        .map(|user| {
            json!({
                "user_name": user.get("user_name"),
                "name": user.get("name"),
                "chosen": user.get("user_name") == person.user_name,
            })
        })
        .collect();
    let roles: Vec<&str> = person.roles.iter().map(String::as_str).collect();
    View::from([
        ("people", people.into()),
        ("person", json!({ "name": person.name, "roles": roles.join(", ") })),
        ("token", token.into()),
    ])
}

/// A value as the person sees it.
fn shown(engine: &Engine, person: &Caller, record: &Record, element: &str) -> String {
    engine
        .dictionary
        .column(record.table(), element)
        .map(|column| engine.shown(person, record, column))
        .unwrap_or_default()
}

/// Several values as the person sees them, by column.
fn fields(engine: &Engine, person: &Caller, record: &Record, elements: &[&str]) -> Value {
    let mut told: serde_json::Map<String, Value> =
        elements.iter().map(|element| ((*element).to_owned(), shown(engine, person, record, element).into())).collect();
    told.insert("sys_id".into(), record.sys_id().into());
    Value::Object(told)
}

/// How a change stands, in a word that a stylesheet knows.
fn mood(change: &Record) -> &'static str {
    match (change.get("state"), change.get("approval")) {
        _ if change.is("on_hold") => "held",
        (model::CANCELED, _) => "cancelled",
        (model::CLOSED, _) => "closed",
        (_, "rejected") => "rejected",
        (_, "requested") => "waiting",
        (_, "approved") => "approved",
        _ => "open",
    }
}

/// The records of a table that the person may read, the newest first.
fn newest<'a>(engine: &'a Engine, person: &Caller, table: &str) -> Vec<&'a Record> {
    let mut rows = engine.store.scan(&engine.dictionary, table);
    rows.retain(|record| engine.may_read(person, record));
    rows.reverse();
    rows
}

/// All changes: those that wait for somebody first.
pub fn changes(engine: &Engine, person: &Caller) -> View {
    let rows = newest(engine, person, "change_request");
    let total = rows.len();
    let told = |change: &&Record| {
        let mut told = fields(
            engine,
            person,
            change,
            &["number", "short_description", "type", "state", "approval", "assignment_group", "sys_updated_on"],
        );
        if let Value::Object(told) = &mut told {
            told.insert("mood".into(), mood(change).into());
            let files = engine.having("sys_attachment", "table_sys_id", change.sys_id()).len();
            told.insert("files".into(), files.into());
            told.insert("mine".into(), waits_for(engine, person, change).into());
        }
        told
    };
    let (waiting, others): (Vec<&Record>, Vec<&Record>) = rows.into_iter().partition(|change| {
        change.get("approval") == "requested" && !matches!(change.get("state"), model::CLOSED | model::CANCELED)
    });
    View::from([
        ("waiting", waiting.iter().take(MOST_ROWS).map(told).collect()),
        ("others", others.iter().take(MOST_ROWS).map(told).collect()),
        ("total", total.into()),
    ])
}

/// Whether a change waits for this person's answer.
fn waits_for(engine: &Engine, person: &Caller, change: &Record) -> bool {
    engine.having("sysapproval_approver", "sysapproval", change.sys_id()).iter().any(|row| {
        row.get("state") == "requested"
            && (row.get("approver") == person.sys_id || engine.is_delegate(row.get("approver"), &person.sys_id))
    })
}

/// The path of a change's type, each state with whether it lies behind, is where the change stands, or is to come.
fn path(engine: &Engine, change: &Record) -> Value {
    let states: &[&str] = match change.get("type") {
        "standard" => &["-5", "-2", "-1", "0", "3"],
        "emergency" => &["-5", "-3", "-2", "-1", "0", "3"],
        _ => &["-5", "-4", "-3", "-2", "-1", "0", "3"],
    };
    let at = states.iter().position(|state| *state == change.get("state"));
    states
        .iter()
        .enumerate()
        .map(|(index, state)| {
            let place = match at {
                Some(at) if index < at => "behind",
                Some(at) if index == at => "here",
                _ => "ahead",
            };
            json!({ "label": engine.label_of("change_request", "state", state), "place": place })
        })
        .collect()
}

/// One change.
pub fn change(engine: &Engine, person: &Caller, id: &str) -> Option<View> {
    let change = engine.get("change_request", id).filter(|change| engine.may_read(person, change))?;
    let approvals: Vec<Value> = engine
        .having("sysapproval_approver", "sysapproval", id)
        .into_iter()
        .map(|row| fields(engine, person, row, &["approver", "state", "group", "comments", "sys_updated_on"]))
        .collect();
    let files: Vec<Value> = engine
        .having("sys_attachment", "table_sys_id", id)
        .into_iter()
        .map(|row| {
            fields(engine, person, row, &["file_name", "size_bytes", "hash", "sys_created_by", "sys_created_on"])
        })
        .collect();
    let tasks: Vec<Value> = engine
        .having("change_task", "change_request", id)
        .into_iter()
        .map(|row| fields(engine, person, row, &["number", "short_description", "state"]))
        .collect();
    let mut cis: Vec<Value> = engine
        .having("task_ci", "task", id)
        .into_iter()
        .filter_map(|row| engine.get("cmdb_ci", row.get("ci_item")))
        .map(|ci| json!({ "sys_id": ci.sys_id(), "name": ci.get("name") }))
        .collect();
    if let Some(ci) = engine.get("cmdb_ci", change.get("cmdb_ci")) {
        cis.insert(0, json!({ "sys_id": ci.sys_id(), "name": ci.get("name") }));
    }
    let told = fields(
        engine,
        person,
        change,
        &[
            "number",
            "short_description",
            "description",
            "type",
            "state",
            "approval",
            "risk",
            "impact",
            "priority",
            "assignment_group",
            "requested_by",
            "chg_model",
            "start_date",
            "end_date",
            "work_start",
            "work_end",
            "on_hold_reason",
            "close_code",
            "close_notes",
            "correlation_id",
            "sys_created_on",
            "sys_updated_on",
            "implementation_plan",
            "backout_plan",
            "test_plan",
            "justification",
        ],
    );
    let raw: serde_json::Map<String, Value> =
        act::EDITABLE.iter().map(|element| ((*element).to_owned(), change.get(element).into())).collect();
    let offered = act::offered(change.get("state"), change.is("on_hold"));
    Some(View::from([
        ("change", told),
        ("raw", Value::Object(raw)),
        ("mood", mood(change).into()),
        ("held", change.is("on_hold").into()),
        ("path", path(engine, change)),
        ("cancelled", (change.get("state") == model::CANCELED).into()),
        ("mine", waits_for(engine, person, change).into()),
        ("offered", offered.into()),
        ("approvals", approvals.into()),
        ("files", files.into()),
        ("tasks", tasks.into()),
        ("cis", cis.into()),
        ("history", entries(engine, person, id)),
    ]))
}

/// What was written in a record's journals, the newest first.
fn entries(engine: &Engine, person: &Caller, id: &str) -> Value {
    engine
        .having("sys_journal_field", "element_id", id)
        .into_iter()
        .rev()
        .map(|entry| {
            json!({
                "when": local_time(person, entry.get("sys_created_on")),
                "who": engine.name_of(entry.get("sys_created_by")),
                "what": entry.get("element").replace('_', " "),
                "text": entry.get("value"),
            })
        })
        .collect()
}

/// All incidents.
pub fn incidents(engine: &Engine, person: &Caller) -> View {
    let rows = newest(engine, person, "incident");
    let total = rows.len();
    let told = |incident: &Record| {
        fields(
            engine,
            person,
            incident,
            &["number", "short_description", "state", "priority", "assignment_group", "sys_updated_on"],
        )
    };
    View::from([("incidents", rows.into_iter().take(MOST_ROWS).map(told).collect()), ("total", total.into())])
}

/// One incident.
pub fn incident(engine: &Engine, person: &Caller, id: &str) -> Option<View> {
    let incident = engine.get("incident", id).filter(|incident| engine.may_read(person, incident))?;
    let elements = [
        "number",
        "short_description",
        "description",
        "state",
        "impact",
        "urgency",
        "priority",
        "category",
        "assignment_group",
        "caller_id",
        "cmdb_ci",
        "caused_by",
        "rfc",
        "correlation_id",
        "opened_at",
        "resolved_at",
        "close_code",
        "close_notes",
    ];
    let mut told = Vec::new();
    for element in elements {
        let label = engine.dictionary.column("incident", element).map(|column| column.label.clone());
        told.push(json!({ "label": label, "value": shown(engine, person, incident, element) }));
    }
    let changes: Vec<Value> = ["caused_by", "rfc"]
        .iter()
        .filter_map(|column| engine.get("change_request", incident.get(column)))
        .map(|change| json!({ "sys_id": change.sys_id(), "number": change.get("number") }))
        .collect();
    Some(View::from([
        ("number", incident.get("number").into()),
        ("summary", incident.get("short_description").into()),
        ("values", told.into()),
        ("changes", changes.into()),
        ("history", entries(engine, person, id)),
    ]))
}

fn edges(engine: &Engine, rows: &[&Record]) -> Vec<Edge> {
    rows.iter()
        .filter_map(|row| {
            let (parent, child) = (engine.get("cmdb", row.get("parent"))?, engine.get("cmdb", row.get("child"))?);
            let class = |ci: &Record| engine.dictionary.table(ci.table()).map(|table| table.label.clone());
            Some(Edge {
                parent: (parent.sys_id().to_owned(), parent.get("name").to_owned(), class(parent).unwrap_or_default()),
                child: (child.sys_id().to_owned(), child.get("name").to_owned(), class(child).unwrap_or_default()),
                kind: engine.display_of("cmdb_rel_type", row.get("type")),
            })
        })
        .collect()
}

/// All configuration items, the newest first, and the newest relations drawn.
pub fn items(engine: &Engine) -> View {
    let system = Caller::system();
    let mut rows = engine.store.scan(&engine.dictionary, "cmdb_ci");
    rows.reverse();
    let total = rows.len();
    let mut relations = engine.store.scan(&engine.dictionary, "cmdb_rel_ci");
    relations.reverse();
    relations.truncate(drawing::MOST_EDGES);
    let edges = edges(engine, &relations);
    let told = |ci: &Record| {
        fields(
            engine,
            &system,
            ci,
            &["name", "sys_class_name", "install_status", "operational_status", "discovery_source", "last_discovered"],
        )
    };
    View::from([
        ("items", rows.into_iter().take(MOST_ROWS).map(told).collect()),
        ("total", total.into()),
        ("drawing", drawing::draw(&edges, "").into()),
        ("relations", edges.iter().map(Edge::told).collect()),
    ])
}

/// One configuration item with its relations drawn.
pub fn item(engine: &Engine, id: &str) -> Option<View> {
    let ci = engine.get("cmdb_ci", id)?;
    let system = Caller::system();
    let mut values = Vec::new();
    for column in engine.dictionary.columns(ci.table()) {
        if !ci.lacks(&column.element) {
            values.push(json!({ "label": column.label, "value": engine.shown(&system, ci, column) }));
        }
    }
    let mut relations = engine.having("cmdb_rel_ci", "parent", id);
    relations.extend(engine.having("cmdb_rel_ci", "child", id));
    let total = relations.len();
    relations.truncate(drawing::MOST_EDGES);
    let edges = edges(engine, &relations);
    let keys: Vec<Value> = engine
        .having("cmdb_key_value", "configuration_item", id)
        .into_iter()
        .map(|row| json!({ "label": row.get("key"), "value": row.get("value") }))
        .collect();
    Some(View::from([
        ("name", ci.get("name").into()),
        ("class", shown(engine, &system, ci, "sys_class_name").into()),
        ("values", values.into()),
        ("keys", keys.into()),
        ("drawing", drawing::draw(&edges, id).into()),
        ("relations", edges.iter().map(Edge::told).collect()),
        ("total", total.into()),
    ]))
}

/// The newest requests.
pub fn requests(seen: &[Seen]) -> View {
    let rows: Vec<Value> = seen
        .iter()
        .rev()
        .take(MOST_ROWS)
        .map(|seen| {
            json!({
                "at": seen.at.strftime("%H:%M:%S").to_string(),
                "connection": seen.connection,
                "method": seen.method,
                "target": seen.target,
                "user": seen.user.as_deref().unwrap_or("nobody"),
                "status": if seen.status == 0 { "lost".to_owned() } else { seen.status.to_string() },
                "mood": match seen.status {
                    0 => "rejected",
                    200..=299 => "approved",
                    _ => "held",
                },
                "faulty": seen.faulty,
            })
        })
        .collect();
    View::from([("requests", rows.into()), ("total", seen.len().into())])
}
