//! What comes from outside, a target each: nothing may panic, and each target has a promise of its own. `cargo test` runs
//! each a little, by chance; `run` runs them as long as it is told, with libFuzzer.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a target says that a promise is broken"
)]

mod mutate;
mod replies;

use host_harness::grant::audit::{entries, of_change, verify};
use host_harness::grant::{AuditLog, Egress};
use host_harness::runtime::{Call, Hook, limits::Limits, plain};
use servicenow_plugin::servicenow::{Query, percent_encode};
use std::sync::LazyLock;
use url::Url;

/// Something that reads what comes from outside.
pub struct Target {
    /// Also the name of its folder in `corpus/`.
    pub name: &'static str,
    /// What its inputs are made of.
    words: &'static [&'static str],
    /// Panics where an input breaks a promise.
    pub check: fn(&[u8]),
}

/// What the policy lets pass leads to the granted origin and path by another reader of URLs, too.
pub const EGRESS: Target = Target {
    name: "egress",
    words: &["dev.service-now.com", "@", "//", "..", "%2e", ";", ":443", "/api/", "https://", "\\"],
    check: egress,
};

/// A file that the host reads is one that it can tell lines of, and its JSON is what the plugin gets.
pub const SETTINGS: Target = Target {
    name: "settings",
    words: &["[instance]", "url = ", "credential", "\"\"\"", "0x", "[[", "approval.timeout"],
    check: settings,
};

/// An event that is read is written as it was meant: what comes back from its JSON is the same event.
pub const EVENT_JSON: Target = Target {
    name: "event-json",
    words: &["\"delivery\"", "null", "{}", "[]", "\"labels\"", "2026-11-24T16:20:00Z", "\\u0000"],
    check: event_json,
};

/// Whatever ServiceNow answers, it opens no gate that it did not mean to open, and keeps no hook asking for ever.
pub const SERVICENOW_REPLIES: Target = Target {
    name: "servicenow-replies",
    words: &["\"result\"", "\"sys_id\"", "\"approval\":\"approved\"", "{", "[", "null", "\x1e"],
    check: replies::check,
};

/// No value becomes a term of its own, and what is encoded is what was meant.
pub const ENCODED_QUERIES: Target = Target {
    name: "encoded-queries",
    words: &["^OR", "^NQ", "javascript:", "^ORDERBY", "%5E", "IN", ","],
    check: encoded_queries,
};

/// A log that is not what was written is never told to be whole.
pub const AUDIT_READER: Target = Target {
    name: "audit-reader",
    words: &["{\"seq\":1,", "\"who\":\"host\"", "\n", "\"previous\":", "CHG0030001"],
    check: audit_reader,
};

/// All of them.
pub const TARGETS: [&Target; 6] =
    [&EGRESS, &SETTINGS, &EVENT_JSON, &SERVICENOW_REPLIES, &ENCODED_QUERIES, &AUDIT_READER];

const ORIGIN: &str = "https://dev.service-now.com";

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

fn egress(input: &[u8]) {
    static GRANTED: LazyLock<Egress> = LazyLock::new(|| Egress::to(ORIGIN).unwrap());
    let text = text(input);
    if let Ok(granted) = Egress::to(&text) {
        // What can be granted reaches itself.
        let uri = format!("{}/x", granted.origin()).parse().unwrap();
        granted.paths(["/"]).unwrap().judge(&http::Method::GET, &uri).unwrap();
    }
    let Ok(uri) = text.parse::<http::Uri>() else { return };
    match GRANTED.judge(&http::Method::GET, &uri) {
        Ok(()) => {
            let url = Url::parse(&uri.to_string()).unwrap();
            let host = url.host_str().unwrap().trim_end_matches('.');
            let origin = (url.scheme(), host, url.port_or_known_default());
            assert_eq!(origin, ("https", "dev.service-now.com", Some(443)));
            assert!(url.path().starts_with("/api/"), "{url}");
            assert!(url.username().is_empty() && url.password().is_none());
        }
        Err(denial) => {
            let said = denial.to_string();
            assert_eq!(plain(&said), said, "it drives no terminal");
        }
    }
}

fn settings(input: &[u8]) {
    let text = text(input);
    let _ = servicenow_plugin::settings::Settings::parse(&text).map_err(|error| error.to_string());
    match host_harness::settings::Settings::parse("fuzz.toml", &text) {
        Ok(settings) => {
            let json = settings.to_json();
            assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap().is_object());
            if let Err(error) = servicenow_plugin::settings::Settings::parse(&json) {
                let _ = settings.line(&error.path);
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn event_json(input: &[u8]) {
    let text = text(input);
    for hook in Hook::ALL {
        let read = |text: &str| Call::from_json(hook, text, &Limits::default());
        let json = |call: &Call| match call {
            Call::OnBuildRequested(event) => serde_json::to_string(event),
            Call::OnFailure(event) => serde_json::to_string(event),
            Call::OnDeploy(event) => serde_json::to_string(event),
            Call::OnBuildFinished(event) => serde_json::to_string(event),
            Call::Check(waits) => serde_json::to_string(waits),
            Call::Preview(event) => serde_json::to_string(event),
            _ => Ok(text.clone()),
        };
        match read(&text) {
            Ok(call) => assert_eq!(read(&json(&call).unwrap()), Ok(call)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn encoded_queries(input: &[u8]) {
    let text = text(input);
    let query = Query::new().equals("correlation_id", &text).one_of("state", [text.as_str(), "1"]);
    assert_eq!(query.as_str().matches('^').count(), 1, "{}", query.as_str());
    // At its beginning a value would be evaluated; further within it is text.
    assert!(!query.as_str().starts_with("correlation_id=javascript:"));
    assert!(!query.as_str().contains("^stateINjavascript:"));
    let encoded = percent_encode(query.as_str());
    assert!(encoded.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%-._~".contains(&byte)));
    let url = Url::parse(&format!("{ORIGIN}/api/now/table/x?sysparm_query={encoded}")).unwrap();
    assert_eq!(url.query_pairs().next().unwrap().1, query.as_str());
}

fn audit_reader(input: &[u8]) {
    static LOG: LazyLock<(tempfile::TempDir, Vec<u8>)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = AuditLog::open(&path).unwrap();
        for number in 0..3 {
            log.append("test.entry", Some("key"), None, &[("n".into(), number.to_string())]).unwrap();
        }
        let written = std::fs::read(&path).unwrap();
        (folder, written)
    });
    let (folder, written) = &*LOG;
    let path = folder.path().join("audit.jsonl");
    // By itself, and as what stands behind or in place of a part of what was written.
    let half = written.len() / 2;
    for bytes in [input.to_vec(), [written, input].concat(), [&written[..half], input, &written[half..]].concat()] {
        std::fs::write(&path, &bytes).unwrap();
        assert!(verify(&path).is_err() || bytes == *written, "{}", text(&bytes));
        let _ = entries(&path).unwrap().count();
        let _ = of_change(&path, "CHG0030001").unwrap().count();
        // What is not whole is not written to, and a bad end of it is not taken off.
        assert!(AuditLog::open(&path).is_err() || std::fs::read(&path).unwrap() == bytes);
    }
}
