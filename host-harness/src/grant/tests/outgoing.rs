//! The hook that sends, by itself.

use super::network::HOST;
use super::site::Site;
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

/// What a guest gets of a site that it asks with this credential: the reply's fields and its body.
async fn got(site: &Site, credential: &str, path: &str) -> Result<(http::HeaderMap, String), Error> {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(AuditLog::open(&folder.path().join("audit.jsonl")).unwrap());
    let file = folder.path().join("credential");
    std::fs::write(&file, credential).unwrap();
    let grant = Grant::builder("{}", Egress::to(&site.url()).unwrap(), log);
    let grant = grant.credential(Credential::parse(&format!("sn=file:{}", file.display())).unwrap());
    let meter = Arc::new(Meter::new(Arc::new(Limits::default())));
    let mut outgoing = Outgoing { grant: grant.build().unwrap(), meter, key: None };
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    let request = http::Request::get(format!("{}{path}", site.url())).body(body).unwrap();
    let (reply, _) = Box::into_pin(outgoing.send_request(request, None, Box::new(async { Ok(()) }))).await?;
    let (parts, body) = reply.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok((parts.headers, String::from_utf8_lossy(&body).into_owned()))
}

#[tokio::test]
async fn a_field_whose_name_is_a_secret_is_left_out() {
    let site = Site::start().await;
    let (fields, _) = got(&site, r#"{"api-key": "Now_Key-12345"}"#, "/api/named").await.unwrap();
    assert!(fields.contains_key("x-kept") && !fields.contains_key("now_key-12345"), "{fields:?}");
}

#[tokio::test]
async fn a_reply_to_the_repeat_is_searched_for_the_refused_token_too() {
    let site = Site::start().await;
    site.accept(&["Bearer token-number-2"]);
    site.echo("token-number-1, token-number-2 and dG9rZW4tbnVtYmVyLTE");
    let (_, body) = got(&site, r#"{"client-id": "id", "client-secret": "s-3cret-one"}"#, "/api/echo").await.unwrap();
    assert_eq!(body, format!("you sent {0}, {0} and {1}", "*".repeat(14), "*".repeat(19)));
}

#[tokio::test]
async fn what_basic_authentication_sends_is_known_however_it_is_written() {
    let site = Site::start().await;
    // Of `itsm:<<???>>~`: with padding, and with letters that the other alphabet does not have.
    site.echo("aXRzbTo8PD8/Pz4+fg== aXRzbTo8PD8/Pz4+fg aXRzbTo8PD8_Pz4-fg PDw/Pz8+Pn4");
    let (_, body) = got(&site, r#"{"user": "itsm", "password": "<<???>>~"}"#, "/api/echo").await.unwrap();
    assert_eq!(body, format!("you sent {} {1} {1} {2}", "*".repeat(20), "*".repeat(18), "*".repeat(11)));
}

#[tokio::test]
async fn a_reply_that_is_encoded_after_all_is_refused() {
    let site = Site::start().await;
    let refused = got(&site, r#"{"api-key": "Now_Key-12345"}"#, "/api/encoded-after-all").await;
    assert!(matches!(refused, Err(Error::HttpResponseContentCoding(Some(coding))) if coding == "gzip"));
}
