//! Header fields that do not cross the sandbox's wall.

use http::{HeaderName, header};
use wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS;

/// Those with which a request says who sends it, or where else it should go, beside those that `wasi:http` forbids by
/// itself. A guest that sets one gets `header-error::forbidden`; of a reply they are taken off.
const FORBIDDEN: &[&str] = &[
    // Who sends it. The host alone says so.
    "authorization",
    "cookie",
    "cookie2",
    "set-cookie",
    "set-cookie2",
    "api-key",
    "apikey",
    "x-api-key",
    "x-auth-token",
    "x-remote-user",
    "x-sn-apikey",
    "x-usertoken",
    "x-user-token",
    "authentication",
    // Where it comes from and where it should go, for reverse proxies that believe it.
    "forwarded",
    "via",
    "cf-connecting-ip",
    "client-ip",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-host",
    "x-original-host",
    "x-original-url",
    "x-real-ip",
    "x-rewrite-url",
    // What it is, behind the method that was judged.
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    // How it is framed, which is HTTP's own business; `te` and `trailer` with it.
    "expect",
    "te",
    "trailer",
];

/// Families of them.
const FORBIDDEN_PREFIXES: &[&str] = &["x-forwarded", "proxy-", "sec-"];

/// Whether a guest may neither send it nor see it.
pub fn is_forbidden(name: &HeaderName) -> bool {
    // `HeaderName` is lower case always.
    DEFAULT_FORBIDDEN_HEADERS.contains(name)
        || FORBIDDEN.contains(&name.as_str())
        || FORBIDDEN_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
}

/// Left out of a request without an error: the host needs the reply as it is, to look for secrets in it.
pub(super) fn is_dropped(name: &HeaderName) -> bool {
    *name == header::ACCEPT_ENCODING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_who_sends_or_where_to_is_forbidden_in_any_case() {
        for name in [
            "Authorization",
            "COOKIE",
            "X-UserToken",
            "x-sn-apikey",
            "X-Forwarded-Host",
            "x-forwarded-for",
            "Forwarded",
            "Proxy-Authorization",
            "Host",
            "Transfer-Encoding",
            "X-HTTP-Method-Override",
            "ApiKey",
            "api-key",
            "X-Auth-Token",
            "X-Remote-User",
            "Client-IP",
            "CF-Connecting-IP",
        ] {
            assert!(is_forbidden(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn what_the_rest_apis_need_is_not() {
        for name in ["accept", "content-type", "content-length", "x-no-response-body", "if-none-match", "user-agent"] {
            assert!(!is_forbidden(&name.parse().unwrap()), "{name}");
        }
    }
}
