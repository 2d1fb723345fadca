//! The words that OpenFactory and an ITSM plugin share: `interface types`.

use serde::{Deserialize, Serialize};
#[cfg(feature = "wasmtime")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// Milliseconds since 1970-01-01T00:00:00Z. In JSON: RFC 3339.
pub type Timestamp = u64;

/// A name and its value, for what the contract does not spell out. A name may repeat.
pub type Attribute = (String, String);

/// How an event reaches the plugin. Delivery is at least once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Delivery {
    /// The same on every redelivery of one event, and on no other event: what makes a hook idempotent.
    pub key: String,
    /// 1 on the first delivery.
    pub attempt: u32,
    /// When the event occurred. Timeouts count from here, however late it is delivered.
    #[serde(with = "crate::json::time")]
    #[cfg_attr(feature = "wasmtime", component(name = "occurred-at"))]
    pub occurred_at: Timestamp,
    /// When the host last reported this event as undeliverable, with `failed-step.delivery`: the
    /// incident opened for that resolves once the event is delivered after all.
    #[serde(default, with = "crate::json::optional_time")]
    #[cfg_attr(feature = "wasmtime", component(name = "given-up-at"))]
    pub given_up_at: Option<Timestamp>,
}

/// An operating-system image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Image {
    /// Such as `rhel-9-hardened`.
    pub name: String,
    /// Such as `2026.11.1`.
    pub version: String,
    /// `sha256:…` of the artifact, once it exists.
    pub digest: Option<String>,
    /// `qcow2`, `iso`, `ami`, `oci`, …
    pub format: Option<String>,
    /// Where the artifact is kept.
    pub location: Option<String>,
}

/// One run of the factory for one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Build {
    /// Unique in this tenant.
    pub id: String,
    /// What is built.
    pub image: Image,
    /// The person or system that asked for it.
    #[cfg_attr(feature = "wasmtime", component(name = "requested-by"))]
    pub requested_by: Option<String>,
    /// The commit that the image's recipe was at.
    #[cfg_attr(feature = "wasmtime", component(name = "source-revision"))]
    pub source_revision: Option<String>,
    /// Where a person reads about this build.
    pub url: Option<String>,
}

/// How much depends on an environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum Tier {
    /// Where changes are written.
    #[cfg_attr(feature = "wasmtime", component(name = "development"))]
    Development,
    /// Where changes are tried.
    #[cfg_attr(feature = "wasmtime", component(name = "test"))]
    Test,
    /// The last look before production.
    #[cfg_attr(feature = "wasmtime", component(name = "staging"))]
    Staging,
    /// What the business runs on.
    #[cfg_attr(feature = "wasmtime", component(name = "production"))]
    Production,
    /// A tier of the customer's own.
    #[cfg_attr(feature = "wasmtime", component(name = "other"))]
    Other(String),
}

/// Where systems run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Environment {
    /// Such as `prod-eu-1`.
    pub name: String,
    /// How much depends on it.
    pub tier: Tier,
}

/// What a system is made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum SystemKind {
    /// A virtual machine.
    #[cfg_attr(feature = "wasmtime", component(name = "virtual"))]
    Virtual,
    /// A machine that one can touch.
    #[cfg_attr(feature = "wasmtime", component(name = "physical"))]
    Physical,
    /// Anything else.
    #[cfg_attr(feature = "wasmtime", component(name = "other"))]
    Other(String),
}

/// A machine that receives an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct System {
    /// Unique in its environment.
    pub name: String,
    /// Virtual or physical.
    pub kind: SystemKind,
    /// `serial-number`, `fqdn`, `ip-address`, `mac-address`, `vm-instance-id`, …
    #[serde(with = "crate::json::attributes")]
    pub identifiers: Vec<Attribute>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(enum))]
#[repr(u8)]
pub enum CheckOutcome {
    /// It ran and held.
    #[cfg_attr(feature = "wasmtime", component(name = "passed"))]
    Passed,
    /// It ran and did not hold.
    #[cfg_attr(feature = "wasmtime", component(name = "failed"))]
    Failed,
    /// It did not run.
    #[cfg_attr(feature = "wasmtime", component(name = "skipped"))]
    Skipped,
}

impl CheckOutcome {
    /// What `wit-bindgen` calls for a case's index. It has checked the index already.
    #[doc(hidden)]
    pub fn _lift(index: u8) -> Self {
        match index {
            0 => Self::Passed,
            1 => Self::Failed,
            _ => Self::Skipped,
        }
    }
}

/// One test, scan or verification.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// Whether the image must not be used when it fails.
    pub required: bool,
    /// How it ended.
    pub outcome: CheckOutcome,
    /// Why, in a sentence.
    pub detail: Option<String>,
}

/// What the tests of a build said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct TestSummary {
    /// How many passed.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many did not run.
    pub skipped: u32,
    /// How long they took, in milliseconds.
    #[cfg_attr(feature = "wasmtime", component(name = "duration-ms"))]
    pub duration_ms: u64,
    /// The checks worth naming: every failed one, and every required one.
    pub checks: Vec<Check>,
    /// Where a person reads the full report.
    #[cfg_attr(feature = "wasmtime", component(name = "report-url"))]
    pub report_url: Option<String>,
}

/// A record in the ITSM system: a change request, an incident, a configuration item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Ticket {
    /// The system's own kind, such as `change_request`.
    pub kind: String,
    /// The system's own identity of it.
    pub id: String,
    /// What people call it, such as `CHG0030001`.
    pub number: String,
    /// Where a person opens it.
    pub url: String,
    /// The key that this record carries as ours; none where it was only linked.
    pub key: Option<String>,
}

/// When work is allowed, inclusive start, exclusive end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Window {
    /// The first moment.
    #[serde(with = "crate::json::time")]
    pub start: Timestamp,
    /// The first moment after it.
    #[serde(with = "crate::json::time")]
    pub end: Timestamp,
}

/// When the work is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum Schedule {
    /// Then and no other time.
    #[cfg_attr(feature = "wasmtime", component(name = "window"))]
    Window(Window),
    /// The first free slot that is this long, in milliseconds.
    #[cfg_attr(feature = "wasmtime", component(name = "first-free"))]
    FirstFree(u64),
}

/// What an approver said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum Decision {
    /// Yes.
    #[cfg_attr(feature = "wasmtime", component(name = "approved"))]
    Approved,
    /// No.
    #[cfg_attr(feature = "wasmtime", component(name = "rejected"))]
    Rejected,
    /// Asked, and not answered yet.
    #[cfg_attr(feature = "wasmtime", component(name = "requested"))]
    Requested,
    /// No longer asked.
    #[cfg_attr(feature = "wasmtime", component(name = "cancelled"))]
    Cancelled,
    /// Somebody else's answer was enough.
    #[cfg_attr(feature = "wasmtime", component(name = "not-required"))]
    NotRequired,
    /// A value of the ITSM system's own.
    #[cfg_attr(feature = "wasmtime", component(name = "other"))]
    Other(String),
}

/// One approver's answer, for the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Approval {
    /// A person's or a group's name, as the ITSM system shows it.
    pub approver: String,
    /// What they said.
    pub decision: Decision,
    /// Why, in their own words.
    pub comment: Option<String>,
    /// When they last answered.
    #[serde(default, with = "crate::json::optional_time")]
    pub at: Option<Timestamp>,
}

/// Work may go on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Clearance {
    /// In words for a person: who approved, that nothing is controlled here, or the policy that decided.
    pub reason: String,
    /// Nobody approved: a policy let it pass.
    #[cfg_attr(feature = "wasmtime", component(name = "by-policy"))]
    pub by_policy: bool,
    /// What was approved, opaque: lets a later look notice that it was edited since.
    pub seal: Option<String>,
}

/// Work must wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Pause {
    /// What is waited for, in words for a person: pending approvers, a window, a hold.
    #[cfg_attr(feature = "wasmtime", component(name = "waiting-for"))]
    pub waiting_for: Vec<String>,
    /// Do not ask again before this.
    #[serde(with = "crate::json::time")]
    #[cfg_attr(feature = "wasmtime", component(name = "check-after"))]
    pub check_after: Timestamp,
    /// When the configured timeout policy decides instead. Counted from `delivery.occurred-at`.
    #[serde(default, with = "crate::json::optional_time")]
    #[cfg_attr(feature = "wasmtime", component(name = "expires-at"))]
    pub expires_at: Option<Timestamp>,
}

/// What OpenFactory does next with the work behind a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum Verdict {
    /// Go on.
    #[cfg_attr(feature = "wasmtime", component(name = "proceed"))]
    Proceed(Clearance),
    /// Wait, and ask again.
    #[cfg_attr(feature = "wasmtime", component(name = "pause"))]
    Pause(Pause),
    /// Give up. Why, in words for a person.
    #[cfg_attr(feature = "wasmtime", component(name = "cancel"))]
    Cancel(String),
}

/// Whether work may go on, and what that rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Gate {
    /// None where no change request is needed.
    pub change: Option<Ticket>,
    /// What to do.
    pub verdict: Verdict,
    /// Every approver's answer so far.
    pub approvals: Vec<Approval>,
    /// As the change has it, which may not be what was asked for.
    pub window: Option<Window>,
}

/// What is wrong, and what somebody can do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Problem {
    /// Stable and documented, such as `servicenow.acl-denied`.
    pub code: String,
    /// What happened, in a sentence.
    pub summary: String,
    /// What to do about it, in a sentence.
    pub remedy: String,
    /// The ITSM system's own words, never a secret.
    pub detail: Option<String>,
}

/// Try again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Later {
    /// Why.
    pub problem: Problem,
    /// Not before; none leaves the backoff to the host.
    #[cfg_attr(feature = "wasmtime", component(name = "retry-after-ms"))]
    pub retry_after_ms: Option<u64>,
}

/// Why a hook did not do what it was asked, by what the host must do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum Failure {
    /// Nothing is lost: deliver the same event again later.
    #[cfg_attr(feature = "wasmtime", component(name = "retry"))]
    Retry(Later),
    /// An administrator must act first: settings, credential, permissions.
    #[cfg_attr(feature = "wasmtime", component(name = "misconfigured"))]
    Misconfigured(Problem),
    /// The ITSM system refused this record, and will refuse it again.
    #[cfg_attr(feature = "wasmtime", component(name = "refused"))]
    Refused(Problem),
    /// The event itself makes no sense; names the field.
    #[cfg_attr(feature = "wasmtime", component(name = "invalid-event"))]
    InvalidEvent(Problem),
}

impl Failure {
    /// What is wrong, whatever must be done about it.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Retry(later) => &later.problem,
            Self::Misconfigured(problem) | Self::Refused(problem) | Self::InvalidEvent(problem) => problem,
        }
    }

    /// As [`problem`](Self::problem), to be changed.
    pub fn problem_mut(&mut self) -> &mut Problem {
        match self {
            Self::Retry(later) => &mut later.problem,
            Self::Misconfigured(problem) | Self::Refused(problem) | Self::InvalidEvent(problem) => problem,
        }
    }

    /// As [`problem`](Self::problem), alone.
    pub fn into_problem(self) -> Problem {
        match self {
            Self::Retry(later) => later.problem,
            Self::Misconfigured(problem) | Self::Refused(problem) | Self::InvalidEvent(problem) => problem,
        }
    }
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum ItemOutcome {
    /// It is new.
    #[cfg_attr(feature = "wasmtime", component(name = "created"))]
    Created,
    /// It was there and is different now.
    #[cfg_attr(feature = "wasmtime", component(name = "updated"))]
    Updated,
    /// It was there and already said this.
    #[cfg_attr(feature = "wasmtime", component(name = "unchanged"))]
    Unchanged,
    /// It is gone.
    #[cfg_attr(feature = "wasmtime", component(name = "removed"))]
    Removed,
    /// It was left alone on purpose.
    #[cfg_attr(feature = "wasmtime", component(name = "skipped"))]
    Skipped,
    /// It could not be done.
    #[cfg_attr(feature = "wasmtime", component(name = "failed"))]
    Failed(Failure),
}
