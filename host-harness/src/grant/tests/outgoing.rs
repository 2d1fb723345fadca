//! The hook that sends, by itself.

use super::site::Site;
use crate::grant::audit::entries;
use crate::grant::{AuditLog, Barred, Egress, Exchange, Grant, Observer, Outcome, Outgoing, Prohibited, Reason};
use crate::runtime::{Meter, limits::Limits};
use http_body_util::{BodyExt as _, Empty};
use std::sync::{Arc, Mutex};
use wasmtime_wasi_http::{Error, WasiHttpHooks as _};

#[derive(Default)]
struct Seen(Mutex<Vec<Exchange>>);

impl Observer for Seen {
    fn exchanged(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.clone());
    }
}

#[tokio::test]
async fn a_name_that_leads_where_no_grant_does_is_a_denial_and_in_the_log() {
    let site = Site::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let seen = Arc::<Seen>::default();
    let origin = site.url().replace("127.0.0.1", "localhost");
    let egress = Egress::to(&origin).unwrap().on_the_internet();
    let grant = Grant::builder("{}", egress, Arc::new(AuditLog::open(&path).unwrap())).observer(seen.clone());
    let meter = Arc::new(Meter::new(Arc::new(Limits::default())));
    let mut outgoing = Outgoing { grant: grant.build().unwrap(), meter, key: Some("event-1".into()) };

    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = http::Request::get(format!("{origin}/api/now/table/incident?x=y")).body(body).unwrap();
    let sent = outgoing.send_request(request, None, Box::new(async { Ok(()) }));
    let error = Box::into_pin(sent).await.err().unwrap();
    assert!(matches!(error, Error::DestinationIpProhibited), "{error:?}");
    assert!(site.seen("/").is_empty());

    let seen = seen.0.lock().unwrap();
    let [Exchange { outcome: Outcome::Denied(denial), .. }] = &seen[..] else { panic!("{seen:?}") };
    assert!(matches!(denial.why, Reason::Address(Prohibited { why: Barred::Loopback, .. })), "{denial:?}");
    let entries: Vec<_> = entries(&path).unwrap().map(Result::unwrap).collect();
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((entry.action.as_str(), entry.key.as_deref()), ("egress.denied", Some("event-1")));
    let detail = |wanted: &str| entry.details.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    assert_eq!(detail("method"), Some("GET"));
    assert_eq!(detail("target"), Some(format!("{origin}/api/now/table/incident").as_str()));
    let why = detail("why").unwrap();
    assert!(why.starts_with("localhost leads to "), "{why}");
    assert!(
        why.ends_with(": it is this machine itself, where only a grant of `localhost` or `127.0.0.1` leads"),
        "{why}"
    );
}
