//! An enterprise's network: a proxy that asks for a password, certificates of its own, servers of every TLS version.

use super::client;
use crate::grant::client::{error_of, proxy};
use crate::grant::{ClientError, Egress, Route};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};
use wasmtime_wasi_http::Error;

pub const HOST: &str = "dev.service-now.com";
const URL: &str = "https://dev.service-now.com/api/now/table/incident";

/// Reads to the end of a request's head.
async fn head(connection: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

async fn answer(connection: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    head(connection).await;
    let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let _ = connection.shutdown().await;
}

/// A server for [`HOST`], with a certificate that nobody knows.
pub struct Secure {
    pub address: SocketAddr,
    pub certificate: String,
}

impl Secure {
    pub async fn start(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                if let Ok(mut connection) = acceptor.accept(connection).await {
                    answer(&mut connection).await;
                }
            }
        });
        Self { address, certificate: made.cert.pem() }
    }
}

/// A proxy that leads every tunnel to one place.
pub struct Gateway {
    pub address: SocketAddr,
    pub asked: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    /// Lets in who sends this, if it is said; whom it does not it sends back what came.
    pub async fn start(leads_to: SocketAddr, accepted: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let asking = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let head = head(&mut connection).await;
                asking.lock().unwrap().push(head.clone());
                if accepted.is_some_and(|accepted| !head.contains(accepted)) {
                    let echo = head.replace("\r\n", " ");
                    let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nx-echo: ";
                    let _ = connection.write_all(format!("{refusal}{echo}\r\n\r\n{echo}").as_bytes()).await;
                    continue;
                }
                let mut beyond = TcpStream::connect(leads_to).await.unwrap();
                let _ = connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut connection, &mut beyond).await });
            }
        });
        Self { address, asked }
    }

    fn route(&self, user: &str) -> Route {
        Route::Through(format!("http://{user}{}", self.address))
    }
}

fn dev() -> Egress {
    Egress::to(&format!("https://{HOST}")).unwrap()
}

async fn get(route: &Route, bundle: &str) -> Result<String, Error> {
    let proxy = proxy(route, &dev(), |_| None).unwrap();
    let client = client(&dev(), proxy.as_ref(), Some(bundle.as_bytes())).unwrap();
    let reply = client.get(URL).send().await.map_err(|error| error_of(&error))?;
    Ok(reply.text().await.unwrap())
}

#[tokio::test]
async fn a_request_goes_through_the_proxy_and_its_tls_through_the_tunnel() {
    let secure = Secure::start(&[&TLS12, &TLS13]).await;
    let gateway = Gateway::start(secure.address, Some("Basic dXNlcjpwdw==")).await;
    assert_eq!(get(&gateway.route("user:pw@"), &secure.certificate).await.unwrap(), "ok");
    let asked = gateway.asked.lock().unwrap().join("");
    assert!(asked.starts_with("CONNECT dev.service-now.com:443 HTTP/1.1\r\n"), "{asked}");
    // The proxy sees the host and its own password: no path, and nothing of the request.
    assert!(!asked.contains("/api/"), "{asked}");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_an_error_and_not_gone_around() {
    let secure = Secure::start(&[&TLS13]).await;
    let gateway = Gateway::start(secure.address, Some("Basic dXNlcjpwdw==")).await;
    let error = get(&gateway.route("user:wrong@"), &secure.certificate).await.unwrap_err();
    assert!(matches!(error, Error::DestinationUnavailable), "{error:?}");
    assert_eq!(gateway.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_certificate_of_the_enterprise_is_trusted_by_the_grants_bundle_alone() {
    let (secure, other) = (Secure::start(&[&TLS13]).await, Secure::start(&[&TLS13]).await);
    let gateway = Gateway::start(secure.address, None).await;
    let error = get(&gateway.route(""), &other.certificate).await.unwrap_err();
    assert!(matches!(error, Error::TlsCertificateError), "{error:?}");
    let both = format!("{}{}", other.certificate, secure.certificate);
    assert_eq!(get(&gateway.route(""), &both).await.unwrap(), "ok", "every certificate of a bundle counts");
}

#[tokio::test]
async fn tls_is_spoken_from_1_2_on() {
    for version in [&TLS12, &TLS13] {
        let secure = Secure::start(&[version]).await;
        let gateway = Gateway::start(secure.address, None).await;
        assert_eq!(get(&gateway.route(""), &secure.certificate).await.unwrap(), "ok", "{version:?}");
    }
}

/// Answers a handshake with TLS 1.1, whatever was offered.
#[tokio::test]
async fn a_server_of_tls_1_1_is_not_spoken_with() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Gateway::start(listener.local_addr().unwrap(), None).await;
    let offered = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut offer = vec![0; 4096];
        let length = connection.read(&mut offer).await.unwrap();
        // A ServerHello (RFC 4346): version 3.2, 32 bytes of randomness, no session, TLS_RSA_WITH_AES_128_CBC_SHA.
        let hello = [&[3, 2][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
        let handshake = [&[2, 0, 0, 38][..], &hello].concat();
        let record = [&[22, 3, 2, 0, 42][..], &handshake].concat();
        let _ = connection.write_all(&record).await;
        let _ = connection.read(&mut [0; 64]).await;
        offer.truncate(length);
        offer
    });
    let secure = Secure::start(&[&TLS13]).await;
    let error = get(&gateway.route(""), &secure.certificate).await.unwrap_err();
    assert!(matches!(error, Error::TlsProtocolError), "{error:?}");
    // The extension `supported_versions` (43) offers 1.3 and 1.2, and no more.
    let offered = offered.await.unwrap();
    assert!(offered.windows(9).any(|bytes| bytes == [0, 43, 0, 5, 4, 3, 4, 3, 3]), "{offered:02x?}");
}

#[test]
fn the_environment_names_the_proxy_as_it_does_for_other_programs() {
    let chosen = |variables: &[(&str, &str)], host: &str| {
        let variable =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        let egress = Egress::to(&format!("https://{host}")).unwrap();
        proxy(&Route::Environment, &egress, variable).unwrap().map(|url| url.to_string())
    };
    let is = |url: &str| Some(url.to_owned());
    assert_eq!(chosen(&[], HOST), None);
    assert_eq!(chosen(&[("HTTPS_PROXY", "http://a:1")], HOST), is("http://a:1/"));
    assert_eq!(chosen(&[("https_proxy", "a:1"), ("HTTPS_PROXY", "b:1")], HOST), is("http://a:1/"), "lower case first");
    assert_eq!(chosen(&[("ALL_PROXY", "http://a:1")], HOST), is("http://a:1/"));
    assert_eq!(chosen(&[("ALL_PROXY", "a:1"), ("HTTPS_PROXY", "b:1")], HOST), is("http://b:1/"));
    assert_eq!(chosen(&[("HTTPS_PROXY", ""), ("all_proxy", "a:1")], HOST), is("http://a:1/"), "empty is none");
    assert_eq!(chosen(&[("https_proxy", ""), ("HTTPS_PROXY", "a:1")], HOST), is("http://a:1/"), "empty is none");
    assert_eq!(chosen(&[("HTTP_PROXY", "http://a:1")], HOST), None, "no request leaves this machine without TLS");
    let excepted = [("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", "localhost, .service-now.com")];
    assert_eq!(chosen(&excepted, HOST), None);
    assert_eq!(chosen(&excepted, "snow.corp.example"), is("http://a:1/"));
    let excepted = [("HTTPS_PROXY", "http://a:1"), ("no_proxy", "10.0.0.0/8,dev.example:8443")];
    assert_eq!(chosen(&excepted, "10.1.2.3"), None);
    assert_eq!(chosen(&excepted, "dev.example:8443"), None);
    assert_eq!(chosen(&excepted, "dev.example"), is("http://a:1/"));
}

/// The proxy's own name is nobody's business where the proxy is taken, and judged as any other where it is not.
#[tokio::test]
async fn a_proxy_that_is_not_taken_opens_no_private_address() {
    let secure = Secure::start(&[&TLS13]).await;
    let gateway = Gateway::start(secure.address, None).await;
    let through = format!("http://localhost:{}", gateway.address.port());
    for (excepted, is_taken) in [("", true), (HOST, false)] {
        let variable = |name: &str| match name {
            "HTTPS_PROXY" => Some(through.clone()),
            "NO_PROXY" => Some(excepted.to_owned()),
            _ => None,
        };
        let proxy = proxy(&Route::Environment, &dev(), variable).unwrap();
        let client = client(&dev(), proxy.as_ref(), Some(secure.certificate.as_bytes())).unwrap();
        assert_eq!(client.get(URL).send().await.is_ok(), is_taken, "NO_PROXY={excepted}");
        // A name that leads to this machine, as the proxy's does.
        let direct = client.get(format!("https://localhost:{}/", secure.address.port())).send().await;
        let is_barred = direct.err().is_some_and(|error| matches!(error_of(&error), Error::DestinationIpProhibited));
        assert_eq!(is_barred, !is_taken, "NO_PROXY={excepted}");
    }
}

#[test]
fn a_setting_is_above_the_environment() {
    let variable = |name: &str| (name == "HTTPS_PROXY").then(|| "http://a:1".to_owned());
    assert_eq!(proxy(&Route::Direct, &dev(), variable).unwrap(), None);
    let through = proxy(&Route::Through("http://b:1".into()), &dev(), variable).unwrap();
    assert_eq!(through.unwrap().as_str(), "http://b:1/");
}

#[test]
fn a_proxy_that_the_client_cannot_speak_to_is_refused_and_not_left_out() {
    for url in ["socks5://a:1", "ftp://a:1", "http://", "::"] {
        let route = Route::Through(url.into());
        assert!(matches!(proxy(&route, &dev(), |_| None), Err(ClientError::Proxy)), "{url}");
    }
}

#[test]
fn the_proxys_password_cannot_be_printed() {
    let route = Route::Through("http://user:hunter22@proxy.example:3128".into());
    assert!(!format!("{route:?}").contains("hunter22"));
    let error = proxy(&Route::Through("http://u:hunter22@".into()), &dev(), |_| None);
    assert!(!format!("{:?} {0}", error.unwrap_err()).contains("hunter22"));
}
