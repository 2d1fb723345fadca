//! What a call answered, and how that is written as JSON.

use itsm_contract::answers::{Deployment, Description, Finding, Incident, Planned, Receipt, Review};
use itsm_contract::types::Gate;
use itsm_contract::{Answer, json};
use serde::Serialize;

/// What a call answered. In JSON: the value itself, or `{"failure": …}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// Of `on-build-requested`.
    OnBuildRequested(#[serde(with = "json::answer")] Answer<Gate>),
    /// Of `on-failure`.
    OnFailure(#[serde(with = "json::answer")] Answer<Option<Incident>>),
    /// Of `on-deploy`.
    OnDeploy(#[serde(with = "json::answer")] Answer<Deployment>),
    /// Of `on-build-finished`.
    OnBuildFinished(#[serde(with = "json::answer")] Answer<Receipt>),
    /// Of `check`.
    Check(#[serde(with = "json::answer")] Answer<Review>),
    /// Of `describe`.
    Describe(Description),
    /// Of `validate`.
    Validate(Vec<Finding>),
    /// Of `test-connection`.
    TestConnection(Vec<Finding>),
    /// Of `preview`.
    Preview(#[serde(with = "json::answer")] Answer<Vec<Planned>>),
}
