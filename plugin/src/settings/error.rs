//! What is wrong with a settings document.

/// Edits between an unknown key and a known one that still count as a slip of the fingers.
const SLIP: usize = 3;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct SettingsError {
    /// Such as `approval.timeout`; `.` for the document itself.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl SettingsError {
    /// From serde's words: an unknown key gets the nearest known one, and the position in the JSON that nobody wrote by
    /// hand is dropped.
    pub(super) fn new(path: &str, words: &str) -> Self {
        let words = words.rsplit_once(" at line ").map_or(words, |(words, _)| words);
        let message = match words.strip_prefix("unknown field ") {
            Some(rest) => unknown(rest),
            None => words.to_owned(),
        };
        Self { path: path.into(), message }
    }
}

/// From `` `timeot`, expected one of `timeout`, `interval` ``.
fn unknown(rest: &str) -> String {
    let mut names = rest.split('`').skip(1).step_by(2);
    let key = names.next().unwrap_or_default();
    let known: Vec<&str> = names.collect();
    let nearest = known.iter().map(|name| (strsim::levenshtein(key, name), *name)).min();
    match nearest {
        Some((distance, name)) if distance <= SLIP => format!("unknown key `{key}`: did you mean `{name}`?"),
        _ => format!("unknown key `{key}`: known here are {}", known.join(", ")),
    }
}
