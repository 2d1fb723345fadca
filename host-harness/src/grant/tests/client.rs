//! What becomes of requests that fail, each by its own error.

use super::client;
use super::site::Site;
use crate::grant::client::error_of;
use crate::grant::{AuditLog, Builder, ClientError, Credential, Egress, Grant, Route};
use crate::runtime::limits::REPLY_FIELDS;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use wasmtime_wasi_http::Error;

/// Answers every connection with these bytes, and closes it.
async fn raw(reply: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = [0; 1024];
            let _ = tokio::io::AsyncReadExt::read(&mut connection, &mut request).await;
            let _ = connection.write_all(reply).await;
        }
    });
    address
}

async fn get(granted: &str, url: &str) -> Result<reqwest::Response, Error> {
    let client = client(&Egress::to(granted).unwrap(), None, None).unwrap();
    client.get(url).send().await.map_err(|error| error_of(&error))
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_refused() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = get("http://127.0.0.1", &format!("http://{closed}/api/x")).await.err().unwrap();
    assert!(matches!(error, Error::ConnectionRefused), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_closes_without_a_reply_is_terminated() {
    let address = raw(b"").await;
    let error = get("http://127.0.0.1", &format!("http://{address}/api/x")).await.err().unwrap();
    assert!(matches!(error, Error::ConnectionTerminated), "{error:?}");
}

#[tokio::test]
async fn a_body_that_is_cut_is_incomplete() {
    let address = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
    let reply = get("http://127.0.0.1", &format!("http://{address}/api/x")).await.unwrap();
    let error = error_of(&reply.bytes().await.unwrap_err());
    assert!(matches!(error, Error::HttpResponseIncomplete | Error::ConnectionTerminated), "{error:?}");
}

#[tokio::test]
async fn what_is_no_http_is_a_protocol_error() {
    let address = raw(b"SSH-2.0-OpenSSH_9.6\r\n\r\n").await;
    let error = get("http://127.0.0.1", &format!("http://{address}/api/x")).await.err().unwrap();
    assert!(matches!(error, Error::HttpProtocolError), "{error:?}");
}

#[tokio::test]
async fn a_reply_with_more_header_fields_than_any_instance_sends_is_a_protocol_error() {
    for (fields, is_taken) in [(REPLY_FIELDS - 1, true), (REPLY_FIELDS + 1, false)] {
        let fields: String = (0..fields).map(|number| format!("x-{number}: v\r\n")).collect();
        let reply = format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n");
        let address = raw(Vec::leak(reply.into_bytes())).await;
        let reply = get("http://127.0.0.1", &format!("http://{address}/api/x")).await;
        assert_eq!(reply.is_ok(), is_taken, "{:?}", reply.err());
    }
}

#[tokio::test]
async fn a_server_without_tls_is_a_tls_error() {
    let address = raw(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let error = get("https://127.0.0.1", &format!("https://{address}/api/x")).await.err().unwrap();
    assert!(matches!(error, Error::TlsProtocolError | Error::TlsAlertReceived { .. }), "{error:?}");
}

#[tokio::test]
async fn a_granted_name_that_leads_to_this_machine_is_prohibited() {
    let site = Site::start().await;
    let url = site.url().replace("127.0.0.1", "localhost");
    let error = get("https://dev.service-now.com", &format!("{url}/api/x")).await.err().unwrap();
    assert!(matches!(error, Error::DestinationIpProhibited), "{error:?}");
    assert!(site.seen("/").is_empty());
}

#[tokio::test]
async fn a_name_that_nobody_has_is_a_dns_error() {
    let error = get("https://dev.invalid", "https://dev.invalid/api/x").await.err().unwrap();
    assert!(matches!(error, Error::DnsError { .. }), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let site = Site::start().await;
    let reply = get(&site.url(), &format!("{}/api/redirect", site.url())).await.unwrap();
    assert_eq!(reply.status(), 302);
    assert!(site.seen("/api/target").is_empty());
}

#[test]
fn a_ca_bundle_and_a_proxy_are_read_when_the_grant_is_made() {
    let egress = Egress::to("https://dev.service-now.com").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let audit = Arc::new(AuditLog::open(&folder.path().join("audit.jsonl")).unwrap());
    let grant = || Grant::builder("{}", egress.clone(), Arc::clone(&audit));
    let none = grant().ca_bundle(b"no certificate").build().unwrap_err();
    assert!(matches!(none, ClientError::Certificates(_)), "{none}");
    for proxy in ["", "http://", "::"] {
        let none = grant().route(Route::Through(proxy.into())).build().unwrap_err();
        assert!(matches!(none, ClientError::Proxy), "{proxy}: {none}");
    }
    grant().route(Route::Through("proxy.example:3128".into())).build().unwrap();
}

#[tokio::test]
async fn what_is_granted_is_described_whole_and_without_a_password() {
    use crate::servicenow::Instance;
    let described = |grant: Builder| -> Vec<String> {
        grant.build().unwrap().describe().iter().map(|(name, value)| format!("{name}: {value}")).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let audit = Arc::new(AuditLog::open(&folder.path().join("audit.jsonl")).unwrap());
    let egress = Egress::to("https://dev.service-now.com").unwrap();
    assert_eq!(
        described(Grant::builder("{}", egress.clone(), Arc::clone(&audit)).route(Route::Direct)),
        [
            "origin: https://dev.service-now.com",
            "methods: GET, POST, PUT, PATCH, DELETE",
            "paths: /api/",
            "addresses: public",
            "proxy: none",
            "ca-bundle: none",
            "credential: none",
        ]
    );
    let instance = Instance::builder().tls(true).start().await.unwrap();
    let bundle = instance.certificate().unwrap();
    let whole = Grant::builder("{}", egress.reads_only().in_private_network(), audit)
        .route(Route::Through("http://svc:hunter22@proxy.example:3128/hunter22?hunter22".into()))
        .ca_bundle(bundle)
        .credential(Credential::parse("sn=env:SN").unwrap());
    assert_eq!(
        described(whole),
        [
            "origin: https://dev.service-now.com",
            "methods: GET, POST",
            "paths: /api/",
            "posts-to: /api/now/identifyreconcile/query, /api/now/identifyreconcile/queryEnhanced",
            "addresses: public and private",
            "proxy: http://proxy.example:3128",
            &format!("ca-bundle: {}", crate::guest::digest(bundle.as_bytes())),
            "credential: sn",
        ]
    );
}

#[tokio::test]
async fn a_certificate_is_trusted_when_the_grants_bundle_says_so_and_for_its_own_name_alone() {
    use crate::servicenow::Instance;
    let instance = Instance::builder().tls(true).start().await.unwrap();
    let bundle = instance.certificate().unwrap().as_bytes();
    let path = "/api/now/table/incident?sysparm_limit=1";
    let get = async |bundle: Option<&[u8]>, url: String| {
        let client = client(&Egress::to(&url).unwrap(), None, bundle).unwrap();
        client.get(format!("{url}{path}")).send().await.map_err(|error| error_of(&error))
    };
    let unknown = get(None, instance.url()).await.err().unwrap();
    assert!(matches!(unknown, Error::TlsCertificateError), "{unknown:?}");
    assert_eq!(get(Some(bundle), instance.url()).await.unwrap().status(), 401);
    // The certificate is good for 127.0.0.1 and not for this address of the same machine.
    let other = format!("https://127.0.0.2:{}", instance.address().port());
    let reached = get(Some(bundle), other).await;
    assert!(reached.is_err(), "{reached:?}");
}
