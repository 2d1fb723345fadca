//! Making a change request, once.
//!
//! Through the Table API, which keeps the `sys_id` that a client gives: a repeated insert is refused and meets the first.
//! A standard change comes from its template by `std_change_producer_version`.

use super::{Change, FIELDS, Held, Items, TABLE, Work};
use crate::mapping::{self, Filled};
use crate::plugin::{Plugin, is_sys_id};
use crate::servicenow::{Inserted, datetime};
use crate::settings::ChangeType;
use crate::transport::{Field, Value};
use itsm_contract::types::{Failure, Problem, Schedule, SystemKind};
use std::fmt::Write;

/// The system that a change request says it comes from.
pub const ORIGIN: &str = "OpenFactory";

/// This work's change request, and what was learnt on the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The change request.
    pub held: Held,
    /// What the CMDB knows of the systems, where that was looked up.
    pub items: Option<Items>,
    /// This delivery made it.
    pub is_new: bool,
}

/// Makes this work's change request, or finds the one that an earlier delivery made.
///
/// # Errors
/// Where ServiceNow refuses it, a name in the settings means nothing, or ServiceNow cannot be asked.
pub fn create(plugin: &Plugin, work: Work) -> Result<Made, Failure> {
    let identity = work.identity(plugin);
    if work.delivery().attempt > 1
        && let Some(held) = Held::search(plugin, &identity.correlation_id)?
    {
        return Ok(Made { held, items: None, is_new: false });
    }
    let items = super::find_items(plugin, plugin.client(), work)?;
    let filled = values(plugin, work, &items)?;
    let read = filled.read_back(FIELDS);
    let (held, is_new) = match plugin.client().insert(TABLE, &identity, filled.values.clone(), &read)? {
        Inserted::Created(record) => {
            filled.tell_lost(plugin, &work.delivery().key, &record);
            (Held::ours(plugin, Change::read(&record)?, &identity.correlation_id)?, true)
        }
        Inserted::Existing(record) => (Held::ours(plugin, Change::read(&record)?, &identity.correlation_id)?, false),
        Inserted::Renamed(record) => {
            // Another host may have made one at the same moment: only the oldest counts.
            let held = Held::search(plugin, &identity.correlation_id)?.ok_or_else(hidden)?;
            let is_new = held.change.sys_id == record.text("sys_id");
            (held, is_new)
        }
    };
    if is_new {
        created(plugin, work, &held);
    }
    Ok(Made { held, items: Some(items), is_new })
}

fn created(plugin: &Plugin, work: Work, held: &Held) {
    let details = [("title", work.title()), ("type", held.change.kind.value().to_owned())];
    let details: Vec<_> = details.iter().map(|(name, value)| (*name, value.as_str())).collect();
    plugin.audit("change.created", &work.delivery().key, Some(&held.ticket), &details);
}

/// All that is sent, but for its identity.
pub(super) fn values(plugin: &Plugin, work: Work, items: &Items) -> Result<Filled, Failure> {
    let settings = &plugin.settings().change;
    let mut filled = mapping::fill(plugin, work.record_kind(), &work, defaults(plugin, work, items))?;
    let mut own = |name: &str, value: String| filled.values.insert(name.to_owned(), value.into());
    own("type", settings.kind.value().into());
    own("correlation_display", origin(work));
    if let Some(model) = &settings.model {
        own("chg_model", plugin.named("change.model", "chg_model", "name", model)?);
    }
    if settings.kind == ChangeType::Standard {
        own("std_change_producer_version", template(plugin)?);
    }
    Ok(filled)
}

/// The system, and the digest that approval is asked for: an artifact that was exchanged since is noticed.
pub fn origin(work: Work) -> String {
    match &work.build().image.digest {
        Some(digest) => format!("{ORIGIN} {digest}"),
        None => ORIGIN.into(),
    }
}

/// The version of the template that the settings name.
fn template(plugin: &Plugin) -> Result<String, Failure> {
    let misconfigured = |code: &str, summary: String, remedy: &str| {
        Failure::Misconfigured(Problem { code: code.into(), summary, remedy: remedy.into(), detail: None })
    };
    let Some(name) = &plugin.settings().change.template else {
        return Err(misconfigured(
            "settings.template-missing",
            "a standard change needs a template".into(),
            "name a standard change template in `change.template`, or choose another `change.type`",
        ));
    };
    if is_sys_id(name) {
        return Ok(name.clone());
    }
    let found = plugin.client().find("std_change_record_producer", "sys_name", name, "current_version")?;
    match found.map(|template| template.text("current_version").into_owned()).filter(|version| is_sys_id(version)) {
        Some(version) => Ok(version),
        None => Err(misconfigured(
            "settings.template-unknown",
            format!("no standard change template with a current version is called `{name}`"),
            "check `change.template`, and that the integration user may read standard change templates",
        )),
    }
}

/// What the plugin itself says, before the mapping.
pub(super) fn defaults(plugin: &Plugin, work: Work, items: &Items) -> Vec<Field> {
    let mut fields =
        vec![Field::text("short_description", work.title()), Field::text("description", description(work, items))];
    if let Some(group) = &plugin.settings().change.assignment_group {
        fields.push(Field { name: "assignment_group".into(), value: Value::Named(group.clone()) });
    }
    if let Some(item) = items.known.first() {
        fields.push(Field::text("cmdb_ci", item));
    }
    if let Some(Schedule::Window(window)) = work.schedule() {
        let times = [("start_date", window.start), ("end_date", window.end)];
        fields.extend(times.into_iter().filter_map(|(name, time)| Some(Field::text(name, datetime::text(time)?))));
    }
    fields
}

/// What a person reads before they approve.
fn description(work: Work, items: &Items) -> String {
    let build = work.build();
    let image = &build.image;
    let mut text = format!("{}\n\nImage: {} {}", work.title(), image.name, image.version);
    let mut line = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = write!(text, "\n{name}: {value}");
        }
    };
    line("Digest", image.digest.as_deref());
    line("Format", image.format.as_deref());
    line("Artifact", image.location.as_deref());
    line("Build", Some(&build.id));
    line("Source revision", build.source_revision.as_deref());
    line("Requested by", build.requested_by.as_deref());
    line("More", build.url.as_deref());
    if let Some(environment) = work.environment() {
        let tier = super::controlled::tier_name(&environment.tier);
        line("Environment", Some(&format!("{} ({tier})", environment.name)));
    }
    for (name, value) in work.labels() {
        line(name, Some(value));
    }
    if !work.systems().is_empty() {
        text.push_str("\n\nSystems:");
    }
    for system in work.systems() {
        let kind = match &system.kind {
            SystemKind::Virtual => "virtual",
            SystemKind::Physical => "physical",
            SystemKind::Other(kind) => kind,
        };
        let is_unknown = items.unknown.contains(&system.name);
        let note = if is_unknown { ", no configuration item yet" } else { "" };
        let _ = write!(text, "\n- {} ({kind}{note})", system.name);
    }
    text
}

/// ServiceNow says that it made the record, and does not show it.
fn hidden() -> Failure {
    Failure::Misconfigured(Problem {
        code: "change.hidden".into(),
        summary: "the change request was made, and cannot be found again".into(),
        remedy: "let the integration user read change requests and search them by correlation_id".into(),
        detail: None,
    })
}
