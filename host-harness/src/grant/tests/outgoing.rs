//! The hook that sends, by itself.

use super::network::HOST;
use crate::grant::audit::entries;
use crate::grant::{
    AuditLog, Barred, Credential, Egress, Exchange, Grant, Observer, Outcome, Outgoing, Prohibited, Reason, Route,
};
use crate::runtime::{Meter, limits::Limits};
use http_body_util::{BodyExt as _, Empty};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use wasmtime_wasi_http::{Error, WasiHttpHooks as _};

#[derive(Default)]
struct Seen(Mutex<Vec<Exchange>>);

impl Observer for Seen {
    fn exchanged(&self, exchange: &Exchange) {
        self.0.lock().unwrap().push(exchange.clone());
    }
}

/// Every name leads here.
struct LeadingTo(IpAddr);

impl Resolve for LeadingTo {
    fn resolve(&self, _: Name) -> Resolving {
        let address = self.0;
        Box::pin(async move { Ok(Box::new(std::iter::once((address, 0_u16).into())) as Addrs) })
    }
}

#[tokio::test]
async fn a_name_that_leads_where_no_grant_does_is_a_denial_and_in_the_log() {
    let public = Egress::to(&format!("https://{HOST}")).unwrap();
    let private = public.clone().in_private_network();
    let client = r#"{"client-id": "i", "client-secret": "s-3cret"}"#;
    for (egress, address, rule) in [
        (&public, "10.1.2.3", Barred::Private),
        (&public, "127.0.0.1", Barred::Loopback),
        (&private, "169.254.169.254", Barred::Metadata),
        (&private, "fd20:ce::254", Barred::Metadata),
        (&private, "192.0.2.1", Barred::Special),
    ] {
        denied(egress, address, rule, None).await;
        // A token is asked for first, and its endpoint is no nearer.
        denied(egress, address, rule, Some(client)).await;
    }
}

async fn denied(egress: &Egress, address: &str, rule: Barred, credential: Option<&str>) {
    let address: IpAddr = address.parse().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let seen = Arc::<Seen>::default();
    let log = Arc::new(AuditLog::open(&path).unwrap());
    let grant = Grant::builder("{}", egress.clone(), log).observer(seen.clone());
    let mut grant = grant.route(Route::Direct).names(Arc::new(LeadingTo(address)));
    if let Some(credential) = credential {
        let file = folder.path().join("credential");
        std::fs::write(&file, credential).unwrap();
        grant = grant.credential(Credential::parse(&format!("sn=file:{}", file.display())).unwrap());
    }
    let meter = Arc::new(Meter::new(Arc::new(Limits::default())));
    let mut outgoing = Outgoing { grant: grant.build().unwrap(), meter, key: Some("event-1".into()) };

    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let url = format!("https://{HOST}/api/now/table/incident");
    let request = http::Request::get(format!("{url}?x=y")).body(body).unwrap();
    let sent = outgoing.send_request(request, None, Box::new(async { Ok(()) }));
    let error = Box::into_pin(sent).await.err().unwrap();
    assert!(matches!(error, Error::DestinationIpProhibited), "{address}: {error:?}");

    let seen = seen.0.lock().unwrap();
    let [Exchange { outcome: Outcome::Denied(denial), .. }] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(denial.why, Reason::Address(Prohibited { name: HOST.into(), address, why: rule }));
    let entries: Vec<_> = entries(&path).unwrap().map(Result::unwrap).collect();
    let [entry] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((entry.action.as_str(), entry.key.as_deref()), ("egress.denied", Some("event-1")));
    let details: Vec<_> = entry.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let why = format!("{HOST} leads to {address}: {rule}");
    assert_eq!(details, [("method", "GET"), ("target", url.as_str()), ("why", why.as_str())]);
}
