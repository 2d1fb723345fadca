//! OAuth 2.0: `POST /oauth_token.do` and `/oauth_revoke_token.do`.
//!
//! A client that asks again before its token has run out is given the same token with less time left. Nearly every
//! refusal is the same 401, and none of them has the envelope of the REST APIs.

use super::auth::{basic, check_password};
use super::reply::Reply;
use super::request::Request;
use crate::servicenow::engine::Engine;
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::HashMap;

/// An entry of the application registry.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The `sys_id` of the *OAuth Application User*, whom client credentials stand for.
    pub user: Option<String>,
}

#[derive(Debug, Clone)]
struct Token {
    client: String,
    user: String,
    expires: Timestamp,
}

/// Clients, tokens and keys.
#[derive(Debug, Default)]
pub struct Registry {
    /// The application registry.
    pub clients: Vec<Client>,
    /// API keys, and the `sys_id` of the user whom each stands for.
    pub keys: HashMap<String, String>,
    access: HashMap<String, Token>,
    refresh: HashMap<String, Token>,
}

impl Registry {
    /// The user whom an API key stands for.
    pub fn user_of_key(&self, key: &str) -> Option<String> {
        self.keys.get(key).cloned()
    }

    /// The user whom an access token stands for, as long as it is good.
    pub fn user_of_token(&self, token: &str, now: Timestamp) -> Option<String> {
        self.access.get(token).filter(|token| token.expires > now).map(|token| token.user.clone())
    }

    /// Forgets every access token; each is refused from now on.
    pub fn expire_tokens(&mut self) {
        self.access.clear();
    }

    /// Forgets a token of either kind.
    pub fn revoke(&mut self, token: &str) {
        self.access.remove(token);
        self.refresh.remove(token);
    }

    /// The current access token for a client and a user, with the seconds that it is still good for.
    fn access_token(&mut self, client: &str, user: &str, now: Timestamp, lifetime: SignedDuration) -> (String, i64) {
        self.access.retain(|_, token| token.expires > now);
        let current = self.access.iter().find(|(_, token)| token.client == client && token.user == user);
        if let Some((text, token)) = current {
            return (text.clone(), token.expires.duration_since(now).as_secs());
        }
        let text = fresh_token();
        let expires = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        self.access.insert(text.clone(), Token { client: client.into(), user: user.into(), expires });
        (text, lifetime.as_secs().saturating_sub(1))
    }

    fn refresh_token(&mut self, client: &str, user: &str, now: Timestamp, lifetime: SignedDuration) -> String {
        let current =
            self.refresh.iter().find(|(_, token)| token.client == client && token.user == user && token.expires > now);
        if let Some((text, _)) = current {
            return text.clone();
        }
        let text = fresh_token();
        let expires = now.checked_add(lifetime).unwrap_or(Timestamp::MAX);
        self.refresh.insert(text.clone(), Token { client: client.into(), user: user.into(), expires });
        text
    }
}

fn fresh_token() -> String {
    use base64::Engine as _;
    let bytes: [u8; 48] = rand::random();
    base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn refused(status: StatusCode, error: &str, description: &str) -> Reply {
    Reply::json(status, &json!({ "error_description": description, "error": error }))
}

/// `POST /oauth_token.do`, form-encoded.
pub fn token(engine: &mut Engine, request: &Request) -> Reply {
    if request.method != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "method not supported");
    }
    let form: HashMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let denied = || refused(StatusCode::UNAUTHORIZED, "server_error", "access_denied");
    // A client names itself in the form, or by basic authentication, as RFC 6749 has it and OAuth libraries do.
    let by_header = request.header("authorization").and_then(|value| basic(value.strip_prefix("Basic ")?));
    let (id, secret) = match by_header {
        Some(client) if field("client_secret").is_empty() => client,
        _ => (field("client_id").to_owned(), field("client_secret").to_owned()),
    };
    let client = engine.registry.clients.iter().find(|client| client.client_id == id).cloned();
    let Some(client) = client else {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client", "invalid client");
    };
    if client.client_secret != secret {
        return denied();
    }
    let now = engine.clock.now();
    let (user, refreshable) = match field("grant_type") {
        "password" => (check_password(engine, field("username"), field("password")), true),
        "client_credentials" if engine.properties.client_credentials_grant => (client.user.clone(), false),
        "client_credentials" => (None, false),
        "refresh_token" => {
            let known = engine.registry.refresh.get(field("refresh_token"));
            let known = known.filter(|token| token.client == client.client_id && token.expires > now);
            match known.map(|token| token.user.clone()) {
                Some(user) => (Some(user), true),
                None => return refused(StatusCode::UNAUTHORIZED, "invalid_grant", "invalid refresh token"),
            }
        }
        _ => return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant type not supported"),
    };
    let Some(user) = user.filter(|user| engine.caller(user).is_some()) else { return denied() };
    let lifetime = engine.properties.access_token_lifetime;
    let (access_token, expires_in) = engine.registry.access_token(&client.client_id, &user, now, lifetime);
    let mut body = json!({ "access_token": access_token });
    if refreshable && let Some(body) = body.as_object_mut() {
        let lifetime = engine.properties.refresh_token_lifetime;
        let refresh = engine.registry.refresh_token(&client.client_id, &user, now, lifetime);
        body.insert("refresh_token".into(), refresh.into());
    }
    if let Some(body) = body.as_object_mut() {
        body.insert("scope".into(), "useraccount".into());
        body.insert("token_type".into(), "Bearer".into());
        body.insert("expires_in".into(), expires_in.into());
    }
    Reply::json(StatusCode::OK, &body)
}

/// `GET /oauth_revoke_token.do?token=…`: it asks for no authentication, by design.
pub fn revoke(engine: &mut Engine, request: &Request) -> Reply {
    if let Some(token) = request.parameter("token") {
        engine.registry.revoke(token);
    }
    Reply::empty(StatusCode::OK)
}
