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
//! It is read when it is first needed and again whenever ServiceNow refuses it, be it at an API or at the token endpoint, so
//! a rotated secret needs no restart. A
//! token is fetched from `/oauth_token.do` of the granted origin, by one task at a time, kept until shortly before it
//! expires, and used by all stores.

mod error;
mod secret;
mod token;

pub use error::CredentialError;

use super::egress::Egress;
use super::scrub::codes;
use crate::runtime::limits::{CONNECT_TIMEOUT, CREDENTIAL_BYTES, Limits, REPLY_TIMEOUT};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, header};
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use secret::{Secret, Source};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A secret shorter than this is not looked for in replies: it would be found in innocent words.
const SCRUBBED_BYTES: usize = 8;

/// The header of API keys (ServiceNow, "Configure API key").
const API_KEY: HeaderName = HeaderName::from_static("x-sn-apikey");

/// A credential, by name and source. Shared by all stores of a grant.
pub struct Credential {
    name: String,
    source: Source,
    /// Bytes of it, and of the reply with a token.
    most: usize,
    /// Until it is there, the token endpoint's whole reply included: one that stalls is waited for no longer than any
    /// other, whoever waits.
    patience: Duration,
    state: Mutex<State>,
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

/// What goes into one request.
#[derive(Clone)]
pub(super) struct Authorization {
    pub(super) header: HeaderName,
    /// Marked sensitive.
    pub(super) value: HeaderValue,
    /// What must not come back.
    pub(super) secrets: Arc<[Zeroizing<String>]>,
    generation: u64,
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
            // Somebody may have put the credential itself here, which must not come back in a message.
            Some(("env", variable)) if is_variable(variable) => Source::Environment(variable.into()),
            Some(("file", path)) if !path.is_empty() && !path.contains(['{', '"']) => Source::File(path.into()),
            _ => return Err(CredentialError::Source),
        };
        if name.is_empty() || name.contains(['{', '"']) {
            return Err(CredentialError::Source);
        }
        let patience = CONNECT_TIMEOUT + REPLY_TIMEOUT;
        Ok(Self { name: name.into(), source, most: CREDENTIAL_BYTES, patience, state: Mutex::default() })
    }

    /// Reads so much of it at most, and waits for a token as for any other reply.
    pub(super) fn within(self, limits: &Limits) -> Self {
        Self { most: limits.credential_bytes, patience: limits.connect_timeout + limits.reply_timeout, ..self }
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
        self.source.read(&self.name, self.most).map(drop)
    }

    /// What to send now.
    pub(super) async fn authorization(
        &self,
        client: &reqwest::Client,
        egress: &Egress,
    ) -> Result<Authorization, CredentialError> {
        let asking = async {
            let mut state = self.state.lock().await;
            match &state.current {
                Some(current) if current.until.is_none_or(|until| Instant::now() < until) => {
                    Ok(current.authorization.clone())
                }
                _ => self.renew(&mut state, client, egress).await,
            }
        };
        self.in_time(asking).await
    }

    /// What to send after a 401 to `refused`; none where that would be the same again.
    pub(super) async fn after_refusal(
        &self,
        refused: &Authorization,
        client: &reqwest::Client,
        egress: &Egress,
    ) -> Result<Option<Authorization>, CredentialError> {
        let asking = async {
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
        };
        self.in_time(asking).await
    }

    async fn in_time<T>(&self, asking: impl Future<Output = Result<T, CredentialError>>) -> Result<T, CredentialError> {
        let late = |_| CredentialError::Late { name: self.name.clone(), patience: self.patience };
        timeout(self.patience, asking).await.map_err(late)?
    }

    /// A secret that was read before may have been replaced since: where the token endpoint refuses it, it is read again.
    async fn renew(
        &self,
        state: &mut State,
        client: &reqwest::Client,
        egress: &Egress,
    ) -> Result<Authorization, CredentialError> {
        let kept = state.secret.take();
        let (secret, is_fresh) = match kept {
            Some(secret) => (secret, false),
            None => (self.source.read(&self.name, self.most)?, true),
        };
        match self.authorize(state, secret, client, egress).await {
            Err(CredentialError::TokenRefused { .. }) if !is_fresh => {
                let secret = self.source.read(&self.name, self.most)?;
                self.authorize(state, secret, client, egress).await
            }
            done => done,
        }
    }

    /// Makes of a secret what is sent, and keeps both.
    async fn authorize(
        &self,
        state: &mut State,
        secret: Secret,
        client: &reqwest::Client,
        egress: &Egress,
    ) -> Result<Authorization, CredentialError> {
        let (header, value, until, secrets) = match &secret {
            Secret::Basic { user, password } => {
                let pair = Zeroizing::new(format!("{}:{}", user.expose_secret(), password.expose_secret()));
                let code = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
                let value = Zeroizing::new(format!("Basic {}", code.as_str()));
                (header::AUTHORIZATION, value, None, looked_for(&[password.expose_secret(), &pair]))
            }
            Secret::ApiKey(key) => {
                let value = Zeroizing::new(key.expose_secret().to_owned());
                (API_KEY, value, None, looked_for(&[key.expose_secret()]))
            }
            Secret::Client { id, secret } => {
                let token = token::fetch(&self.name, id, secret, client, egress, self.most).await?;
                let until = Instant::now() + token.use_for();
                let token = token.into_text();
                let value = Zeroizing::new(format!("Bearer {}", token.as_str()));
                (header::AUTHORIZATION, value, Some(until), looked_for(&[&token, secret.expose_secret()]))
            }
        };
        let mut value =
            HeaderValue::from_str(&value).map_err(|_| CredentialError::Format { name: self.name.clone() })?;
        value.set_sensitive(true);
        state.generation += 1;
        state.secret = Some(secret);
        let authorization = Authorization { header, value, secrets: secrets.into(), generation: state.generation };
        state.current = Some(Current { authorization: authorization.clone(), until });
        Ok(authorization)
    }
}

/// Whether a shell could name a variable so.
fn is_variable(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// What is looked for in replies: secrets, and the base64 of each.
fn looked_for(secrets: &[&str]) -> Vec<Zeroizing<String>> {
    let long = secrets.iter().filter(|secret| secret.len() >= SCRUBBED_BYTES);
    long.flat_map(|secret| std::iter::once(Zeroizing::new((*secret).to_owned())).chain(codes(secret))).collect()
}
