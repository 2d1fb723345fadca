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
    /// A key that is not among those known at this path.
    pub(super) fn unknown(path: &str, key: &str, known: &[&str]) -> Self {
        let nearest = known.iter().map(|name| (strsim::levenshtein(key, name), *name)).min();
        let message = match nearest {
            Some((distance, name)) if distance <= SLIP => format!("unknown key `{key}`: did you mean `{name}`?"),
            _ => format!("unknown key `{key}`: known here are {}", known.join(", ")),
        };
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        Self { path, message }
    }
}
