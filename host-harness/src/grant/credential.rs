//! Who the host is to ServiceNow. The guest never learns it.
//!
//! A credential has a name, which the settings say, and a source, which the administrator says: `NAME=env:VARIABLE` or
//! `NAME=file:PATH`. What is there is one JSON object:
//!
//! | for | object |
//! |---|---|
//! | basic authentication | `{"user": "…", "password": "…"}` |
//! | OAuth 2.0 client credentials | `{"client-id": "…", "client-secret": "…"}` |
//! | an API key | `{"api-key": "…"}` |
//!
//! It is read when it is first needed and again whenever ServiceNow refuses it, so a rotated secret needs no restart. A
//! token is fetched from `/oauth_token.do` of the granted origin, by one task at a time, kept until shortly before it
//! expires, and used by all stores.

use super::client::error_of;
use super::egress::Egress;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, StatusCode, header};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A token this close to its end is fetched anew, so that none expires on its way. Of a token that lives shorter than
/// twice this, half its life: ServiceNow gives the same token again until it has expired, with what is left of its time.
const EXPIRY_MARGIN: Duration = Duration::from_secs(30);
/// What a token lives where the reply does not say: ServiceNow's default.
const TOKEN_LIFE: Duration = Duration::from_secs(1800);
/// Bytes of a credential, or of the reply with a token. A JWT with many claims is under 8 KiB.
const CREDENTIAL_BYTES: usize = 64 * 1024;
/// A secret shorter than this is not looked for in replies: it would be found in innocent words.
const SCRUBBED_BYTES: usize = 8;

/// What a token endpoint may be quoted with: the codes of RFC 6749, sections 4.1.2.1 and 5.2. Other words of its could
/// hold what it was sent.
const TOKEN_ERRORS: &[&str] = &[
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// The header of API keys (ServiceNow, "Configure API key").
const API_KEY: HeaderName = HeaderName::from_static("x-sn-apikey");

/// Why there is no credential to send.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// Not in the form `NAME=env:VARIABLE` or `NAME=file:PATH`.
    #[error("`--credential` takes NAME=env:VARIABLE or NAME=file:PATH, such as servicenow=env:SERVICENOW_CREDENTIAL")]
    Source,
    /// The variable is not set, or holds no text.
    #[error("the credential `{name}` should be in the environment variable `{variable}`, which is not set: set it")]
    NoVariable {
        /// The credential's name.
        name: String,
        /// The variable's.
        variable: String,
    },
    /// The file cannot be read.
    #[error("the credential `{name}` should be in the file `{}`, which cannot be read: {source}", path.display())]
    NoFile {
        /// The credential's name.
        name: String,
        /// The file's.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// What is there is no credential.
    #[error(
        "the credential `{name}` is not in one of the forms {{\"user\": …, \"password\": …}}, {{\"client-id\": …, \
         \"client-secret\": …}} and {{\"api-key\": …}}"
    )]
    Format {
        /// The credential's name.
        name: String,
    },
    /// ServiceNow gives no token for it.
    #[error(
        "ServiceNow gave no token for the credential `{name}`: {status}{}; check client id and secret, that the \
         property glide.oauth.inbound.client.credential.grant_type.enabled is true, and that the registry entry has an \
         OAuth application user",
        error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default()
    )]
    TokenRefused {
        /// The credential's name.
        name: String,
        /// The reply's status.
        status: StatusCode,
        /// The reply's `error`, where it is one of OAuth's.
        error: Option<String>,
    },
    /// The token endpoint answered what is no token: a sleeping or overloaded instance.
    #[error("the instance gave no token for the credential `{name}` now: {why}")]
    Unavailable {
        /// The credential's name.
        name: String,
        /// What it answered.
        why: String,
    },
    /// The token endpoint could not be reached.
    #[error("the token endpoint could not be reached for the credential `{name}`: {0}", error)]
    Unreachable {
        /// The credential's name.
        name: String,
        /// Why not.
        error: wasmtime_wasi_http::Error,
    },
}

/// A credential, by name and source. Shared by all stores of a grant.
pub struct Credential {
    name: String,
    source: Source,
    state: Mutex<State>,
}

enum Source {
    Environment(String),
    File(PathBuf),
}

#[derive(Default)]
struct State {
    /// Counts what was sent, so that a refusal of what has been replaced meanwhile is told from a new one.
    generation: u64,
    secret: Option<Secret>,
    current: Option<Current>,
}

struct Current {
    authorization: Authorization,
    /// None for what does not expire.
    until: Option<Instant>,
}

#[derive(Clone)]
enum Secret {
    Basic { user: SecretString, password: SecretString },
    Client { id: SecretString, secret: SecretString },
    ApiKey(SecretString),
}

/// What goes into one request.
#[derive(Clone)]
pub(super) struct Authorization {
    pub(super) header: HeaderName,
    /// Marked sensitive.
    pub(super) value: HeaderValue,
    /// What must not come back.
    pub(super) secrets: Arc<[Zeroizing<Vec<u8>>]>,
    generation: u64,
}

/// What stands at a source. Each text is moved, not copied, into what wipes it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Form {
    user: Option<String>,
    password: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    api_key: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Credential {
    /// Reads `NAME=env:VARIABLE` or `NAME=file:PATH`. The source itself is not looked at yet.
    ///
    /// # Errors
    /// [`CredentialError::Source`].
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        let (name, source) = text.split_once('=').ok_or(CredentialError::Source)?;
        let source = match source.split_once(':') {
            Some(("env", variable)) if !variable.is_empty() => Source::Environment(variable.into()),
            Some(("file", path)) if !path.is_empty() => Source::File(path.into()),
            _ => return Err(CredentialError::Source),
        };
        if name.is_empty() {
            return Err(CredentialError::Source);
        }
        Ok(Self { name: name.into(), source, state: Mutex::default() })
    }

    /// The name by which the settings call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Looks whether there is a credential at its source, without sending it anywhere.
    ///
    /// # Errors
    /// See [`CredentialError`].
    pub fn check(&self) -> Result<(), CredentialError> {
        self.read().map(drop)
    }

    /// What to send now.
    pub(super) async fn authorization(
        &self,
        client: &reqwest::Client,
        egress: &Egress,
    ) -> Result<Authorization, CredentialError> {
        let mut state = self.state.lock().await;
        match &state.current {
            Some(current) if current.until.is_none_or(|until| Instant::now() < until) => {
                Ok(current.authorization.clone())
            }
            _ => self.renew(&mut state, client, egress).await,
        }
    }

    /// What to send after a 401 to `refused`; none where that would be the same again.
    pub(super) async fn after_refusal(
        &self,
        refused: &Authorization,
        client: &reqwest::Client,
        egress: &Egress,
    ) -> Result<Option<Authorization>, CredentialError> {
        let mut state = self.state.lock().await;
        if let Some(current) = &state.current
            && current.authorization.generation != refused.generation
        {
            // Somebody was here before.
            return Ok(Some(current.authorization.clone()));
        }
        state.secret = None;
        state.current = None;
        let renewed = self.renew(&mut state, client, egress).await?;
        Ok((renewed.value != refused.value).then_some(renewed))
    }

    async fn renew(
        &self,
        state: &mut State,
        client: &reqwest::Client,
        egress: &Egress,
    ) -> Result<Authorization, CredentialError> {
        let secret = match &state.secret {
            Some(secret) => secret.clone(),
            None => self.read()?,
        };
        let (header, value, until, mut secrets) = match &secret {
            Secret::Basic { user, password } => {
                let pair = Zeroizing::new(format!("{}:{}", user.expose_secret(), password.expose_secret()));
                let code = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
                let value = Zeroizing::new(format!("Basic {}", code.as_str()));
                (header::AUTHORIZATION, value, None, vec![secret_bytes(password.expose_secret()), secret_bytes(&code)])
            }
            Secret::ApiKey(key) => {
                let value = Zeroizing::new(key.expose_secret().to_owned());
                (API_KEY, value, None, vec![secret_bytes(key.expose_secret())])
            }
            Secret::Client { id, secret } => {
                let Token { access_token, expires_in } = self.token(id, secret, client, egress).await?;
                let token = Zeroizing::new(access_token);
                let life = expires_in.map_or(TOKEN_LIFE, Duration::from_secs);
                let until = Instant::now() + life.saturating_sub(EXPIRY_MARGIN.min(life / 2));
                let value = Zeroizing::new(format!("Bearer {}", token.as_str()));
                let secrets = vec![secret_bytes(&token), secret_bytes(secret.expose_secret())];
                (header::AUTHORIZATION, value, Some(until), secrets)
            }
        };
        secrets.retain(|secret| secret.len() >= SCRUBBED_BYTES);
        let mut value =
            HeaderValue::from_str(&value).map_err(|_| CredentialError::Format { name: self.name.clone() })?;
        value.set_sensitive(true);
        state.generation += 1;
        state.secret = Some(secret);
        let authorization = Authorization { header, value, secrets: secrets.into(), generation: state.generation };
        state.current = Some(Current { authorization: authorization.clone(), until });
        Ok(authorization)
    }

    /// A small file, read where it stands: a secret store mounts it in memory.
    fn read(&self) -> Result<Secret, CredentialError> {
        let text = Zeroizing::new(match &self.source {
            Source::Environment(variable) => std::env::var(variable)
                .map_err(|_| CredentialError::NoVariable { name: self.name.clone(), variable: variable.clone() })?,
            Source::File(path) => read_bounded(path).map_err(|source| CredentialError::NoFile {
                name: self.name.clone(),
                path: path.clone(),
                source,
            })?,
        });
        // The parser's own words would quote the secret.
        let format = || CredentialError::Format { name: self.name.clone() };
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

    async fn token(
        &self,
        id: &SecretString,
        secret: &SecretString,
        client: &reqwest::Client,
        egress: &Egress,
    ) -> Result<Token, CredentialError> {
        let name = || self.name.clone();
        let unreachable = |error| CredentialError::Unreachable { name: name(), error: error_of(&error) };
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", id.expose_secret())
            .append_pair("client_secret", secret.expose_secret())
            .finish();
        let mut reply = client
            .post(egress.token_endpoint())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(form)
            .send()
            .await
            .map_err(unreachable)?;
        let status = reply.status();
        let mut body = Zeroizing::new(Vec::new());
        while let Some(piece) = reply.chunk().await.map_err(unreachable)? {
            if body.len() + piece.len() > CREDENTIAL_BYTES {
                let why = format!("its reply is larger than {CREDENTIAL_BYTES} bytes");
                return Err(CredentialError::Unavailable { name: name(), why });
            }
            body.extend_from_slice(&piece);
        }
        if matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let error = serde_json::from_slice(&body).ok().and_then(|Refusal { error }| {
                TOKEN_ERRORS.iter().find(|known| **known == error).map(|known| (*known).to_owned())
            });
            return Err(CredentialError::TokenRefused { name: name(), status, error });
        }
        if status != StatusCode::OK {
            return Err(CredentialError::Unavailable { name: name(), why: format!("it answered {status}") });
        }
        serde_json::from_slice(&body).map_err(|_| CredentialError::Unavailable {
            name: name(),
            why: "it answered 200 with what is no token, as a sleeping instance does".into(),
        })
    }
}

impl CredentialError {
    /// As the guest learns it: what an administrator must mend, or what time does.
    pub(super) fn to_http(&self) -> wasmtime_wasi_http::Error {
        use wasmtime_wasi_http::Error;
        match self {
            Self::Unreachable { error, .. } => super::client::copy(error),
            Self::Unavailable { .. } => Error::DestinationUnavailable,
            _ => Error::ConfigurationError,
        }
    }
}

fn secret_bytes(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

fn read_bounded(path: &std::path::Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(CREDENTIAL_BYTES as u64).read_to_string(&mut text)?;
    Ok(text)
}
