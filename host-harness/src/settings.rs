//! The settings file: TOML that people write, handed to the plugin as JSON. The plugin knows what the keys mean; the
//! host reads only what it needs for the grant, and tells on which line a key stands.

use crate::file;
use crate::grant::Egress;
use serde_json::{Map, Value};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes of a settings file. Rules for five kinds of records fit a hundred times over.
pub const SETTINGS_SIZE_LIMIT: usize = 1024 * 1024;

/// Edits between an unknown key and a known one that still count as a slip of the fingers.
const SLIP: usize = 2;

/// A settings file.
#[derive(Clone, Debug)]
pub struct Settings {
    name: String,
    text: String,
    json: Value,
    url: String,
    egress: Egress,
    credential: String,
}

/// Why a settings file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// It cannot be read.
    #[error("cannot read the settings file {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// It is larger than [`SETTINGS_SIZE_LIMIT`].
    #[error("{name} is larger than {SETTINGS_SIZE_LIMIT} bytes, so it is no settings file")]
    TooLarge {
        /// The file.
        name: String,
    },
    /// It is no TOML, or lacks what the host needs.
    #[error("{name}{}: {message}", at(*line))]
    Invalid {
        /// The file.
        name: String,
        /// The line, counted from 1.
        line: Option<usize>,
        /// What is wrong, and what would be right.
        message: String,
    },
}

fn at(line: Option<usize>) -> String {
    line.map(|line| format!(":{line}")).unwrap_or_default()
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    /// Where it cannot be read, is no TOML, names no instance or credential, or an instance that cannot be granted.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let unreadable = |why| SettingsError::Unreadable { path: path.to_owned(), why };
        let name = path.display().to_string();
        match file::read_text(path, SETTINGS_SIZE_LIMIT) {
            Ok(text) => Self::parse(&name, &text),
            Err(error) if error.kind() == ErrorKind::FileTooLarge => Err(SettingsError::TooLarge { name }),
            Err(error) => Err(unreadable(error)),
        }
    }

    /// Reads TOML. `name` is what errors call it.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(name: &str, text: &str) -> Result<Self, SettingsError> {
        let invalid = |line, message: String| SettingsError::Invalid { name: name.into(), line, message };
        let document = DeTable::parse(text).map_err(|error| {
            let line = error.span().map(|span| line_of(text, span.start));
            invalid(line, error.message().to_owned())
        })?;
        let json = Value::Object(object(document.get_ref()));
        let instance = json.get("instance").and_then(Value::as_object);
        let needed = |key: &str, example: &str| {
            let fault = |at: &str, what: String| {
                let line = position(document.get_ref(), &format!("instance.{at}")).map(|offset| line_of(text, offset));
                invalid(line, format!("{what}, such as {key} = \"{example}\""))
            };
            match instance.and_then(|instance| instance.get(key)) {
                Some(Value::String(text)) => Ok(text.clone()),
                Some(_) => Err(fault(key, format!("`{key}` in [instance] must be a text"))),
                None => {
                    let mut others = instance.into_iter().flat_map(Map::keys);
                    let slip = others.find(|other| strsim::levenshtein(other, key) <= SLIP);
                    Err(match slip {
                        Some(slip) => fault(slip, format!("unknown key `{slip}`: did you mean `{key}`?")),
                        None => fault(key, format!("missing `{key}` in [instance]")),
                    })
                }
            }
        };
        let url = needed("url", "https://example.service-now.com")?;
        let credential = needed("credential", "servicenow")?;
        let egress = Egress::to(&url).map_err(|error| {
            let line = position(document.get_ref(), "instance.url").map(|offset| line_of(text, offset));
            invalid(line, format!("instance.url: {error}"))
        })?;
        Ok(Self { name: name.into(), text: text.into(), json, url, egress, credential })
    }

    /// The file's name, as errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The instance's address, as it is written.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a plugin is granted for the instance.
    pub fn egress(&self) -> Egress {
        self.egress.clone()
    }

    /// The name of the credential that the host must have.
    pub fn credential(&self) -> &str {
        &self.credential
    }

    /// The document as JSON, for `wasi:config`.
    pub fn to_json(&self) -> String {
        self.json.to_string()
    }

    /// The line on which a key such as `approval.timeout` stands, counted from 1; that of the nearest table above it
    /// where the key itself is missing.
    pub fn line(&self, path: &str) -> Option<usize> {
        let document = DeTable::parse(&self.text).ok()?;
        position(document.get_ref(), path).map(|offset| line_of(&self.text, offset))
    }
}

/// The offset of a key, or of the nearest table above it.
fn position(table: &DeTable<'_>, path: &str) -> Option<usize> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let (key, value) = table.iter().find(|(key, _)| key.get_ref().as_ref() == first)?;
    let inner = match (rest, value.get_ref()) {
        (Some(rest), DeValue::Table(table)) => position(table, rest),
        _ => None,
    };
    Some(inner.unwrap_or(key.span().start))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn object(table: &DeTable<'_>) -> Map<String, Value> {
    table.iter().map(|(key, value)| (key.get_ref().clone().into_owned(), json(value))).collect()
}

/// A date and time becomes its text: JSON has none.
fn json(value: &Spanned<DeValue<'_>>) -> Value {
    match value.get_ref() {
        DeValue::String(text) => Value::String(text.clone().into_owned()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(json).collect()),
        DeValue::Table(table) => Value::Object(object(table)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SMALLEST: &str = "[instance]\nurl = \"https://x.service-now.com\"\ncredential = \"sn\"\n";

    #[test]
    fn the_smallest_file_names_an_instance_and_a_credential() {
        let settings = Settings::parse("s.toml", SMALLEST).unwrap();
        assert_eq!((settings.url(), settings.credential()), ("https://x.service-now.com", "sn"));
        assert_eq!(settings.to_json(), r#"{"instance":{"credential":"sn","url":"https://x.service-now.com"}}"#);
    }

    #[test]
    fn a_key_is_found_on_its_line_and_a_missing_one_on_its_tables() {
        let settings = Settings::parse("s.toml", &format!("{SMALLEST}\n[approval]\ntimeout = \"1h\"\n")).unwrap();
        assert_eq!(settings.line("approval.timeout"), Some(6));
        assert_eq!(settings.line("approval.interval"), Some(5));
        assert_eq!(settings.line("nowhere"), None);
    }

    #[test]
    fn what_is_missing_is_named_with_an_example() {
        let error = Settings::parse("s.toml", "[instance]\nurl = \"https://x\"\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "s.toml:1: missing `credential` in [instance], such as credential = \"servicenow\""
        );
        let error = Settings::parse("s.toml", "[instance]\nurll = \"https://x\"\n").unwrap_err();
        assert!(error.to_string().starts_with("s.toml:2: unknown key `urll`: did you mean `url`?"), "{error}");
        let error = Settings::parse("s.toml", "[instance]\nurl = 5\n").unwrap_err();
        assert!(error.to_string().starts_with("s.toml:2: `url` in [instance] must be a text"), "{error}");
        let error = Settings::parse("s.toml", "[instance\n").unwrap_err();
        assert!(error.to_string().starts_with("s.toml:1: "), "{error}");
    }

    #[test]
    fn an_instance_that_cannot_be_granted_is_told_on_its_line() {
        for (url, what) in [
            ("https://x:", "`https://x:` is another spelling of `https://x`: write that"),
            ("http://2130706433:1", "`http://2130706433:1` is another spelling of `http://127.0.0.1:1`: write that"),
            ("https://0x7f.1", "`https://0x7f.1` is another spelling of `https://127.0.0.1`: write that"),
            ("https:x.example", "`https:x.example` is another spelling of `https://x.example`: write that"),
            (
                "https://x.example:0443:1",
                "`https://x.example:0443:1` is no URL (invalid port number): write https://example.service-now.com",
            ),
            (
                "https://x.example:0",
                "`https://x.example:0` is no URL (it names no port): write https://example.service-now.com",
            ),
            (
                "https://[fd20:ce::254]",
                "`https://[fd20:ce::254]` is never granted: clouds tell a machine its own secrets at such addresses, so no \
                 grant leads there; name the instance's host",
            ),
            (
                "https://169.254.169.254",
                "`https://169.254.169.254` is never granted: clouds tell a machine its own secrets at such addresses, so no \
                 grant leads there; name the instance's host",
            ),
        ] {
            let text = format!("[instance]\ncredential = \"sn\"\nurl = \"{url}\"\n");
            let error = Settings::parse("s.toml", &text).map(|settings| settings.egress()).unwrap_err();
            assert_eq!(error.to_string(), format!("s.toml:3: instance.url: {what}"));
        }
    }

    #[test]
    fn every_kind_of_value_reaches_the_plugin() {
        let text = format!("{SMALLEST}[x]\na = 0x1F\nb = 1_000\nc = 1.5\nd = [true]\ne = 2026-11-24T16:20:00Z\n");
        let json: Value = serde_json::from_str(&Settings::parse("s.toml", &text).unwrap().to_json()).unwrap();
        assert_eq!(
            json["x"],
            serde_json::json!({"a": 31, "b": 1000, "c": 1.5, "d": [true], "e": "2026-11-24T16:20:00Z"})
        );
    }

    #[test]
    fn a_file_that_is_too_large_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(SETTINGS_SIZE_LIMIT as u64 + 1).unwrap();
        assert!(matches!(Settings::read(file.path()), Err(SettingsError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]a-z.=\"0-9\n -]{0,80}") {
            if let Ok(settings) = Settings::parse("x", &format!("{SMALLEST}{text}")) {
                let _ = settings.line(&text);
            }
        }
    }
}
