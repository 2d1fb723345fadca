//! What comes from outside, a target each: nothing may panic, and each target has a promise of its own.

use fuzz::run;
use host_harness::grant::audit::{entries, of_change, verify};
use host_harness::grant::{AuditLog, Egress};
use host_harness::runtime::{Call, Hook, plain};
use itsm_contract::events::BuildRequest;
use itsm_contract::types::Verdict;
use servicenow_plugin::build_requested::on_build_requested;
use servicenow_plugin::plugin::Plugin;
use servicenow_plugin::servicenow::{Query, percent_encode};
use servicenow_plugin::transport::{Audit, Entry, Grants, Request, Response, SendError, Transport};
use url::Url;

const ORIGIN: &str = "https://dev.service-now.com";

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

/// What the policy lets pass leads to the granted origin and path by another reader of URLs, too.
#[test]
fn egress() {
    let egress = Egress::to(ORIGIN).unwrap();
    run("egress", &["dev.service-now.com", "@", "//", "..", "%2e", ";", ":443", "/api/", "https://", "\\"], |input| {
        let text = text(input);
        if let Ok(granted) = Egress::to(&text) {
            // What can be granted reaches itself.
            let uri = format!("{}/x", granted.origin()).parse().unwrap();
            granted.paths(["/"]).unwrap().judge(&http::Method::GET, &uri).unwrap();
        }
        let Ok(uri) = text.parse::<http::Uri>() else { return };
        match egress.judge(&http::Method::GET, &uri) {
            Ok(()) => {
                let url = Url::parse(&uri.to_string()).unwrap();
                let host = url.host_str().unwrap().trim_end_matches('.');
                assert_eq!(
                    (url.scheme(), host, url.port_or_known_default()),
                    ("https", "dev.service-now.com", Some(443))
                );
                assert!(url.path().starts_with("/api/"), "{url}");
                assert!(url.username().is_empty() && url.password().is_none());
            }
            Err(denial) => {
                let said = denial.to_string();
                assert_eq!(plain(&said), said, "it drives no terminal");
            }
        }
    });
}

/// A file that the host reads is one that it can tell lines of, and its JSON is what the plugin gets.
#[test]
fn settings() {
    run("settings", &["[instance]", "url = ", "credential", "\"\"\"", "0x", "[[", "approval.timeout"], |input| {
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
    });
}

/// An event that is read is written as it was meant: what comes back from its JSON is the same event.
#[test]
fn event_json() {
    run(
        "event-json",
        &["\"delivery\"", "null", "{}", "[]", "\"labels\"", "2026-11-24T16:20:00Z", "\\u0000"],
        |input| {
            let text = text(input);
            for hook in Hook::ALL {
                let read = |text: &str| Call::from_json(hook, text, 1 << 20);
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
        },
    );
}

/// Answers every request with one reply.
struct Always(Response);

impl Transport for Always {
    fn send(&self, _: &Request) -> Result<Response, SendError> {
        Ok(self.0.clone())
    }
}

struct Unheard;

impl Audit for Unheard {
    fn append(&self, _: Entry) {}
}

/// Whatever ServiceNow answers, it opens no gate that it did not mean to open. The first byte is the status, the second the kind
/// of the body.
#[test]
fn servicenow_replies() {
    let settings = r#"{"instance": {"url": "https://dev.service-now.com", "credential": "sn"}}"#;
    let event = include_str!("corpus/event-json/build-requested");
    let event: BuildRequest = serde_json::from_str(event).unwrap();
    run("servicenow-replies", &["\"result\"", "\"sys_id\"", "\"approval\":\"approved\"", "{", "[", "null"], |input| {
        let [status, kind, body @ ..] = input else { return };
        let statuses = [200, 201, 302, 400, 401, 403, 404, 409, 429, 500, 503];
        let status = statuses[usize::from(*status) % statuses.len()];
        let kind = ["application/json;charset=UTF-8", "text/html", ""][usize::from(*kind) % 3];
        let headers = vec![("content-type".to_owned(), kind.to_owned()), ("retry-after".to_owned(), text(body))];
        let transport = Always(Response { status, headers, body: body.to_vec() });
        let grants = Grants { transport: &transport, audit: &Unheard, mapping: None, now: 1_764_000_000_000 };
        let plugin = Plugin::new(grants, settings).unwrap();
        if let Ok(gate) = on_build_requested(&plugin, &event) {
            assert!(!matches!(gate.verdict, Verdict::Proceed(_)), "{gate:?}");
        }
    });
}

/// No value becomes a term of its own, and what is encoded is what was meant.
#[test]
fn encoded_queries() {
    run("encoded-queries", &["^OR", "^NQ", "javascript:", "^ORDERBY", "%5E", "IN", ","], |input| {
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
    });
}

/// A log that is not what was written is never told to be whole.
#[test]
fn audit_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let log = AuditLog::open(&path).unwrap();
    for number in 0..3 {
        log.append("test.entry", Some("key"), None, &[("n".into(), number.to_string())]).unwrap();
    }
    let written = std::fs::read(&path).unwrap();
    run("audit-reader", &["{\"seq\":1,", "\"who\":\"host\"", "\n", "\"previous\":", "CHG0030001"], |input| {
        // By itself, and as what stands behind or in place of a part of what was written.
        let half = written.len() / 2;
        for bytes in [input.to_vec(), [&written, input].concat(), [&written[..half], input, &written[half..]].concat()]
        {
            std::fs::write(&path, &bytes).unwrap();
            // Half a line at the end is what a killed process leaves, and is no entry.
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            assert!(verify(&path).is_err() || bytes[..whole] == written, "{}", text(&bytes));
            let _ = entries(&path).unwrap().count();
            let _ = of_change(&path, "CHG0030001");
        }
    });
}
