//! Header fields that say who sends a request or where it should go, or that hide one request in another.

use super::{Attack, Fate};

const FORBIDDEN: &[&str] = &[
    "authorization",
    "Authorization",
    "cookie",
    "x-usertoken",
    "x-user-token",
    "x-sn-apikey",
    "X-API-Key",
    "proxy-authorization",
    "host",
    "forwarded",
    "via",
    "x-forwarded-host",
    "x-forwarded-for",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "transfer-encoding",
    "connection",
    "upgrade",
    "expect",
    "te",
    "trailer",
];

/// By three ways into a list of fields.
const THRICE: &str = "Err(HeaderError::Forbidden) Err(HeaderError::Forbidden) Err(HeaderError::Forbidden)";

pub fn attacks() -> Vec<Attack> {
    let forbidden = FORBIDDEN.iter().map(|name| Attack::script(format!("header\t{name}\tx"), Fate::Invalid(THRICE)));
    let malformed = [
        ("x-a", "b\rauthorization: c"),
        ("x-a", "b\u{1}c"),
        ("x-a", "b\u{0}c"),
        ("x a", "b"),
        ("x:a", "b"),
        ("x\ra", "b"),
        ("", "b"),
    ];
    let malformed = malformed.into_iter().map(|(name, value)| {
        Attack::script(format!("header\t{name}\t{value}"), Fate::Invalid("Err(HeaderError::InvalidSyntax)"))
    });
    let send = |headers: &str| format!("send\tGET\thttp\tSITE\t/api/x\t{headers}");
    // Lengths that are not the body's, or that two readers read in two ways.
    let lengths = ["content-length=5", "content-length=+5", "content-length=0\tcontent-length=5", "content-length=0x5"];
    let lengths = lengths.into_iter().map(|headers| Attack::script(send(headers), Fate::Invalid("")));
    let others = [
        // What the host adds is not the guest's to see, and what a server gives it to keep is not either.
        Attack::script(
            "send\tGET\thttp\tSITE\t/api/cookie",
            Fate::Vain(|scene, told| {
                let sent = scene.site.seen("/api/cookie");
                let is_known = sent.iter().all(|seen| seen.header("authorization").is_some());
                let kept = ["set-cookie", "x-usertoken", "x-forwarded-host"];
                is_known && told.contains("x-kept=yes") && !kept.iter().any(|name| told.contains(name))
            }),
        ),
        Attack::script(
            "send\tGET\thttp\tSITE\t/api/secret",
            Fate::Vain(|_, told| told.matches("Basic ********************").count() == 2),
        ),
        Attack::script("send\tGET\thttp\tSITE\t/api/encoded", Fate::Told("ErrorCode::HttpResponseContentCoding")),
        // An encoding that nobody can look through for secrets is not asked for.
        Attack::script(
            send("accept-encoding=gzip"),
            Fate::Vain(|scene, _| scene.site.seen("/").iter().all(|seen| seen.header("accept-encoding").is_none())),
        ),
    ];
    forbidden.chain(malformed).chain(lengths).chain(others).collect()
}
