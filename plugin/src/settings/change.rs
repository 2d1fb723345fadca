//! What is controlled, how a change request is made, and how its gate is judged.

use super::SettingsError;
use super::read::{Section, Setting, Table, word};
use super::{Duration, Timeout};
use serde_json::Value;

/// How a change request is made and closed.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case", deny_unknown_fields, default))]
pub struct Change {
    /// Normal, standard or emergency.
    #[cfg_attr(test, serde(rename = "type"))]
    pub kind: ChangeType,
    /// For a standard change: the template, by name or by the `sys_id` of its `std_change_producer_version`.
    pub template: Option<String>,
    /// The change model, by name or `sys_id`; none leaves it to the instance.
    pub model: Option<String>,
    /// Who does the work, by name or `sys_id`. ServiceNow asks for one before a change can leave New.
    pub assignment_group: Option<String>,
    /// Which builds and deployments need a change request.
    pub controlled: Controlled,
    /// Ask for approval as soon as the change request is complete. Without it, a person does.
    pub submit: bool,
    /// When it is closed.
    pub close: Close,
    /// What becomes of it when the work is given up, and when nobody answered in time.
    pub on_cancel: Cancelled,
    /// The planned length of work for which the event gives no schedule.
    pub duration: Option<Duration>,
}

impl Default for Change {
    fn default() -> Self {
        Self {
            kind: ChangeType::Normal,
            template: None,
            model: None,
            assignment_group: Some("Change Management".into()),
            controlled: Controlled::default(),
            submit: true,
            close: Close::AfterDeployment,
            on_cancel: Cancelled::Withdraw,
            duration: None,
        }
    }
}

/// `change_request.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case"))]
pub enum ChangeType {
    /// Assessed and authorised.
    Normal,
    /// Approved beforehand, from a template.
    Standard,
    /// Authorised without assessment.
    Emergency,
}

impl ChangeType {
    /// ServiceNow's value.
    pub fn value(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Standard => "standard",
            Self::Emergency => "emergency",
        }
    }
}

/// When a change request is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case"))]
pub enum Close {
    /// When the build has ended.
    AfterBuild,
    /// When the deployment has ended.
    AfterDeployment,
    /// By a person: for a change that several deployments share.
    Never,
}

/// What becomes of a change request whose work is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case"))]
pub enum Cancelled {
    /// It is cancelled, with a work note that says why.
    Withdraw,
    /// It gets the work note alone.
    Comment,
}

/// Which work needs a change request. Every list that is not empty must hold a match; empty lists control everything.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case", deny_unknown_fields, default))]
pub struct Controlled {
    /// Builds need one.
    pub builds: Option<bool>,
    /// Deployments need one.
    pub deployments: Option<bool>,
    /// Names of environments. `*` stands for any run of characters.
    pub environments: Vec<String>,
    /// Tiers: `development`, `test`, `staging`, `production`, or a customer's own.
    pub tiers: Vec<String>,
    /// Labels, as `name` or `name=value`.
    pub labels: Vec<String>,
    /// Names of images. `*` stands for any run of characters.
    pub images: Vec<String>,
}

/// How a gate is judged.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case", deny_unknown_fields, default))]
pub struct Approval {
    /// How often a waiting gate is read.
    pub interval: Duration,
    /// How long work waits, counted from when its event occurred; `never` lets it wait for ever.
    pub timeout: Timeout,
    /// What happens then.
    pub on_timeout: OnTimeout,
    /// What a rejection does.
    pub on_rejected: OnRejected,
    /// Work may start only between planned start and planned end, where the change has them.
    pub window: bool,
    /// A change with scheduling conflicts waits until they are gone.
    pub conflicts: bool,
    /// How often every waiting gate is read, whether it seems to have changed or not: rows that were hidden or deleted
    /// do not show as changed.
    pub sweep: Duration,
}

impl Default for Approval {
    fn default() -> Self {
        Self {
            interval: Duration::seconds(60),
            timeout: Timeout(Some(Duration::hours(72))),
            on_timeout: OnTimeout::Pause,
            on_rejected: OnRejected::Cancel,
            window: true,
            conflicts: true,
            sweep: Duration::hours(1),
        }
    }
}

/// What happens when nobody answered in time, or the instance has been away for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case"))]
pub enum OnTimeout {
    /// Work goes on waiting, and the pause says that the time is over.
    Pause,
    /// Work is given up.
    Cancel,
    /// Work goes on though nobody approved it. Marked `by-policy`, and audited.
    Proceed,
}

/// What a rejection does. Never more than wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(test, serde(rename_all = "kebab-case"))]
pub enum OnRejected {
    /// Work is given up.
    Cancel,
    /// Work waits for a person to ask again.
    Pause,
}

impl Section for Change {
    fn fill(&mut self, table: &mut Table) -> Result<(), SettingsError> {
        table.take("type", &mut self.kind)?;
        table.take("template", &mut self.template)?;
        table.take("model", &mut self.model)?;
        table.take("assignment-group", &mut self.assignment_group)?;
        table.take("controlled", &mut self.controlled)?;
        table.take("submit", &mut self.submit)?;
        table.take("close", &mut self.close)?;
        table.take("on-cancel", &mut self.on_cancel)?;
        table.take("duration", &mut self.duration)
    }
}

impl Setting for ChangeType {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let words = [("normal", Self::Normal), ("standard", Self::Standard), ("emergency", Self::Emergency)];
        word(path, &value, &words)
    }
}

impl Setting for Close {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let words =
            [("after-build", Self::AfterBuild), ("after-deployment", Self::AfterDeployment), ("never", Self::Never)];
        word(path, &value, &words)
    }
}

impl Setting for Cancelled {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        word(path, &value, &[("withdraw", Self::Withdraw), ("comment", Self::Comment)])
    }
}

impl Section for Controlled {
    fn fill(&mut self, table: &mut Table) -> Result<(), SettingsError> {
        table.take("builds", &mut self.builds)?;
        table.take("deployments", &mut self.deployments)?;
        table.take("environments", &mut self.environments)?;
        table.take("tiers", &mut self.tiers)?;
        table.take("labels", &mut self.labels)?;
        table.take("images", &mut self.images)
    }
}

impl Section for Approval {
    fn fill(&mut self, table: &mut Table) -> Result<(), SettingsError> {
        table.take("interval", &mut self.interval)?;
        table.take("timeout", &mut self.timeout)?;
        table.take("on-timeout", &mut self.on_timeout)?;
        table.take("on-rejected", &mut self.on_rejected)?;
        table.take("window", &mut self.window)?;
        table.take("conflicts", &mut self.conflicts)?;
        table.take("sweep", &mut self.sweep)
    }
}

impl Setting for OnTimeout {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        word(path, &value, &[("pause", Self::Pause), ("cancel", Self::Cancel), ("proceed", Self::Proceed)])
    }
}

impl Setting for OnRejected {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        word(path, &value, &[("cancel", Self::Cancel), ("pause", Self::Pause)])
    }
}
