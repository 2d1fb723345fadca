//! The work that a change request is for: a build or a deployment.

use crate::identity::Identity;
use crate::mapping::RecordKind;
use crate::plugin::Plugin;
use itsm_contract::events::{BuildRequest, DeployEvent, DeployPhase};
use itsm_contract::types::{Attribute, Build, Delivery, Environment, Gate, Schedule, System};
use serde::{Serialize, Serializer};

/// What asks for a change request.
#[derive(Clone, Copy, Debug)]
pub enum Work<'a> {
    /// A build that is about to start.
    Build(&'a BuildRequest),
    /// A deployment, in any of its phases.
    Deployment(&'a DeployEvent),
}

impl<'a> Work<'a> {
    /// How its event reached the plugin.
    pub fn delivery(self) -> &'a Delivery {
        match self {
            Self::Build(request) => &request.delivery,
            Self::Deployment(event) => &event.delivery,
        }
    }

    /// The build that it is about.
    pub fn build(self) -> &'a Build {
        match self {
            Self::Build(request) => &request.build,
            Self::Deployment(event) => &event.build,
        }
    }

    /// Where it goes, where that is known.
    pub fn environment(self) -> Option<&'a Environment> {
        match self {
            Self::Build(request) => request.environment.as_ref(),
            Self::Deployment(event) => Some(&event.environment),
        }
    }

    /// The systems that it concerns.
    pub fn systems(self) -> &'a [System] {
        match self {
            Self::Build(request) => &request.systems,
            Self::Deployment(event) => &event.systems,
        }
    }

    /// The change request to link instead of creating one.
    pub fn number(self) -> Option<&'a str> {
        let number = match self {
            Self::Build(request) => request.change_number.as_deref(),
            Self::Deployment(event) => event.change_number.as_deref(),
        };
        number.map(str::trim).filter(|number| !number.is_empty())
    }

    /// When it is wanted.
    pub fn schedule(self) -> Option<&'a Schedule> {
        match self {
            Self::Build(request) => request.schedule.as_ref(),
            Self::Deployment(event) => event.schedule.as_ref(),
        }
    }

    /// What the contract does not spell out.
    pub fn labels(self) -> &'a [Attribute] {
        match self {
            Self::Build(request) => &request.labels,
            Self::Deployment(event) => &event.labels,
        }
    }

    /// The last gate answered for it.
    pub fn gate(self) -> Option<&'a Gate> {
        match self {
            Self::Build(_) => None,
            Self::Deployment(event) => event.gate.as_ref(),
        }
    }

    /// Whether it asks to go on, and not only tells what happened.
    pub fn is_asking(self) -> bool {
        matches!(self, Self::Build(_))
            || matches!(self, Self::Deployment(event) if event.phase == DeployPhase::Requested)
    }

    /// The kind of record, for the mapping.
    pub fn record_kind(self) -> RecordKind {
        match self {
            Self::Build(_) => RecordKind::BuildChange,
            Self::Deployment(_) => RecordKind::DeployChange,
        }
    }

    /// Who its change request is: one for a build's event, and one for all phases of a deployment.
    pub fn identity(self, plugin: &Plugin) -> Identity {
        let tenant = &plugin.settings().instance.tenant;
        match self {
            Self::Build(request) => Identity::of_build_change(tenant, &request.delivery.key, &request.build.id),
            Self::Deployment(event) => Identity::of_deploy_change(tenant, &event.deployment_id, &event.build.id),
        }
    }

    /// In a line, such as `Deploy rhel-9-hardened 2026.11.1 to prod-eu-1`.
    pub fn title(self) -> String {
        let image = &self.build().image;
        let (verb, preposition) = match self {
            Self::Build(_) => ("Build", "for"),
            Self::Deployment(_) => ("Deploy", "to"),
        };
        let environment = self.environment().map(|environment| format!(" {preposition} {}", environment.name));
        format!("{verb} {} {}{}", image.name, image.version, environment.unwrap_or_default())
    }
}

/// As the event itself: what a mapping is given.
impl Serialize for Work<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Build(request) => request.serialize(serializer),
            Self::Deployment(event) => event.serialize(serializer),
        }
    }
}
