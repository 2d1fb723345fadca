//! Who is asking: basic authentication, bearer tokens, API keys. Whatever is wrong, the answer is the same 401.

use super::request::Request;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::refusal::Refusal;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// The caller of a request.
pub fn authenticate(engine: &Engine, request: &Request) -> Result<Caller, Refusal> {
    let user = match request.header("authorization") {
        Some(value) => by_authorization(engine, value),
        None => request.header("x-sn-apikey").and_then(|key| engine.registry.user_of_key(key)),
    };
    user.and_then(|user| engine.caller(&user)).ok_or(Refusal::NotAuthenticated)
}

/// The `sys_id` of the user whom an `Authorization` header proves.
fn by_authorization(engine: &Engine, value: &str) -> Option<String> {
    let (scheme, proof) = value.split_once(' ')?;
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => {
            let (user_name, password) = basic(proof)?;
            check_password(engine, &user_name, &password)
        }
        "bearer" => engine.registry.user_of_token(proof.trim(), engine.clock.now()),
        _ => None,
    }
}

/// The name and the secret in a basic authorization.
pub fn basic(proof: &str) -> Option<(String, String)> {
    let proof = BASE64_STANDARD.decode(proof.trim()).ok()?;
    let proof = String::from_utf8(proof).ok()?;
    let (name, secret) = proof.split_once(':')?;
    Some((name.to_owned(), secret.to_owned()))
}

/// The `sys_id` of the user of this name and password.
pub fn check_password(engine: &Engine, user_name: &str, password: &str) -> Option<String> {
    let user = engine.user(user_name)?;
    let known = engine.passwords.get(user.sys_id())?;
    (known == password && user.is("active") && !user.is("locked_out")).then(|| user.sys_id().to_owned())
}
