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
        // From `` `timeot`, expected one of `timeout`, `interval` ``.
        let mut names = words.split('`').skip(1).step_by(2);
        if words.starts_with("unknown field ") {
            return Self::unknown(path, names.next().unwrap_or_default(), names);
        }
        let message = if words.starts_with("unknown variant ") {
            let value = names.next().unwrap_or_default();
            format!("unknown value `{value}`: it is one of {}", names.collect::<Vec<_>>().join(", "))
        } else {
            words.to_owned()
        };
        Self { path: path.into(), message }
    }

    /// A key that is not among those known at this path.
    pub(super) fn unknown<'k>(path: &str, key: &str, known: impl Iterator<Item = &'k str>) -> Self {
        let known: Vec<&str> = known.collect();
        let nearest = known.iter().map(|name| (strsim::levenshtein(key, name), *name)).min();
        let message = match nearest {
            Some((distance, name)) if distance <= SLIP => format!("unknown key `{key}`: did you mean `{name}`?"),
            _ => format!("unknown key `{key}`: known here are {}", known.join(", ")),
        };
        let path = match path {
            "" => key.to_owned(),
            path if path.ends_with(&format!(".{key}")) => path.to_owned(),
            path => format!("{path}.{key}"),
        };
        Self { path, message }
    }
}
