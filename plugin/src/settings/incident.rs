//! Which failures open an incident, and how grave it is.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Incidents for failures.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Incident {
    /// Which failures open one. A step of the customer's own counts as `other`.
    pub steps: Vec<Step>,
    /// Impact and urgency by tier; a tier that is not named takes the default for it.
    pub severity: BTreeMap<String, Severity>,
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
}

impl Default for Incident {
    fn default() -> Self {
        Self {
            steps: vec![Step::Build, Step::Verification, Step::Deployment, Step::Delivery, Step::Other],
            severity: BTreeMap::new(),
            assignment_group: None,
            caller: None,
            reopen: false,
            resolve: true,
            close_code: None,
        }
    }
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// From 1, high, to 3, low. ServiceNow computes the priority from both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Severity {
    /// How much suffers.
    pub impact: u8,
    /// How soon it must be put right.
    pub urgency: u8,
}
