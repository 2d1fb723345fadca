//! Tokens, by OAuth 2.0's client credentials (RFC 6749, section 4.4).

use super::CredentialError;
use super::secret::CREDENTIAL_BYTES;
use crate::grant::client::error_of;
use crate::grant::egress::Egress;
use http::{StatusCode, header};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::Duration;

/// A token this close to its end is fetched anew, so that none expires on its way. Of a token that lives shorter than
/// twice this, half its life: ServiceNow gives the same token again until it has expired, with what is left of its time.
const EXPIRY_MARGIN: Duration = Duration::from_secs(30);
/// What a token lives where the reply does not say: ServiceNow's default.
const TOKEN_LIFE: Duration = Duration::from_secs(1800);

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

/// What the endpoint gives.
#[derive(Deserialize)]
pub(super) struct Token {
    access_token: String,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Token {
    /// How long it is used.
    pub(super) fn use_for(&self) -> Duration {
        let life = self.expires_in.map_or(TOKEN_LIFE, Duration::from_secs);
        life.saturating_sub(EXPIRY_MARGIN.min(life / 2))
    }

    /// The token itself.
    pub(super) fn into_text(self) -> Zeroizing<String> {
        Zeroizing::new(self.access_token)
    }
}

/// Asks the granted origin's token endpoint for one.
pub(super) async fn fetch(
    name: &str,
    id: &SecretString,
    secret: &SecretString,
    client: &reqwest::Client,
    egress: &Egress,
) -> Result<Token, CredentialError> {
    let unreachable = |error| CredentialError::Unreachable { name: name.to_owned(), error: error_of(&error) };
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
            return Err(CredentialError::Unavailable { name: name.to_owned(), why });
        }
        body.extend_from_slice(&piece);
    }
    if matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
        let error = serde_json::from_slice(&body).ok().and_then(|Refusal { error }| {
            TOKEN_ERRORS.iter().find(|known| **known == error).map(|known| (*known).to_owned())
        });
        return Err(CredentialError::TokenRefused { name: name.to_owned(), status, error });
    }
    if status != StatusCode::OK {
        return Err(CredentialError::Unavailable { name: name.to_owned(), why: format!("it answered {status}") });
    }
    serde_json::from_slice(&body).map_err(|_| CredentialError::Unavailable {
        name: name.to_owned(),
        why: "it answered 200 with what is no token, as a sleeping instance does".into(),
    })
}
