//! Another host, port, scheme, path or method, by every trick that a parser of URLs has fallen for.

use super::{Attack, Fate};

const HOST: &str = "the grant is for the host 127.0.0.1";
const PORT: &str = "the grant is for port ";
const SCHEME: &str = "the grant is for http";
const USER: &str = "a URL with user information is never granted";
const PATHS: &str = "the grant has the paths /api/";
const METHODS: &str = "the grant has the methods ";

const DENIED: &[(&str, &str, &str, &str, &str)] = &[
    ("GET", "https", "SITE", "/api/x", SCHEME),
    ("GET", "ftp", "SITE", "/api/x", SCHEME),
    ("GET", "http", "evil.example", "/api/x", HOST),
    ("GET", "http", "evil.example:PORT", "/api/x", HOST),
    ("GET", "http", "127.0.0.1.evil.example:PORT", "/api/x", HOST),
    ("GET", "http", "localhost:PORT", "/api/x", HOST),
    // The same machine and another one, in other spellings.
    ("GET", "http", "0x7f.1:PORT", "/api/x", HOST),
    ("GET", "http", "0177.0.0.1:PORT", "/api/x", HOST),
    ("GET", "http", "2130706433:PORT", "/api/x", HOST),
    ("GET", "http", "127.1:PORT", "/api/x", HOST),
    ("GET", "http", "0:PORT", "/api/x", HOST),
    ("GET", "http", "[::1]:PORT", "/api/x", HOST),
    ("GET", "http", "[::ffff:127.0.0.1]:PORT", "/api/x", HOST),
    ("GET", "http", "[::ffff:169.254.169.254]", "/api/x", HOST),
    ("GET", "http", "169.254.169.254", "/api/x", HOST),
    ("GET", "http", "127.0.0.1..:PORT", "/api/x", HOST),
    // Ports that a reader takes for the scheme's own, or does not read.
    ("GET", "http", "127.0.0.1", "/api/x", PORT),
    ("GET", "http", "127.0.0.1:", "/api/x", PORT),
    ("GET", "http", "127.0.0.1:0", "/api/x", PORT),
    ("GET", "http", "127.0.0.1:99999", "/api/x", PORT),
    ("GET", "http", "127.0.0.1:65616", "/api/x", PORT),
    ("GET", "http", "user:pw@SITE", "/api/x", USER),
    ("GET", "http", "@SITE", "/api/x", USER),
    ("GET", "http", "SITE@evil.example", "/api/x", USER),
    ("GET", "http", "SITE", "/", PATHS),
    ("GET", "http", "SITE", "/api", PATHS),
    ("GET", "http", "SITE", "/API/x", PATHS),
    ("GET", "http", "SITE", "/apix/y", PATHS),
    ("GET", "http", "SITE", "/oauth_token.do", PATHS),
    ("GET", "http", "SITE", "/login.do?x=/api/", PATHS),
    ("GET", "http", "SITE", "//evil.example/api/x", "a path with an empty segment is never granted"),
    ("GET", "http", "SITE", "/api//x", "a path with an empty segment is never granted"),
    ("GET", "http", "SITE", "/api/../oauth_token.do", "a path with dot segments is never granted"),
    ("GET", "http", "SITE", "/api/x/../../../b", "a path with dot segments is never granted"),
    ("GET", "http", "SITE", "/api/./x", "a path with dot segments is never granted"),
    ("GET", "http", "SITE", "/api/..;/oauth_token.do", "a path with dot segments is never granted"),
    ("GET", "http", "SITE", "/api/%2e%2e/oauth_token.do", "a path with an encoded dot"),
    ("GET", "http", "SITE", "/api/%2E%2E%2Foauth_token.do", "a path with an encoded dot"),
    ("GET", "http", "SITE", "/api/%252e%252e/oauth_token.do", "a path with an encoded dot"),
    ("GET", "http", "SITE", "/api/..%5coauth_token.do", "a path with an encoded dot"),
    ("GET", "http", "SITE", "/api/x%00", "a path with an encoded dot"),
    ("CONNECT", "http", "SITE", "/api/x", METHODS),
    ("TRACE", "http", "SITE", "/api/x", METHODS),
    ("PROPFIND", "http", "SITE", "/api/x", METHODS),
    ("get", "http", "SITE", "/api/x", METHODS),
];

/// What is no URL, and is never judged: the authority, the path, and what the guest is told.
const INVALID: &[(&str, &str, &str)] = &[
    ("SITE", "*", "invalid path"),
    ("SITE", "x", "invalid path"),
    ("SITE", "http://evil.example/x", "invalid path"),
    ("SITE", "@evil.example", "invalid path"),
    ("SITE", ":8443/", "invalid path"),
    ("SITE", "/a b", "invalid path"),
    ("SITE", "/a\rb", "invalid path"),
    ("evil.example#@SITE", "/api/x", "invalid authority"),
    ("evil.example\\@SITE", "/api/x", "invalid authority"),
    ("evil.example/@SITE", "/api/x", "invalid authority"),
    ("SITE\revil.example", "/api/x", "invalid authority"),
    ("", "/api/x", "invalid authority"),
];

pub fn attacks() -> Vec<Attack> {
    let send = |method: &str, scheme: &str, authority: &str, path: &str| {
        format!("send\t{method}\t{scheme}\t{authority}\t{path}")
    };
    let denied = DENIED.iter().map(|(method, scheme, authority, path, why)| {
        Attack::script(send(method, scheme, authority, path), Fate::Denied(why))
    });
    let invalid = INVALID
        .iter()
        .map(|(authority, path, told)| Attack::script(send("GET", "http", authority, path), Fate::Invalid(told)));
    let long = send("GET", "http", "SITE", &format!("/api/{}", "x".repeat(100)));
    let others = [
        Attack::script(long, Fate::Denied("its path and query are longer than 100 bytes"))
            .under(|limits| limits.uri_bytes = 100)
            .reaching("uri-bytes"),
        // A redirect is data, and where it leads is judged when the guest goes there.
        Attack::script(
            send("GET", "http", "SITE", "/api/redirect"),
            Fate::Vain(|scene, told| told.starts_with("302 ") && scene.site.seen("/api/target").is_empty()),
        ),
        // A fragment is not sent.
        Attack::script(
            send("GET", "http", "SITE", "/api/x?y=1#@evil.example/"),
            Fate::Vain(|scene, _| scene.site.seen("/").iter().all(|seen| seen.target == "/api/x?y=1")),
        ),
        // Another spelling of the granted host is the granted host, and `Host` says it as the grant does.
        Attack::script(
            send("GET", "http", "127.0.0.1.:PORT", "/api/x"),
            Fate::Vain(|scene, _| {
                let site = scene.site.authority();
                scene.site.seen("/").iter().all(|seen| seen.header("host") == Some(&site))
            }),
        ),
    ];
    denied.chain(invalid).chain(others).collect()
}
