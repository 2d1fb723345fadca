//! What is said of one record: the plugin's own fields, and what the mapping makes of them.

use super::blank::Blank;
use super::{MappingError, Recorded};
use crate::guest::Trial;
use crate::guest::trial::{Field, Mapped, Value};
use itsm_contract::answers::Event;
use itsm_contract::types::{System, SystemKind};
use servicenow_plugin::diagnostics;
use servicenow_plugin::plugin::Plugin;
use servicenow_plugin::settings::{Cmdb, Settings};
use servicenow_plugin::transport::{self, Complaint, Grants, Mapping, Produced};
use std::cell::RefCell;

/// One record that an event makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// `build-change`, `deploy-change`, `incident`, `image` or `system`.
    pub kind: String,
    /// What it is about, where an event makes several: a system's name.
    pub name: Option<String>,
    /// The table that it is made in.
    pub table: String,
    /// What the plugin would send without a mapping.
    pub before: Vec<Field>,
    /// What it sends, or why it sends nothing.
    pub after: Result<Vec<Field>, String>,
}

/// The records that an event makes where there is none yet. `settings` are the whole settings as JSON.
///
/// # Errors
/// Where the settings cannot be used.
pub fn records(settings: &str, trial: &Trial, recorded: &Recorded) -> Result<Vec<Record>, MappingError> {
    let parsed = parse(settings)?;
    let rules = serde_json::Value::Object(parsed.mapping.rules.clone()).to_string();
    let listener = Listener { trial, rules, cmdb: &parsed.cmdb, heard: RefCell::default() };
    let grants =
        Grants { transport: &Blank, audit: &Blank, mapping: Some(&listener), now: occurred_at(&recorded.event) };
    let plugin = Plugin::new(grants, settings)
        .map_err(|failure| MappingError::Settings { path: "settings".into(), message: format!("{failure:?}") })?;
    // What it answers is of no interest: it asks the mapping before it does anything, and there is nothing to do it to.
    let _ = diagnostics::preview(&plugin, &recorded.event);
    Ok(listener.heard.into_inner())
}

/// The settings as the plugin reads them.
pub(super) fn parse(settings: &str) -> Result<Settings, MappingError> {
    Settings::parse(settings)
        .map_err(|error| MappingError::Settings { path: error.path.clone(), message: error.message.clone() })
}

fn occurred_at(event: &Event) -> u64 {
    match event {
        Event::BuildRequested(request) => request.delivery.occurred_at,
        Event::BuildFinished(result) => result.delivery.occurred_at,
        Event::Failed(failed) => failed.delivery.occurred_at,
        Event::Deploy(deployed) => deployed.delivery.occurred_at,
    }
}

/// Stands where the mapping does, asks it, and writes both sides down.
struct Listener<'a> {
    trial: &'a Trial,
    rules: String,
    cmdb: &'a Cmdb,
    heard: RefCell<Vec<Record>>,
}

impl Mapping for Listener<'_> {
    fn check_rules(&self, _: &str) -> Result<Vec<Produced>, Vec<Complaint>> {
        Ok(Vec::new())
    }

    fn apply(
        &self,
        _: &str,
        kind: &str,
        event: &str,
        defaults: Vec<transport::Field>,
    ) -> Result<transport::Mapped, Complaint> {
        let before: Vec<Field> = defaults.iter().map(field).collect();
        let said = match self.trial.apply(&self.rules, kind, event, &before) {
            Ok(Ok(mapped)) => Ok(mapped),
            Ok(Err(complaint)) => Err(format!("{}: {}", complaint.path, complaint.message)),
            Err(error) => Err(error.to_string()),
        };
        let system = system(event);
        let class = said.as_ref().ok().and_then(|mapped: &Mapped| mapped.class_name.clone());
        self.heard.borrow_mut().push(Record {
            kind: kind.to_owned(),
            name: system.as_ref().map(|system| system.name.clone()),
            table: class.unwrap_or_else(|| table(kind, system.as_ref(), self.cmdb)),
            before,
            after: said.map(|mapped| mapped.fields),
        });
        // The plugin goes on with its own fields, so that the next record is asked for too.
        Ok(transport::Mapped { class_name: None, fields: defaults })
    }
}

/// The one system of a `system` event.
fn system(event: &str) -> Option<System> {
    let event: serde_json::Value = serde_json::from_str(event).ok()?;
    serde_json::from_value(event.get("system")?.clone()).ok()
}

/// The table of a kind of record, without a mapping.
fn table(kind: &str, system: Option<&System>, cmdb: &Cmdb) -> String {
    match (kind, system) {
        ("incident", _) => "incident".into(),
        ("image", _) => cmdb.image_class.clone(),
        ("system", Some(System { kind: SystemKind::Virtual, .. })) => cmdb.virtual_class.clone(),
        ("system", _) => cmdb.physical_class.clone(),
        _ => "change_request".into(),
    }
}

fn field(field: &transport::Field) -> Field {
    let value = match &field.value {
        transport::Value::Text(text) => Value::Text(text.clone()),
        transport::Value::Named(name) => Value::Named(name.clone()),
    };
    Field { name: field.name.clone(), value }
}
