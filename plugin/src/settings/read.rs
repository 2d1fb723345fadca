//! Reads a document's values by hand, knowing at every moment which key it is at.
//!
//! Derived deserializers know no path, and weigh five times as much: each type is compiled with its own copy of everything
//! that a value might have been.

use super::SettingsError;
use serde_json::{Map, Value};

/// What a setting's value can be read as.
pub(super) trait Setting: Sized {
    /// Reads the value at this path.
    fn read(path: &str, value: Value) -> Result<Self, SettingsError>;
}

/// A table of keys that are known. What the document leaves out is as it is by default.
pub(super) trait Section: Default {
    /// Takes every known key.
    fn fill(&mut self, table: &mut Table) -> Result<(), SettingsError>;
}

impl<T: Section> Setting for T {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let mut table = Table::new(path, value)?;
        let mut section = T::default();
        section.fill(&mut table)?;
        table.done()?;
        Ok(section)
    }
}

/// A table that is being read.
pub(super) struct Table {
    path: String,
    entries: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Table {
    /// The table at this path.
    pub fn new(path: &str, value: Value) -> Result<Self, SettingsError> {
        match value {
            Value::Object(entries) => Ok(Self { path: path.into(), entries, known: Vec::new() }),
            other => Err(invalid(path, &other, "a section")),
        }
    }

    /// Reads a key into its place, where the document has it.
    pub fn take<T: Setting>(&mut self, key: &'static str, place: &mut T) -> Result<(), SettingsError> {
        if let Some((path, value)) = self.remove(key) {
            *place = T::read(&path, value)?;
        }
        Ok(())
    }

    /// Reads a key that must be there.
    pub fn need<T: Setting>(&mut self, key: &'static str) -> Result<T, SettingsError> {
        match self.remove(key) {
            Some((path, value)) => T::read(&path, value),
            None => Err(SettingsError { path: self.path.clone(), message: format!("missing field `{key}`") }),
        }
    }

    fn remove(&mut self, key: &'static str) -> Option<(String, Value)> {
        self.known.push(key);
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Some((path, self.entries.remove(key)?))
    }

    /// Whatever has not been taken.
    pub fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.entries)
    }

    /// Refuses what nobody took.
    pub fn done(self) -> Result<(), SettingsError> {
        match self.entries.keys().next() {
            Some(key) => Err(SettingsError::unknown(&self.path, key, &self.known)),
            None => Ok(()),
        }
    }
}

impl Setting for bool {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        value.as_bool().ok_or_else(|| invalid(path, &value, "a boolean"))
    }
}

impl Setting for String {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(invalid(path, &other, "a string")),
        }
    }
}

impl<T: Setting> Setting for Option<T> {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        if value.is_null() { Ok(None) } else { T::read(path, value).map(Some) }
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        match value {
            Value::Array(items) => items.into_iter().map(|item| T::read(path, item)).collect(),
            other => Err(invalid(path, &other, "a list")),
        }
    }
}

/// A table whose keys are the document's own, or words. There are a few at most: a list is found through as fast as a tree,
/// and weighs a tenth.
impl<K: Setting, V: Setting> Setting for Vec<(K, V)> {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let mut pairs = Self::new();
        for (key, value) in Table::new(path, value)?.entries {
            let at = format!("{path}.{key}");
            pairs.push((K::read(path, Value::String(key))?, V::read(&at, value)?));
        }
        Ok(pairs)
    }
}

/// One of a few words.
pub(super) fn word<T: Copy>(path: &str, value: &Value, words: &[(&str, T)]) -> Result<T, SettingsError> {
    let known = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
    let Value::String(text) = value else { return Err(invalid(path, value, &format!("one of {}", known()))) };
    match words.iter().find(|(word, _)| word == text) {
        Some((_, meant)) => Ok(*meant),
        None => {
            let message = format!("unknown value `{text}`: it is one of {}", known());
            Err(SettingsError { path: path.into(), message })
        }
    }
}

/// A value of another type.
pub(super) fn invalid(path: &str, value: &Value, expected: &str) -> SettingsError {
    let found = match value {
        Value::Null => "null".into(),
        Value::Bool(flag) => format!("boolean `{flag}`"),
        Value::Number(number) if number.is_f64() => format!("floating point `{number}`"),
        Value::Number(number) => format!("integer `{number}`"),
        Value::String(text) => format!("string {text:?}"),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a section".into(),
    };
    SettingsError { path: path.into(), message: format!("invalid type: {found}, expected {expected}") }
}
