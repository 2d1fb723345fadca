//! What stands at a credential's source, in a type that cannot be printed and is wiped.

use super::CredentialError;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use serde::Deserialize;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Where a credential is.
pub(super) enum Source {
    /// In this variable.
    Environment(String),
    /// In this file.
    File(PathBuf),
}

/// What is there.
#[derive(Clone)]
pub(super) enum Secret {
    Basic { user: SecretString, password: SecretString },
    Client { id: SecretString, secret: SecretString },
    ApiKey(SecretString),
}

/// Each text is moved, not copied, into what wipes it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Form {
    user: Option<String>,
    password: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    api_key: Option<String>,
}

impl Source {
    /// Reads it, `most` bytes of it. A small file is read where it stands: a secret store mounts it in memory.
    pub(super) fn read(&self, name: &str, most: usize) -> Result<Secret, CredentialError> {
        let text = Zeroizing::new(match self {
            Self::Environment(variable) => std::env::var(variable)
                .map_err(|_| CredentialError::NoVariable { name: name.into(), variable: variable.clone() })?,
            Self::File(path) => read_bounded(path, most).map_err(|source| CredentialError::NoFile {
                name: name.into(),
                path: path.clone(),
                source,
            })?,
        });
        // The parser's own words would quote the secret.
        let format = || CredentialError::Format { name: name.into() };
        let Form { user, password, client_id, client_secret, api_key } =
            serde_json::from_str(&text).map_err(|_| format())?;
        let secret = |text: Option<String>| text.map(SecretString::from);
        match (secret(user), secret(password), secret(client_id), secret(client_secret), secret(api_key)) {
            (Some(user), Some(password), None, None, None) => Ok(Secret::Basic { user, password }),
            (None, None, Some(id), Some(secret), None) => Ok(Secret::Client { id, secret }),
            (None, None, None, None, Some(key)) => Ok(Secret::ApiKey(key)),
            _ => Err(format()),
        }
    }
}

fn read_bounded(path: &Path, most: usize) -> std::io::Result<String> {
    let mut text = Zeroizing::new(String::new());
    std::fs::File::open(path)?.take(most as u64 + 1).read_to_string(&mut text)?;
    match text.len() > most {
        true => Err(std::io::Error::other(format!("it is larger than {most} bytes"))),
        false => Ok(std::mem::take(&mut *text)),
    }
}
