//! Which failures open an incident, and how grave it is.

use super::SettingsError;
use super::read::{Section, Setting, Table, word};
use itsm_contract::events::FailedStep;
use serde_json::Value;
#[cfg(test)]
use std::collections::BTreeMap;

/// Incidents for failures.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case", deny_unknown_fields, default))]
pub struct Incident {
    /// Which failures open one. A step of the customer's own counts as `other`.
    pub steps: Vec<Step>,
    /// Impact and urgency by tier: `development`, `test`, `staging`, `production` or a customer's own. Production has 2
    /// and 2 where nothing is said, staging 3 and 2, every other 3 and 3.
    #[cfg_attr(test, serde(serialize_with = "as_map"), schemars(with = "BTreeMap<String, Severity>"))]
    pub severity: Vec<(String, Severity)>,
    /// Who works on it, by name or `sys_id`; none leaves it to the instance's assignment rules.
    pub assignment_group: Option<String>,
    /// For whom it is opened, by user name or `sys_id`; none leaves it empty.
    pub caller: Option<String>,
    /// A failure after the incident was resolved reopens it; without it, a new one is opened and linked. A closed
    /// incident is never touched.
    pub reopen: bool,
    /// Success of the same thing resolves it.
    pub resolve: bool,
    /// The resolution code, by value; none takes one that the instance knows.
    pub close_code: Option<String>,
    /// The recommended next action by step, in place of the plugin's own words.
    #[cfg_attr(test, serde(serialize_with = "as_map"), schemars(with = "BTreeMap<Step, String>"))]
    pub next_action: Vec<(Step, String)>,
}

impl Incident {
    /// Impact and urgency of a failure in this tier.
    pub fn severity(&self, tier: Option<&str>) -> Severity {
        let default = match tier {
            Some("production") => Severity { impact: Grade(2), urgency: Grade(2) },
            Some("staging") => Severity { impact: Grade(3), urgency: Grade(2) },
            _ => Severity { impact: Grade(3), urgency: Grade(3) },
        };
        let said = self.severity.iter().find(|(known, _)| Some(known.as_str()) == tier);
        said.map_or(default, |(_, severity)| *severity)
    }

    /// The recommended next action after a failure of this step, where the settings give one.
    pub fn next_action(&self, step: Step) -> Option<&str> {
        self.next_action.iter().find(|(known, _)| *known == step).map(|(_, words)| words.as_str())
    }
}

impl Default for Incident {
    fn default() -> Self {
        Self {
            steps: vec![Step::Build, Step::Verification, Step::Deployment, Step::Delivery, Step::Other],
            severity: Vec::new(),
            assignment_group: None,
            caller: None,
            reopen: false,
            resolve: true,
            close_code: None,
            next_action: Vec::new(),
        }
    }
}

/// In the schema, these are maps.
#[cfg(test)]
fn as_map<K: serde::Serialize, V: serde::Serialize, S: serde::Serializer>(
    pairs: &[(K, V)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(key, value)| (key, value)))
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case"))]
pub enum Step {
    /// The build.
    Build,
    /// A required verification.
    Verification,
    /// The deployment.
    Deployment,
    /// The delivery of an event to ServiceNow.
    Delivery,
    /// Any other step.
    Other,
}

impl Step {
    /// The switch for this step.
    pub fn of(step: &FailedStep) -> Self {
        match step {
            FailedStep::Build => Self::Build,
            FailedStep::Verification => Self::Verification,
            FailedStep::Deployment => Self::Deployment,
            FailedStep::Delivery => Self::Delivery,
            FailedStep::Other(_) => Self::Other,
        }
    }
}

/// How grave a failure is. ServiceNow computes the priority from both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case", deny_unknown_fields))]
pub struct Severity {
    /// How much suffers.
    pub impact: Grade,
    /// How soon it must be put right.
    pub urgency: Grade,
}

/// From 1, high, to 3, low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
pub struct Grade(#[cfg_attr(test, schemars(range(min = 1, max = 3)))] u8);

impl std::fmt::Display for Grade {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Section for Incident {
    fn fill(&mut self, table: &mut Table) -> Result<(), SettingsError> {
        table.take("steps", &mut self.steps)?;
        table.take("severity", &mut self.severity)?;
        table.take("assignment-group", &mut self.assignment_group)?;
        table.take("caller", &mut self.caller)?;
        table.take("reopen", &mut self.reopen)?;
        table.take("resolve", &mut self.resolve)?;
        table.take("close-code", &mut self.close_code)?;
        table.take("next-action", &mut self.next_action)
    }
}

impl Setting for Step {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let words = [
            ("build", Self::Build),
            ("verification", Self::Verification),
            ("deployment", Self::Deployment),
            ("delivery", Self::Delivery),
            ("other", Self::Other),
        ];
        word(path, &value, &words)
    }
}

impl Setting for Severity {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let mut table = Table::new(path, value)?;
        let severity = Self { impact: table.need("impact")?, urgency: table.need("urgency")? };
        table.done()?;
        Ok(severity)
    }
}

impl Setting for Grade {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        match value.as_u64().and_then(|grade| u8::try_from(grade).ok()) {
            Some(grade @ 1..=3) => Ok(Self(grade)),
            _ => {
                let message = format!("{value} is no grade: write 1 for high, 2 for medium or 3 for low");
                Err(SettingsError { path: path.into(), message })
            }
        }
    }
}
