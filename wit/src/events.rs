//! What happens in OpenFactory: `interface events`.

use crate::types::{Attribute, Build, Delivery, Environment, Gate, Schedule, System, TestSummary, Ticket};
use serde::{Deserialize, Serialize};
#[cfg(feature = "wasmtime")]
use wasmtime::component::{ComponentType, Lift, Lower};

/// A build is about to start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct BuildRequest {
    /// How it reaches the plugin.
    pub delivery: Delivery,
    /// The build that waits.
    pub build: Build,
    /// Where the image is meant to go, where that is known already.
    pub environment: Option<Environment>,
    /// The systems that the image is for, where they are known already.
    pub systems: Vec<System>,
    /// Link this change request instead of creating one.
    #[cfg_attr(feature = "wasmtime", component(name = "change-number"))]
    pub change_number: Option<String>,
    /// When the work is wanted.
    pub schedule: Option<Schedule>,
    /// What the contract does not spell out.
    #[serde(with = "crate::json::attributes")]
    pub labels: Vec<Attribute>,
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum FailedStep {
    /// The image could not be built.
    #[cfg_attr(feature = "wasmtime", component(name = "build"))]
    Build,
    /// A required verification.
    #[cfg_attr(feature = "wasmtime", component(name = "verification"))]
    Verification,
    /// The image could not be put on its systems.
    #[cfg_attr(feature = "wasmtime", component(name = "deployment"))]
    Deployment,
    /// An event that could not be delivered to the ITSM system.
    #[cfg_attr(feature = "wasmtime", component(name = "delivery"))]
    Delivery,
    /// A step of the customer's own.
    #[cfg_attr(feature = "wasmtime", component(name = "other"))]
    Other(String),
}

/// Something failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct FailureEvent {
    /// How it reaches the plugin.
    pub delivery: Delivery,
    /// The build that it happened to.
    pub build: Build,
    /// What failed.
    pub step: FailedStep,
    /// What counts as the same failure; none: image name, step and environment.
    pub thing: Option<String>,
    /// What happened, in a sentence.
    pub message: String,
    /// Where it happened.
    pub environment: Option<Environment>,
    /// The systems concerned.
    pub systems: Vec<System>,
    /// What the tests said.
    pub tests: Option<TestSummary>,
    /// The change request that this work ran under.
    pub change: Option<Ticket>,
    /// Where a person reads the log.
    #[cfg_attr(feature = "wasmtime", component(name = "log-url"))]
    pub log_url: Option<String>,
    /// What the contract does not spell out.
    #[serde(with = "crate::json::attributes")]
    pub labels: Vec<Attribute>,
}

/// How far a failed deployment came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct Shortfall {
    /// Why it failed.
    pub why: String,
    /// Names of the systems that received the image all the same.
    pub received: Vec<String>,
}

/// How far a deployment has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum DeployPhase {
    /// About to start: asks the gate.
    #[cfg_attr(feature = "wasmtime", component(name = "requested"))]
    Requested,
    /// Under way.
    #[cfg_attr(feature = "wasmtime", component(name = "started"))]
    Started,
    /// Every system has the image.
    #[cfg_attr(feature = "wasmtime", component(name = "succeeded"))]
    Succeeded,
    /// Not every system has it.
    #[cfg_attr(feature = "wasmtime", component(name = "failed"))]
    Failed(Shortfall),
    /// Given up before or while it ran; why.
    #[cfg_attr(feature = "wasmtime", component(name = "cancelled"))]
    Cancelled(String),
}

/// A deployment moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct DeployEvent {
    /// How it reaches the plugin.
    pub delivery: Delivery,
    /// The same in every phase of one deployment, and in no other.
    #[cfg_attr(feature = "wasmtime", component(name = "deployment-id"))]
    pub deployment_id: String,
    /// The build whose image is deployed.
    pub build: Build,
    /// Where to.
    pub environment: Environment,
    /// The systems that receive the image.
    pub systems: Vec<System>,
    /// How far it has come.
    pub phase: DeployPhase,
    /// Link this change request instead of creating one.
    #[cfg_attr(feature = "wasmtime", component(name = "change-number"))]
    pub change_number: Option<String>,
    /// The last gate answered for this work, handed back unchanged.
    pub gate: Option<Gate>,
    /// When the work is wanted.
    pub schedule: Option<Schedule>,
    /// What the contract does not spell out.
    #[serde(with = "crate::json::attributes")]
    pub labels: Vec<Attribute>,
}

/// What an evidence file holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum Content {
    /// At most what the host's limit allows. In JSON: base64.
    #[serde(with = "crate::json::bytes")]
    #[cfg_attr(feature = "wasmtime", component(name = "bytes"))]
    Bytes(Vec<u8>),
    /// A URL.
    #[cfg_attr(feature = "wasmtime", component(name = "link"))]
    Link(String),
    /// Why it is not here: retention, size.
    #[cfg_attr(feature = "wasmtime", component(name = "left-out"))]
    LeftOut(String),
}

/// A file to keep with the change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct EvidenceFile {
    /// Its name, without a path.
    pub name: String,
    /// Such as `application/json`.
    #[cfg_attr(feature = "wasmtime", component(name = "media-type"))]
    pub media_type: String,
    /// `sha256:…`, where it is known although the content is not here.
    pub digest: Option<String>,
    /// What it holds.
    pub content: Content,
}

/// How a build ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(variant))]
pub enum BuildOutcome {
    /// The image exists and its required checks held.
    #[cfg_attr(feature = "wasmtime", component(name = "passed"))]
    Passed,
    /// It does not; why.
    #[cfg_attr(feature = "wasmtime", component(name = "failed"))]
    Failed(String),
    /// Given up; why.
    #[cfg_attr(feature = "wasmtime", component(name = "cancelled"))]
    Cancelled(String),
}

/// A build ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "wasmtime", derive(ComponentType, Lift, Lower), component(record))]
pub struct BuildResult {
    /// How it reaches the plugin.
    pub delivery: Delivery,
    /// The build that ended.
    pub build: Build,
    /// Where the image is meant to go.
    pub environment: Option<Environment>,
    /// How it ended.
    pub outcome: BuildOutcome,
    /// As in `failure-event`: a success resolves what carries it.
    pub thing: Option<String>,
    /// What the tests said.
    pub tests: Option<TestSummary>,
    /// The last gate answered for this build, handed back unchanged.
    pub gate: Option<Gate>,
    /// What to keep with the change.
    pub files: Vec<EvidenceFile>,
    /// What the contract does not spell out.
    #[serde(with = "crate::json::attributes")]
    pub labels: Vec<Attribute>,
}
