//! A call of a plugin's function, read from JSON.

use super::hook::Hook;
use super::limits::Limits;
use itsm_contract::answers::{Event, Waiting};
use itsm_contract::events::{BuildRequest, BuildResult, Content, DeployEvent, EvidenceFile, FailureEvent};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

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
        /// [`Limits::event_bytes`].
        most: usize,
    },
    /// Its fields are larger than an event's may be.
    #[error(
        "the event has {bytes} bytes besides the contents of its files, and one may have {most}: send what is long as a \
         file or a link"
    )]
    FieldsTooLarge {
        /// Their size.
        bytes: usize,
        /// [`Limits::event_field_bytes`].
        most: usize,
    },
    /// It does not follow the contract.
    #[error("the event is wrong{}: {why}{}", at(path), position(*line, *column))]
    Invalid {
        /// For which hook.
        hook: Hook,
        /// Which field, such as `build.image.version`; empty for the event itself.
        path: String,
        /// What is wrong with it.
        why: String,
        /// Counted from 1; 0 where the path alone tells.
        line: usize,
        /// Counted from 1; 0 where the path alone tells.
        column: usize,
    },
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" at `{path}`") }
}

fn position(line: usize, column: usize) -> String {
    if line == 0 { String::new() } else { format!(", in line {line}, column {column}") }
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
    /// Reads a call, as large as the limits let an event be.
    ///
    /// # Errors
    /// [`EventError::TooLarge`] or [`EventError::FieldsTooLarge`], or [`EventError::Invalid`], which names the field.
    pub fn from_json(hook: Hook, text: &str, limits: &Limits) -> Result<Self, EventError> {
        within(text, limits)?;
        let is_small = |files| fields_within(text, files, limits);
        Ok(match hook {
            Hook::OnBuildRequested => is_small(0).and(read(hook, text)).map(Self::OnBuildRequested)?,
            Hook::OnFailure => is_small(0).and(read(hook, text)).map(Self::OnFailure)?,
            Hook::OnDeploy => is_small(0).and(read(hook, text)).map(Self::OnDeploy)?,
            Hook::OnBuildFinished => {
                let result = read(hook, text)?;
                is_small(contents(&result))?;
                Self::OnBuildFinished(result)
            }
            Hook::Check => Self::Check(read(hook, text)?),
            Hook::Validate => Self::Validate(read::<serde_json::Map<_, _>>(hook, text).map(|_| text.to_owned())?),
            Hook::Preview => Self::Preview(Self::event_from_json(text, limits)?),
            Hook::Describe => nothing(hook, text).map(|()| Self::Describe)?,
            Hook::TestConnection => nothing(hook, text).map(|()| Self::TestConnection)?,
        })
    }

    /// Reads an event of any kind, `{"build-requested": {…}}` and so on.
    ///
    /// # Errors
    /// As [`from_json`](Self::from_json).
    pub fn event_from_json(text: &str, limits: &Limits) -> Result<Event, EventError> {
        within(text, limits)?;
        let event = read(Hook::Preview, text)?;
        let files = if let Event::BuildFinished(result) = &event { contents(result) } else { 0 };
        fields_within(text, files, limits).map(|()| event)
    }

    /// The event that a hook is told of; none where the call asks and tells nothing.
    pub fn into_event(self) -> Option<Event> {
        match self {
            Self::OnBuildRequested(request) => Some(Event::BuildRequested(request)),
            Self::OnBuildFinished(result) => Some(Event::BuildFinished(result)),
            Self::OnFailure(failed) => Some(Event::Failed(failed)),
            Self::OnDeploy(deployed) => Some(Event::Deploy(deployed)),
            Self::Check(_) | Self::Describe | Self::Validate(_) | Self::TestConnection | Self::Preview(_) => None,
        }
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

fn within(text: &str, limits: &Limits) -> Result<(), EventError> {
    let (bytes, most) = (text.len(), limits.event_bytes);
    if bytes > most { Err(EventError::TooLarge { bytes, most }) } else { Ok(()) }
}

fn fields_within(text: &str, contents: usize, limits: &Limits) -> Result<(), EventError> {
    let (bytes, most) = (text.len().saturating_sub(contents), limits.event_field_bytes);
    if bytes > most { Err(EventError::FieldsTooLarge { bytes, most }) } else { Ok(()) }
}

/// Bytes of the contents of files, as they stand in JSON.
fn contents(result: &BuildResult) -> usize {
    let bytes = |file: &EvidenceFile| match &file.content {
        Content::Bytes(bytes) => bytes.len().div_ceil(3).saturating_mul(4),
        _ => 0,
    };
    result.files.iter().map(bytes).sum()
}

fn read<T: DeserializeOwned + Serialize>(hook: Hook, text: &str) -> Result<T, EventError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        // The path of the whole is a dot, and a field that is missing is named by the message.
        invalid(hook, if path == "." { String::new() } else { path }, error.inner())
    })?;
    reader.end().map_err(|error| invalid(hook, String::new(), &error))?;
    // Neither fails: the text was read once, and what was read can be written.
    let (read, written) =
        (serde_json::from_str(text).unwrap_or_default(), serde_json::to_value(&value).unwrap_or_default());
    match no_object(&read, &written) {
        None => Ok(value),
        Some(path) => {
            let why = "an array is no record: write an object with the names of its fields".to_owned();
            Err(EventError::Invalid { hook, path: path.trim_start_matches('.').to_owned(), why, line: 0, column: 0 })
        }
    }
}

/// Where an array was taken for a record. Serde does so, by the order of the fields; the contract does not.
fn no_object(read: &Value, written: &Value) -> Option<String> {
    match (read, written) {
        (Value::Object(read), Value::Object(written)) => read.iter().find_map(|(name, read)| {
            let path = no_object(read, written.get(name)?)?;
            Some(format!(".{name}{path}"))
        }),
        (Value::Array(read), Value::Array(written)) => {
            read.iter().zip(written).enumerate().find_map(|(index, (read, written))| {
                let path = no_object(read, written)?;
                Some(format!("[{index}]{path}"))
            })
        }
        (Value::Array(_), Value::Object(_)) => Some(String::new()),
        _ => None,
    }
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
    #[derive(Deserialize, Serialize)]
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

    fn read(hook: Hook, text: &str) -> Result<Call, EventError> {
        Call::from_json(hook, text, &Limits::default())
    }

    fn request(build: &str) -> String {
        format!(
            r#"{{"delivery": {{"key": "k", "attempt": 1, "occurred-at": "2026-11-24T16:20:00Z"}}, "build": {build},
                "systems": [], "labels": {{}}}}"#
        )
    }

    fn error(hook: Hook, text: &str) -> String {
        read(hook, text).unwrap_err().to_string()
    }

    #[test]
    fn an_event_is_read() {
        let text = request(r#"{"id": "b", "image": {"name": "i", "version": "1"}}"#);
        let call = read(Hook::OnBuildRequested, &text).unwrap();
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
    fn a_wrong_value_is_told_in_words_of_the_contract() {
        let text = request(r#"{"id": "b", "image": {"name": "i", "version": "1"}}"#);
        let text = error(Hook::OnBuildRequested, &text.replace(r#""labels": {}"#, r#""labels": {"team": 5}"#));
        assert!(text.contains("invalid type: integer `5`, expected a string or an array of strings"), "{text}");
    }

    #[test]
    fn an_array_is_no_record_however_deep_it_stands() {
        let image = r#"{"id": "b", "image": ["i", "1", null, null, null]}"#;
        let text = error(Hook::OnBuildRequested, &request(image));
        assert!(text.contains("at `build.image`: an array is no record"), "{text}");
        assert!(!text.contains("line 0"), "{text}");
        let systems = request(r#"{"id": "b", "image": {"name": "i", "version": "1"}}"#).replace(
            r#""systems": []"#,
            r#""systems": [{"name": "a", "kind": "virtual", "identifiers": {}}, ["b", "virtual", {}]]"#,
        );
        let text = error(Hook::OnBuildRequested, &systems);
        assert!(text.contains("at `systems[1]`"), "{text}");
    }

    #[test]
    fn an_event_that_is_too_large_is_not_read() {
        let limits = Limits { event_bytes: 1, ..Limits::default() };
        let error = Call::from_json(Hook::OnDeploy, "{}", &limits).unwrap_err();
        assert_eq!(error, EventError::TooLarge { bytes: 2, most: 1 });
    }

    #[test]
    fn an_event_may_have_large_files_and_no_large_fields() {
        let finished = |content: &str, label: &str| {
            format!(
                r#"{{"delivery": {{"key": "k", "attempt": 1, "occurred-at": "2026-11-24T16:20:00Z"}},
                    "build": {{"id": "b", "image": {{"name": "i", "version": "1"}}}}, "outcome": "passed",
                    "files": [{{"name": "f", "media-type": "text/plain", "content": {{"bytes": "{content}"}}}}],
                    "labels": {{"a": "{label}"}}}}"#
            )
        };
        let limits = Limits { event_field_bytes: 1000, ..Limits::default() };
        let read = |text: &str| Call::from_json(Hook::OnBuildFinished, text, &limits);
        read(&finished(&"QUJD".repeat(1000), "x")).unwrap();
        let error = read(&finished("QUJD", &"x".repeat(1000))).unwrap_err();
        assert!(matches!(error, EventError::FieldsTooLarge { most: 1000, .. }), "{error}");
        let preview = format!(r#"{{"build-finished": {}}}"#, finished(&"QUJD".repeat(1000), "x"));
        assert!(matches!(Call::event_from_json(&preview, &limits), Ok(Event::BuildFinished(_))));
    }

    #[test]
    fn hooks_without_an_event_take_none() {
        for text in ["", " \n", "null", "{}"] {
            assert_eq!(read(Hook::Describe, text), Ok(Call::Describe));
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), hook in 0..Hook::ALL.len()) {
            if let Err(error) = read(Hook::ALL[hook], &text) {
                let _ = error.to_string();
            }
            let _ = Hook::parse(&text);
        }
    }
}
