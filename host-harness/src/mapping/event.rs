//! Recorded events: files with the JSON that a hook is given, or those that come with this host.

use super::MappingError;
use crate::file;
use crate::guest::digest;
use crate::runtime::{Call, Hook, limits};
use itsm_contract::answers::Event;
use std::path::Path;

/// Events of one folder. A mapping is agreed over a few dozen; each is run several times.
const EVENTS_LIMIT: usize = 1000;

/// Those that come with this host: one for each kind of record, and some that turn common conditions the other way.
const SAMPLES: &[(&str, &str)] = &[
    ("build-requested.json", include_str!("samples/build-requested.json")),
    ("build-requested-test.json", include_str!("samples/build-requested-test.json")),
    ("deploy-requested.json", include_str!("samples/deploy-requested.json")),
    ("deploy-succeeded.json", include_str!("samples/deploy-succeeded.json")),
    ("failure-build.json", include_str!("samples/failure-build.json")),
    ("failure-verification.json", include_str!("samples/failure-verification.json")),
];

/// One recorded event.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Its file's name.
    pub name: String,
    /// `sha256:…` of the file.
    pub digest: String,
    /// What it says.
    pub event: Event,
}

/// The events that come with this host.
///
/// # Errors
/// Never, as a test shows.
pub fn samples() -> Result<Vec<Recorded>, MappingError> {
    SAMPLES.iter().map(|(name, text)| parse(name, text)).collect()
}

/// The events of a folder: its `*.json`, by name. Files that are another's (`*.md`, folders) are passed over.
///
/// # Errors
/// Where one cannot be read or follows no hook's contract, and where there is none.
pub fn recorded(folder: &Path) -> Result<Vec<Recorded>, MappingError> {
    let fault = |what: &Path, why: String| MappingError::Event { what: what.display().to_string(), why };
    let entries = std::fs::read_dir(folder).map_err(|error| fault(folder, error.to_string()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| fault(folder, error.to_string()))?.path();
        if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(fault(folder, "there is no event in it: record some as `*.json`".into()));
    }
    if files.len() > EVENTS_LIMIT {
        return Err(fault(folder, format!("it holds {} events, and {EVENTS_LIMIT} are the most", files.len())));
    }
    files.sort();
    let read = files.iter().map(|path| {
        let text = file::read_text(path, limits::EVENT_BYTES).map_err(|error| fault(path, error.to_string()))?;
        parse(&path.file_name().unwrap_or_default().to_string_lossy(), &text)
    });
    read.collect()
}

fn parse(name: &str, text: &str) -> Result<Recorded, MappingError> {
    let fault = |why: String| MappingError::Event { what: name.into(), why };
    let json: serde_json::Value =
        serde_json::from_str(text).map_err(|error| fault(format!("it is no JSON: {error}")))?;
    // Each kind of event has a field that no other has.
    let hook = match () {
        () if json.get("deployment-id").is_some() => Hook::OnDeploy,
        () if json.get("outcome").is_some() => Hook::OnBuildFinished,
        () if json.get("step").is_some() => Hook::OnFailure,
        () => Hook::OnBuildRequested,
    };
    let call = Call::from_json(hook, text, &limits::Limits::default()).map_err(|error| fault(error.to_string()))?;
    let event = call.into_event().ok_or_else(|| fault(format!("{hook} takes no event")))?;
    Ok(Recorded { name: name.into(), digest: digest(text.as_bytes()), event })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_samples_are_events_of_every_kind_that_makes_records() {
        let samples = samples().unwrap();
        let has = |is: fn(&Event) -> bool| samples.iter().any(|sample| is(&sample.event));
        assert!(has(|event| matches!(event, Event::BuildRequested(_))));
        assert!(has(|event| matches!(event, Event::Failed(_))));
        assert!(has(|event| matches!(event, Event::Deploy(_))));
    }

    #[test]
    fn a_folder_without_events_or_with_a_wrong_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let said =
            |folder: &Path| recorded(folder).unwrap_err().to_string().replace(&folder.display().to_string(), "F");
        assert_eq!(said(folder.path()), "F: there is no event in it: record some as `*.json`");
        std::fs::write(folder.path().join("a.json"), r#"{"step": "build", "mesage": "x"}"#).unwrap();
        assert!(
            said(folder.path()).starts_with("a.json: the event is wrong at `mesage`: unknown field `mesage`"),
            "{}",
            said(folder.path())
        );
        let event = std::fs::File::create(folder.path().join("a.json")).unwrap();
        event.set_len(limits::EVENT_BYTES as u64 + 1).unwrap();
        assert_eq!(said(folder.path()), "F/a.json: it is larger than 16777216 bytes");
    }
}
