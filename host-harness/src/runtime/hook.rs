//! The functions that a plugin exports, by name.

use super::EventError;
use std::fmt;

/// A function that a plugin exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    /// `itsm-integration.on-build-requested`.
    OnBuildRequested,
    /// `itsm-integration.on-failure`.
    OnFailure,
    /// `itsm-integration.on-deploy`.
    OnDeploy,
    /// `evidence.on-build-finished`.
    OnBuildFinished,
    /// `approvals.check`.
    Check,
    /// `diagnostics.describe`.
    Describe,
    /// `diagnostics.validate`.
    Validate,
    /// `diagnostics.test-connection`.
    TestConnection,
    /// `diagnostics.preview`.
    Preview,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::OnBuildRequested,
        Self::OnFailure,
        Self::OnDeploy,
        Self::OnBuildFinished,
        Self::Check,
        Self::Describe,
        Self::Validate,
        Self::TestConnection,
        Self::Preview,
    ];

    /// Its name in the WIT.
    pub fn name(self) -> &'static str {
        match self {
            Self::OnBuildRequested => "on-build-requested",
            Self::OnFailure => "on-failure",
            Self::OnDeploy => "on-deploy",
            Self::OnBuildFinished => "on-build-finished",
            Self::Check => "check",
            Self::Describe => "describe",
            Self::Validate => "validate",
            Self::TestConnection => "test-connection",
            Self::Preview => "preview",
        }
    }

    /// The interface that it is in.
    pub fn interface(self) -> &'static str {
        match self {
            Self::OnBuildRequested | Self::OnFailure | Self::OnDeploy => "itsm-integration",
            Self::OnBuildFinished => "evidence",
            Self::Check => "approvals",
            Self::Describe | Self::Validate | Self::TestConnection | Self::Preview => "diagnostics",
        }
    }

    /// By its name, alone or after its interface (`approvals.check`).
    ///
    /// # Errors
    /// [`EventError::NoHook`].
    pub fn parse(name: &str) -> Result<Self, EventError> {
        let full = |hook: &Self| format!("{}.{}", hook.interface(), hook.name());
        if let Some(hook) = Self::ALL.into_iter().find(|hook| hook.name() == name || full(hook) == name) {
            return Ok(hook);
        }
        let nearest = Self::ALL.into_iter().max_by(|a, b| {
            let near = |hook: &Self| strsim::jaro_winkler(hook.name(), name);
            near(a).total_cmp(&near(b))
        });
        Err(EventError::NoHook {
            name: super::plain(name).chars().take(64).collect(),
            nearest: nearest.map_or("on-build-requested", Self::name),
        })
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_known_by_its_name_and_the_nearest_is_offered() {
        for hook in Hook::ALL {
            assert_eq!(Hook::parse(hook.name()), Ok(hook));
            assert_eq!(Hook::parse(&format!("{}.{}", hook.interface(), hook.name())), Ok(hook));
        }
        let error = Hook::parse("on-build-request").unwrap_err().to_string();
        assert_eq!(error, "a plugin has no hook `on-build-request`; the nearest is `on-build-requested`");
    }
}
