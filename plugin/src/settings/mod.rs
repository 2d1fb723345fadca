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

pub use change::{Approval, Cancelled, Change, ChangeType, Close, Controlled, OnRejected, OnTimeout};
pub use duration::Duration;
pub use error::SettingsError;
pub use incident::{Grade, Incident, Severity, Step};
pub use origin::Origin;
pub use records::{Cmdb, Evidence, MappingRules, OnError, Placement};

use serde::Deserialize;

/// The whole document.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// The instance, and whose records these are.
    pub instance: Instance,
    /// What is done at all.
    #[serde(default)]
    pub workflows: Workflows,
    /// Change requests.
    #[serde(default)]
    pub change: Change,
    /// Approval gates.
    #[serde(default)]
    pub approval: Approval,
    /// Incidents.
    #[serde(default)]
    pub incident: Incident,
    /// Configuration items and relations.
    #[serde(default)]
    pub cmdb: Cmdb,
    /// What is kept for audit.
    #[serde(default)]
    pub evidence: Evidence,
    /// The customer's own rules for what records say.
    #[serde(default)]
    pub mapping: MappingRules,
}

impl Settings {
    /// Reads the settings from JSON.
    ///
    /// # Errors
    /// Names the key, and for an unknown one the nearest known one.
    pub fn parse(json: &str) -> Result<Self, SettingsError> {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| SettingsError::new(&error.path().to_string(), &error.inner().to_string()))
    }
}

/// The instance, and whose records these are.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,200}") {
            let _ = Settings::parse(&text);
        }
    }
}
