//! The functions that a plugin exports, by name, and calls of them as JSON.

use itsm_contract::answers::{Deployment, Description, Event, Finding, Incident, Planned, Receipt, Review, Waiting};
use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, FailureEvent};
use itsm_contract::types::Gate;
use itsm_contract::{Answer, json};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
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

/// Why JSON is no call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// There is no such function.
    #[error("a plugin has no hook `{name}`; the nearest is `{nearest}`")]
    NoHook {
        /// As it was written.
        name: String,
        /// The one whose name is nearest.
        nearest: &'static str,
    },
    /// The event is larger than an event may be.
    #[error("the event has {bytes} bytes, and one may have {most}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// [`Limits::event_bytes`](super::limits::Limits::event_bytes).
        most: usize,
    },
    /// It does not follow the contract.
    #[error("the event for {hook} is wrong{}: {why}, in line {line}, column {column}", at(path))]
    Invalid {
        /// For which hook.
        hook: Hook,
        /// Which field, such as `build.image.version`; empty for the event itself.
        path: String,
        /// What is wrong with it.
        why: String,
        /// Counted from 1; 0 where nothing was read.
        line: usize,
        /// Counted from 1; 0 where nothing was read.
        column: usize,
    },
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" at `{path}`") }
}

/// A call, with what it takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Call {
    /// `on-build-requested`: JSON of the record.
    OnBuildRequested(BuildRequest),
    /// `on-failure`: JSON of the record.
    OnFailure(FailureEvent),
    /// `on-deploy`: JSON of the record.
    OnDeploy(DeployEvent),
    /// `on-build-finished`: JSON of the record.
    OnBuildFinished(BuildResult),
    /// `check`: `{"waiting": […], "cursor": "…"}`.
    Check(Waits),
    /// `describe`: nothing, `null` or `{}`.
    Describe,
    /// `validate`: the settings document itself.
    Validate(String),
    /// `test-connection`: nothing, `null` or `{}`.
    TestConnection,
    /// `preview`: `{"build-requested": {…}}` and so on.
    Preview(Event),
}

/// What `approvals.check` takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Waits {
    /// The work that waits.
    pub waiting: Vec<Waiting>,
    /// What the last call answered.
    pub cursor: Option<String>,
}

impl Call {
    /// Reads a call. `most` is the size that the event may have.
    ///
    /// # Errors
    /// [`EventError::TooLarge`] or [`EventError::Invalid`], which names the field.
    pub fn from_json(hook: Hook, text: &str, most: usize) -> Result<Self, EventError> {
        if text.len() > most {
            return Err(EventError::TooLarge { bytes: text.len(), most });
        }
        Ok(match hook {
            Hook::OnBuildRequested => Self::OnBuildRequested(read(hook, text)?),
            Hook::OnFailure => Self::OnFailure(read(hook, text)?),
            Hook::OnDeploy => Self::OnDeploy(read(hook, text)?),
            Hook::OnBuildFinished => Self::OnBuildFinished(read(hook, text)?),
            Hook::Check => Self::Check(read(hook, text)?),
            Hook::Validate => Self::Validate(read::<serde_json::Map<_, _>>(hook, text).map(|_| text.to_owned())?),
            Hook::Preview => Self::Preview(read(hook, text)?),
            Hook::Describe => nothing(hook, text).map(|()| Self::Describe)?,
            Hook::TestConnection => nothing(hook, text).map(|()| Self::TestConnection)?,
        })
    }

    /// Which function it calls.
    pub fn hook(&self) -> Hook {
        match self {
            Self::OnBuildRequested(_) => Hook::OnBuildRequested,
            Self::OnFailure(_) => Hook::OnFailure,
            Self::OnDeploy(_) => Hook::OnDeploy,
            Self::OnBuildFinished(_) => Hook::OnBuildFinished,
            Self::Check(_) => Hook::Check,
            Self::Describe => Hook::Describe,
            Self::Validate(_) => Hook::Validate,
            Self::TestConnection => Hook::TestConnection,
            Self::Preview(_) => Hook::Preview,
        }
    }
}

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

fn read<T: DeserializeOwned>(hook: Hook, text: &str) -> Result<T, EventError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // The path of the whole is a dot, and a field that is missing is named by the message.
        invalid(hook, if path == "." { String::new() } else { path }, error.inner())
    })?;
    reader.end().map_err(|error| invalid(hook, String::new(), &error))?;
    Ok(value)
}

fn invalid(hook: Hook, path: String, error: &serde_json::Error) -> EventError {
    let said = error.to_string();
    // The parser says the position too; it is told once.
    let why = said.rsplit_once(" at line ").map_or(said.as_str(), |(why, _)| why);
    let (line, column) = (error.line(), error.column());
    let shown = |text: &str| super::plain(text).into_owned();
    EventError::Invalid { hook, path: shown(&path), why: shown(why), line, column }
}

fn nothing(hook: Hook, text: &str) -> Result<(), EventError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    match text.trim().is_empty() {
        true => Ok(()),
        false => read::<Option<Nothing>>(hook, text).map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOST: usize = 1024 * 1024;

    fn request(build: &str) -> String {
        format!(
            r#"{{"delivery": {{"key": "k", "attempt": 1, "occurred-at": "2026-11-24T16:20:00Z"}}, "build": {build},
                "systems": [], "labels": {{}}}}"#
        )
    }

    fn error(hook: Hook, text: &str) -> String {
        Call::from_json(hook, text, MOST).unwrap_err().to_string()
    }

    #[test]
    fn an_event_is_read() {
        let text = request(r#"{"id": "b", "image": {"name": "i", "version": "1"}}"#);
        let call = Call::from_json(Hook::OnBuildRequested, &text, MOST).unwrap();
        let Call::OnBuildRequested(request) = call else { panic!("{call:?}") };
        assert_eq!((request.build.image.name.as_str(), request.environment), ("i", None));
    }

    #[test]
    fn an_unknown_field_is_named_with_its_path() {
        let text = error(Hook::OnBuildRequested, &request(r#"{"id": "b", "image": {"name": "i", "verson": "1"}}"#));
        assert!(text.contains("at `build.image.verson`: unknown field `verson`"), "{text}");
        assert!(text.contains("line 1"), "{text}");
    }

    #[test]
    fn a_missing_field_is_named_with_its_path() {
        let text = error(Hook::OnBuildRequested, &request(r#"{"id": "b", "image": {"name": "i"}}"#));
        assert!(text.contains("at `build.image`: missing field `version`"), "{text}");
    }

    #[test]
    fn what_is_no_json_or_has_more_behind_it_is_told() {
        assert!(error(Hook::OnDeploy, "").contains("EOF"));
        assert!(error(Hook::Describe, "{} {}").contains("trailing characters"));
        assert!(error(Hook::Describe, r#"{"a": 1}"#).contains("unknown field `a`"));
    }

    #[test]
    fn an_event_that_is_too_large_is_not_read() {
        let error = Call::from_json(Hook::OnDeploy, "{}", 1).unwrap_err();
        assert_eq!(error, EventError::TooLarge { bytes: 2, most: 1 });
    }

    #[test]
    fn hooks_without_an_event_take_none() {
        for text in ["", " \n", "null", "{}"] {
            assert_eq!(Call::from_json(Hook::Describe, text, MOST), Ok(Call::Describe));
        }
    }

    #[test]
    fn a_hook_is_known_by_its_name_and_the_nearest_is_offered() {
        for hook in Hook::ALL {
            assert_eq!(Hook::parse(hook.name()), Ok(hook));
            assert_eq!(Hook::parse(&format!("{}.{}", hook.interface(), hook.name())), Ok(hook));
        }
        let error = Hook::parse("on-build-request").unwrap_err().to_string();
        assert_eq!(error, "a plugin has no hook `on-build-request`; the nearest is `on-build-requested`");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), hook in 0..Hook::ALL.len()) {
            if let Err(error) = Call::from_json(Hook::ALL[hook], &text, MOST) {
                let _ = error.to_string();
            }
            let _ = Hook::parse(&text);
        }
    }
}
