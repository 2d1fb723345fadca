//! The settings document: what an administrator decides. Parsed once, when a hook is called; unknown keys are refused
//! with the nearest known one.
//!
//! People write it as TOML; the host hands it over as JSON. It names a credential and never holds one. Every key has a
//! default but `instance.url` and `instance.credential`.

mod change;
mod duration;
mod error;
mod incident;
mod origin;
mod records;
#[cfg(test)]
mod schema;

pub use change::{Approval, Cancelled, Change, ChangeType, Close, Controlled, OnRejected, OnTimeout};
pub use duration::{Duration, Timeout};
pub use error::SettingsError;
pub use incident::{Grade, Incident, Severity, Step};
pub use origin::Origin;
pub use records::{Cmdb, Evidence, MappingRules, OnError, Placement};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// JSON Schema of the document.
pub const SCHEMA: &str = include_str!("settings.schema.json");

/// The whole document.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case", deny_unknown_fields))]
pub struct Settings {
    /// The instance, and whose records these are.
    pub instance: Instance,
    /// What is done at all.
    #[cfg_attr(test, schemars(default))]
    pub workflows: Workflows,
    /// Change requests.
    #[cfg_attr(test, schemars(default))]
    pub change: Change,
    /// Approval gates.
    #[cfg_attr(test, schemars(default))]
    pub approval: Approval,
    /// Incidents.
    #[cfg_attr(test, schemars(default))]
    pub incident: Incident,
    /// Configuration items and relations.
    #[cfg_attr(test, schemars(default))]
    pub cmdb: Cmdb,
    /// What is kept for audit.
    #[cfg_attr(test, schemars(default))]
    pub evidence: Evidence,
    /// The customer's own rules for what records say.
    #[cfg_attr(test, schemars(default))]
    pub mapping: MappingRules,
}

impl Settings {
    /// Reads the settings from JSON.
    ///
    /// # Errors
    /// Names the key, and for an unknown one the nearest known one.
    pub fn parse(json: &str) -> Result<Self, SettingsError> {
        let whole = |error: serde_json::Error| SettingsError::new("", &error.to_string());
        let mut document: Map<String, Value> = serde_json::from_str(json).map_err(whole)?;
        let settings = Self {
            instance: section(&mut document, "instance")?
                .ok_or_else(|| SettingsError::new("instance", "missing: it holds `url` and `credential`"))?,
            workflows: section(&mut document, "workflows")?.unwrap_or_default(),
            change: section(&mut document, "change")?.unwrap_or_default(),
            approval: section(&mut document, "approval")?.unwrap_or_default(),
            incident: section(&mut document, "incident")?.unwrap_or_default(),
            cmdb: section(&mut document, "cmdb")?.unwrap_or_default(),
            evidence: section(&mut document, "evidence")?.unwrap_or_default(),
            mapping: section(&mut document, "mapping")?.unwrap_or_default(),
        };
        if let Some(key) = document.keys().next() {
            return Err(SettingsError::unknown("", key, SECTIONS.iter().copied()));
        }
        if settings.change.kind == ChangeType::Standard && settings.change.template.is_none() {
            return Err(SettingsError::new(
                "change.template",
                "missing: a standard change is made from a template; name it here, or give its sys_id",
            ));
        }
        Ok(settings)
    }
}

/// What may stand at the top of the document.
const SECTIONS: &[&str] = &["instance", "workflows", "change", "approval", "incident", "cmdb", "evidence", "mapping"];

/// Takes one section out of the document. One at a time, so that an error knows where it is: a deserializer that keeps
/// its path would make the component an eighth larger.
fn section<T: DeserializeOwned>(document: &mut Map<String, Value>, name: &str) -> Result<Option<T>, SettingsError> {
    let Some(value) = document.remove(name) else { return Ok(None) };
    match serde_json::from_value(value.clone()) {
        Ok(section) => Ok(Some(section)),
        Err(error) => {
            let words = error.to_string();
            // Read alone, only a key that is wrong by itself says the same again.
            let is_wrong = |key: &str, value: &Value| {
                let alone = Map::from_iter([(key.to_owned(), value.clone())]);
                serde_json::from_value::<T>(alone.into()).is_err_and(|error| error.to_string() == words)
            };
            let keys = value.as_object().into_iter().flatten();
            let key = keys.filter(|_| !words.starts_with("missing field")).find(|(key, value)| is_wrong(key, value));
            let path = key.map_or_else(|| name.to_owned(), |(key, _)| format!("{name}.{key}"));
            Err(SettingsError::new(&path, &words))
        }
    }
}

/// The instance, and whose records these are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Instance {
    /// Such as `https://example.service-now.com`.
    pub url: Origin,
    /// The name of the credential that the host adds. The plugin never sees the credential itself.
    pub credential: String,
    /// Tells the records of several OpenFactory installations on one instance apart.
    #[serde(default = "Instance::default_tenant")]
    pub tenant: String,
}

impl Instance {
    fn default_tenant() -> String {
        "openfactory".into()
    }
}

/// What is done at all.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Workflows {
    /// Create or link a change request for a build and a deployment.
    pub change_requests: bool,
    /// Wait until it is approved. Without it, work proceeds as soon as the change request exists.
    pub approval_gates: bool,
    /// Open incidents for failures.
    pub incidents: bool,
    /// Record images and systems.
    pub cmdb: bool,
    /// Attach evidence.
    pub evidence: bool,
}

impl Default for Workflows {
    fn default() -> Self {
        Self { change_requests: true, approval_gates: true, incidents: true, cmdb: true, evidence: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_smallest_settings_are_an_instance_and_a_credential() {
        let settings =
            Settings::parse(r#"{"instance":{"url":"https://x.service-now.com","credential":"sn"}}"#).unwrap();
        assert_eq!(settings.workflows, Workflows::default());
        assert_eq!(settings.instance.tenant, "openfactory");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_known_one() {
        let instance = r#""instance":{"url":"https://x.service-now.com","credential":"sn"}"#;
        let error = Settings::parse(&format!(r#"{{{instance},"approval":{{"timeot":"1h"}}}}"#)).unwrap_err();
        assert_eq!(error.path, "approval.timeot");
        assert_eq!(error.message, "unknown key `timeot`: did you mean `timeout`?");
        let error = Settings::parse(&format!(r#"{{{instance},"aproval":{{}}}}"#)).unwrap_err();
        assert_eq!(error.message, "unknown key `aproval`: did you mean `approval`?");
    }

    #[test]
    fn a_missing_key_is_named_where_it_belongs() {
        let error = Settings::parse(r#"{"instance":{"url":"https://x.service-now.com"}}"#).unwrap_err();
        assert_eq!((error.path.as_str(), error.message.as_str()), ("instance", "missing field `credential`"));
        let error = Settings::parse("{}").unwrap_err();
        assert_eq!(error.to_string(), "instance: missing: it holds `url` and `credential`");
    }

    #[test]
    fn a_standard_change_needs_its_template() {
        let settings = r#"{"instance":{"url":"https://x","credential":"sn"},"change":{"type":"standard"}}"#;
        assert_eq!(Settings::parse(settings).unwrap_err().path, "change.template");
    }

    #[test]
    fn a_wrong_value_is_named_by_its_key() {
        let settings = |more: &str| {
            let text = format!(r#"{{"instance":{{"url":"https://x","credential":"sn"}},{more}}}"#);
            Settings::parse(&text).unwrap_err().to_string()
        };
        assert_eq!(
            settings(r#""approval":{"interval":"60s","timeout":"soon"}"#),
            "approval.timeout: `soon` is no length of time: write a whole number and ms, s, m, h or d, such as 90s, \
             and ten years at most, or `never`"
        );
        assert_eq!(
            settings(r#""change":{"type":"normal","close":"later"}"#),
            "change.close: unknown value `later`: it is one of after-build, after-deployment, never"
        );
        assert_eq!(
            settings(r#""change":{"controlled":{"teirs":[]}}"#),
            "change.controlled.teirs: unknown key `teirs`: did you mean `tiers`?"
        );
        assert_eq!(
            settings(r#""workflows":{"cmdb":1}"#),
            "workflows.cmdb: invalid type: integer `1`, expected a boolean"
        );
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,200}") {
            let _ = Settings::parse(&text);
        }
    }
}
