//! Tokens, by OAuth 2.0's client credentials (RFC 6749, section 4.4).

use super::CredentialError;
use crate::grant::client::{error_of, prohibited};
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
/// No token is used for longer, whatever the reply says: a clock counts no further than some centuries.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

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
    /// A number, or a string where a proxy made it one.
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl Token {
    /// Whether it can be sent (RFC 6749, appendix A.12): one that cannot is the endpoint's fault, not the credential's.
    fn is_one(&self) -> bool {
        !self.access_token.is_empty() && self.access_token.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    }

    /// How long it is used.
    pub(super) fn use_for(&self) -> Duration {
        let seconds = match &self.expires_in {
            Some(serde_json::Value::String(text)) => text.parse().ok(),
            Some(number) => number.as_u64(),
            None => None,
        };
        let life = seconds.map_or(TOKEN_LIFE, Duration::from_secs).min(LONGEST_LIFE);
        life.saturating_sub(EXPIRY_MARGIN.min(life / 2))
    }

    /// The token itself.
    pub(super) fn into_text(self) -> Zeroizing<String> {
        Zeroizing::new(self.access_token)
    }
}

/// Asks the granted origin's token endpoint for one, in `most` bytes of reply.
pub(super) async fn fetch(
    name: &str,
    id: &SecretString,
    secret: &SecretString,
    client: &reqwest::Client,
    egress: &Egress,
    most: usize,
) -> Result<Token, CredentialError> {
    let unreachable = |error| match prohibited(&error) {
        Some(why) => CredentialError::Prohibited { name: name.to_owned(), why: why.clone() },
        None => CredentialError::Unreachable { name: name.to_owned(), error: error_of(&error) },
    };
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
        if body.len() + piece.len() > most {
            let why = format!("its reply is larger than {most} bytes");
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
    let token = serde_json::from_slice(&body).ok().filter(Token::is_one);
    token.ok_or_else(|| CredentialError::Unavailable {
        name: name.to_owned(),
        why: "it answered 200 with what is no token, as a sleeping instance does".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_reply_says_of_its_life_a_token_is_used_for_a_day_at_most() {
        let use_for = |life: &str| {
            let token: Token =
                serde_json::from_str(&format!(r#"{{"access_token": "t", "expires_in": {life}}}"#)).unwrap();
            std::time::Instant::now().checked_add(token.use_for()).map(|_| token.use_for().as_secs())
        };
        let day = 24 * 3600 - 30;
        for (life, expected) in [
            ("1800", 1770),
            ("\"1800\"", 1770),
            ("0", 0),
            ("-1", 1770),
            ("1.5", 1770),
            ("null", 1770),
            ("18446744073709551615", day),
            ("1e300", 1770),
        ] {
            assert_eq!(use_for(life), Some(expected), "{life}");
        }
    }
}
