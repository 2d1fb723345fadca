//! The report: one HTML file that needs nothing else. And the evidence, as ServiceNow holds it.

use super::stage::Stage;
use super::story::Step;
use crate::cli::audit;
use anyhow::{Context as _, Result};
use host_harness::grant::audit::{self as log, Entry};
use host_harness::servicenow::Record;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Records of one kind, as the report shows them.
#[derive(Serialize)]
struct Table {
    title: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// Writes what ServiceNow holds as attachments below a folder, in one for each change, and says which files it wrote. What
/// an earlier demonstration left there goes: it would be read as this one's.
pub fn keep_evidence(stage: &Stage, folder: &Path) -> Result<Vec<PathBuf>> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    let mut written = Vec::new();
    for file in stage.instance.records("sys_attachment") {
        let Some(content) = stage.instance.attachment(file.sys_id()) else { continue };
        let change = number_of(stage, file.get("table_sys_id"));
        let folder = folder.join(change);
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Whatever a file is called in ServiceNow, here it is a name and no path.
        let name = file.get("file_name").replace(['/', '\\'], "_");
        let path = folder.join(name.trim_start_matches('.'));
        std::fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

/// Writes the report.
pub fn write(stage: &Stage, audit: &Path, path: &Path) -> Result<()> {
    let requests = stage.instance.requests();
    let ours: Vec<_> =
        requests.iter().filter(|seen| seen.user.as_deref() == Some(&stage.instance.account().user)).collect();
    let connections: BTreeSet<u64> = ours.iter().map(|seen| seen.connection).collect();
    let acts: Vec<Value> = stage
        .story
        .acts
        .iter()
        .map(|act| serde_json::json!({"title": act.title, "steps": act.steps.iter().map(shown).collect::<Vec<_>>()}))
        .collect();
    let mut environment = minijinja::Environment::new();
    environment.add_template("report.html", include_str!("report.html"))?;
    let content = serde_json::json!({
        "story": {"acts": acts, "expected": stage.story.is_as_expected()},
        "requests": ours.len(),
        "connections": connections.len(),
        "tables": tables(stage),
        "audit": entries(audit)?,
    });
    let html = environment.get_template("report.html")?.render(minijinja::value::Serde(content))?;
    std::fs::write(path, html).with_context(|| format!("cannot write {}", path.display()))
}

fn shown(step: &Step) -> Value {
    let clock = itsm_contract::json::time::text(step.at).unwrap_or_default();
    let clock = clock.get(11..19).unwrap_or_default();
    serde_json::json!({
        "clock": clock, "who": step.who, "what": step.what, "mark": step.mark,
        "lines": step.lines, "tickets": step.tickets, "surprise": step.surprise,
    })
}

fn tables(stage: &Stage) -> Vec<Table> {
    let rows = |table: &str, row: &dyn Fn(&Record) -> Vec<String>, is_ours: &dyn Fn(&Record) -> bool| {
        stage.instance.records(table).iter().filter(|record| is_ours(record)).map(row).collect::<Vec<_>>()
    };
    let task = |table: &'static str, names: [&'static str; 4]| {
        move |record: &Record| {
            names.iter().map(|name| label_of(stage, table, name, record.get(name))).collect::<Vec<_>>()
        }
    };
    let has_key = |record: &Record| !record.get("correlation_id").is_empty();
    let is_related = |record: &Record| record.get("sys_created_by") != "system";
    vec![
        Table {
            title: "Change requests",
            columns: vec!["Number", "State", "Approval", "What"],
            rows: rows(
                "change_request",
                &task("change_request", ["number", "state", "approval", "short_description"]),
                &has_key,
            ),
        },
        Table {
            title: "Approvals",
            columns: vec!["Change", "Approver", "State", "Comment"],
            rows: rows(
                "sysapproval_approver",
                &|record| {
                    vec![
                        number_of(stage, record.get("sysapproval")),
                        name_of(stage, "sys_user", record.get("approver")),
                        label_of(stage, "sysapproval_approver", "state", record.get("state")),
                        stage.instance.journal(record.sys_id(), "comments").join("; "),
                    ]
                },
                &|_| true,
            ),
        },
        Table {
            title: "Incidents",
            columns: vec!["Number", "State", "Priority", "What"],
            rows: rows("incident", &task("incident", ["number", "state", "priority", "short_description"]), &has_key),
        },
        Table {
            title: "Configuration items and relations",
            columns: vec!["Parent", "Child"],
            rows: rows(
                "cmdb_rel_ci",
                &|record| {
                    vec![
                        name_of(stage, "cmdb_ci", record.get("parent")),
                        name_of(stage, "cmdb_ci", record.get("child")),
                    ]
                },
                &is_related,
            ),
        },
    ]
}

/// What people read for a choice's value; the value itself where it is no choice.
fn label_of(stage: &Stage, table: &str, element: &str, value: &str) -> String {
    let choices = stage.instance.records("sys_choice");
    let is_it = |choice: &&Record, name: &str| {
        choice.get("name") == name && choice.get("element") == element && choice.get("value") == value
    };
    let found = [table, "task"].iter().find_map(|name| choices.iter().find(|choice| is_it(choice, name)));
    found.map_or(value, |choice| choice.get("label")).to_owned()
}

/// The number of a task, or its `sys_id` where there is none.
fn number_of(stage: &Stage, sys_id: &str) -> String {
    field_of(stage, "task", sys_id, "number")
}

fn name_of(stage: &Stage, table: &str, sys_id: &str) -> String {
    field_of(stage, table, sys_id, "name")
}

fn field_of(stage: &Stage, table: &str, sys_id: &str, field: &str) -> String {
    let records = stage.instance.records(table);
    let found = records.iter().find(|record| record.sys_id() == sys_id).map(|record| record.get(field).to_owned());
    found.filter(|value| !value.is_empty()).unwrap_or_else(|| sys_id.to_owned())
}

fn entries(path: &Path) -> Result<Vec<Value>> {
    let row = |entry: Entry| {
        serde_json::json!({
            "at": itsm_contract::json::time::text(entry.time),
            "by": audit::who(&entry),
            "action": entry.action,
            "number": entry.subject.as_ref().map(|ticket| ticket.number.as_str()).unwrap_or_default(),
            "facts": audit::facts(&entry),
        })
    };
    Ok(log::entries(path)?.map(|entry| entry.map(row)).collect::<Result<_, _>>()?)
}
