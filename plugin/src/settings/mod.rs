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
mod read;
mod records;
#[cfg(test)]
mod schema;

pub use change::{Approval, Cancelled, Change, ChangeType, Close, Controlled, OnRejected, OnTimeout};
pub use duration::{Duration, Timeout};
pub use error::SettingsError;
pub use incident::{Grade, Incident, Severity, Step};
pub use origin::Origin;
pub use records::{Cmdb, Evidence, MappingRules, OnError, Placement};

use read::{Section, Setting, Table};
use serde_json::Value;

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
        let whole = |message: String| SettingsError { path: String::new(), message };
        // As bytes, since all other JSON comes so: texts would be read by a second copy of the parser.
        let document: Value = serde_json::from_slice(json.as_bytes()).map_err(|error| whole(error.to_string()))?;
        let mut document = Table::new("", document)?;
        let mut instance = None;
        document.take("instance", &mut instance)?;
        let missing = || SettingsError { path: "instance".into(), message: MISSING.into() };
        let mut settings = Self {
            instance: instance.ok_or_else(missing)?,
            workflows: Workflows::default(),
            change: Change::default(),
            approval: Approval::default(),
            incident: Incident::default(),
            cmdb: Cmdb::default(),
            evidence: Evidence::default(),
            mapping: MappingRules::default(),
        };
        document.take("workflows", &mut settings.workflows)?;
        document.take("change", &mut settings.change)?;
        document.take("approval", &mut settings.approval)?;
        document.take("incident", &mut settings.incident)?;
        document.take("cmdb", &mut settings.cmdb)?;
        document.take("evidence", &mut settings.evidence)?;
        document.take("mapping", &mut settings.mapping)?;
        document.done()?;
        if settings.change.kind == ChangeType::Standard && settings.change.template.is_none() {
            return Err(SettingsError {
                path: "change.template".into(),
                message: "missing: a standard change is made from a template; name it here, or give its sys_id".into(),
            });
        }
        Ok(settings)
    }
}

/// What is said where there is no instance.
const MISSING: &str = "missing: it holds `url` and `credential`";

/// The instance, and whose records these are.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case", deny_unknown_fields))]
pub struct Instance {
    /// Such as `https://example.service-now.com`.
    pub url: Origin,
    /// The name of the credential that the host adds. The plugin never sees the credential itself.
    pub credential: String,
    /// Tells the records of several OpenFactory installations on one instance apart.
    #[cfg_attr(test, serde(default = "Instance::default_tenant"))]
    pub tenant: String,
}

impl Instance {
    fn default_tenant() -> String {
        "openfactory".into()
    }
}

impl Setting for Instance {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let mut table = Table::new(path, value)?;
        let (url, credential) = (table.need("url")?, table.need("credential")?);
        let mut instance = Self { url, credential, tenant: Self::default_tenant() };
        table.take("tenant", &mut instance.tenant)?;
        table.done()?;
        Ok(instance)
    }
}

/// What is done at all.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case", deny_unknown_fields, default))]
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

impl Section for Workflows {
    fn fill(&mut self, table: &mut Table) -> Result<(), SettingsError> {
        table.take("change-requests", &mut self.change_requests)?;
        table.take("approval-gates", &mut self.approval_gates)?;
        table.take("incidents", &mut self.incidents)?;
        table.take("cmdb", &mut self.cmdb)?;
        table.take("evidence", &mut self.evidence)
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

    /// The words of a type that is one of some.
    fn words(schema: &Value, of: &Value) -> Vec<String> {
        let name = |of: &Value| Some(of.get("$ref")?.as_str()?.rsplit('/').next()?.to_owned());
        let of = of.get("items").unwrap_or(of);
        let Some(name) = name(of) else { return Vec::new() };
        let cases = schema["$defs"][&name]["oneOf"].as_array().cloned().unwrap_or_default();
        cases.iter().filter_map(|case| case["const"].as_str().map(str::to_owned)).collect()
    }

    #[test]
    fn every_key_and_every_word_of_the_schema_is_read() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let instance = serde_json::json!({"url": "https://x", "credential": "sn"});
        let (mut keys, mut chosen) = (0, 0);
        for (section, of) in schema["properties"].as_object().unwrap() {
            let name = of["$ref"].as_str().or(of["allOf"][0]["$ref"].as_str()).unwrap().rsplit('/').next().unwrap();
            for (key, of) in schema["$defs"][name]["properties"].as_object().unwrap() {
                let with = |value: Value| {
                    let mut document = serde_json::json!({"instance": instance.clone(), section: {}});
                    if section == "instance" {
                        document["instance"] = instance.clone();
                    }
                    document[section][key] = value;
                    Settings::parse(&document.to_string())
                };
                // No key takes a list of lists: one that is read is told to be wrong, and no other is known.
                let error = with(serde_json::json!([[]])).unwrap_err();
                assert_eq!(error.path, format!("{section}.{key}"));
                assert!(!error.message.starts_with("unknown key"), "{error}");
                keys += 1;
                for word in words(&schema, of) {
                    let is_list = of.get("items").is_some();
                    let value = if is_list { serde_json::json!([word]) } else { word.clone().into() };
                    if let Err(error) = with(value) {
                        // A standard change needs a template beside it.
                        assert_eq!((word.as_str(), error.path.as_str()), ("standard", "change.template"));
                    }
                    chosen += 1;
                }
            }
        }
        assert!(keys >= 35 && chosen >= 20, "{keys} keys, {chosen} words");
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,200}") {
            let _ = Settings::parse(&text);
        }
    }
}
