//! The one HTTP client of a grant: HTTP/1.1 on kept connections, no redirects, TLS 1.2 or newer.

use super::address::{Judging, Prohibited};
use super::egress::Egress;
use super::no_proxy;
use crate::runtime::limits::Limits;
use reqwest::dns::Resolve;
use reqwest::{Certificate, Client, Proxy, redirect, tls};
use std::error::Error as _;
use std::fmt;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use wasmtime_wasi_http::Error;

/// A connection that nobody used this long is closed, before a load balancer in between closes it unseen.
const IDLE: Duration = Duration::from_secs(50);
/// Connections that are kept: more than this many events are seldom in flight.
const KEPT: usize = 32;

/// Which proxy stands between the host and ServiceNow.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Route {
    /// What the environment says: `HTTPS_PROXY`, else `ALL_PROXY`, in either case, and `NO_PROXY`, which takes names,
    /// addresses and networks, each with a port or without, as curl and Go do.
    #[default]
    Environment,
    /// None.
    Direct,
    /// This one, by its URL, which may hold a user name and password for it.
    Through(String),
}

impl fmt::Debug for Route {
    /// The proxy's URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Direct => "Direct",
            Self::Through(_) => "Through(…)",
        })
    }
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The CA bundle is none.
    #[error("the CA bundle holds no certificate in PEM form: {0}")]
    Certificates(String),
    /// The proxy's URL is none.
    #[error("the proxy is no URL such as http://proxy.example:3128; SOCKS is not supported")]
    Proxy,
    /// The TLS library or the system's certificates cannot be used.
    #[error("no TLS client could be set up: {0}")]
    Tls(String),
}

/// What the client says of a tunnel that does not come about, and what that means. Its type is not to be had.
const TUNNEL: &[(&str, &str)] = &[
    ("tunnel error: failed to create underlying connection", "the proxy cannot be reached"),
    (
        "tunnel error: proxy authorization required",
        "the proxy asks for another user name and password: write them into its URL",
    ),
    ("tunnel error: unsuccessful", "the proxy lets nobody through to this host: ask who runs it"),
    ("tunnel error: unexpected end of file", "the proxy closed the connection"),
    ("tunnel error: io error establishing tunnel", "the proxy broke the connection off"),
    ("tunnel error: proxy response headers too long", "the proxy answered what cannot be read"),
];

/// What is wrong with the proxy, where that is what this error says.
fn of_tunnel(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let text = error.to_string();
    TUNNEL.iter().find(|(said, _)| *said == text).map(|(_, meant)| *meant)
}

/// The client of a grant, which asks `names` for addresses.
pub(super) fn client(
    egress: &Egress,
    proxy: Option<&Url>,
    ca_bundle: Option<&[u8]>,
    limits: &Limits,
    names: Arc<dyn Resolve>,
) -> Result<Client, ClientError> {
    // An embedder that chose a provider keeps it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // One that is not taken is not excepted: its name is judged as any other.
    let proxy_host = proxy.and_then(Url::host_str).map(str::to_owned);
    let judging = Judging { addresses: egress.addresses(), proxy: proxy_host, names };
    let mut builder = Client::builder()
        .http1_only()
        .http1_max_headers(limits.reply_fields)
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(limits.connect_timeout)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(KEPT)
        .tcp_nodelay(true)
        .tls_version_min(tls::Version::TLS_1_2)
        .dns_resolver(judging)
        .no_proxy();
    if let Some(url) = proxy {
        builder = builder.proxy(Proxy::https(url.clone()).map_err(|_| ClientError::Proxy)?);
    }
    if let Some(bundle) = ca_bundle {
        let certificates =
            Certificate::from_pem_bundle(bundle).map_err(|error| ClientError::Certificates(error.to_string()))?;
        if certificates.is_empty() {
            return Err(ClientError::Certificates("it is empty".into()));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| ClientError::Tls(chain(&error)))
}

/// The proxy for a grant. The environment is read here and not by the client, so that it is known whether there is one,
/// and its own host: the administrator may have it in a private network, where no granted name leads. None is taken for
/// `http`, which is granted for this machine alone, so `HTTP_PROXY` is not among what is asked for.
pub(super) fn proxy(
    route: &Route,
    egress: &Egress,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Url>, ClientError> {
    if !egress.is_https() {
        return Ok(None);
    }
    // One that is empty is as good as none.
    let set = |name: &str| {
        let either = [name.to_lowercase(), name.to_owned()];
        either.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()))
    };
    let text = match route {
        Route::Direct => return Ok(None),
        Route::Through(url) => url.clone(),
        Route::Environment => match set("HTTPS_PROXY").or_else(|| set("ALL_PROXY")) {
            Some(url) if !no_proxy::names(&set("NO_PROXY").unwrap_or_default(), egress.host(), egress.port()) => url,
            _ => return Ok(None),
        },
    };
    let text = if text.contains("://") { text } else { format!("http://{text}") };
    let url = Url::parse(&text).ok().filter(Url::has_host).ok_or(ClientError::Proxy)?;
    // What the client cannot speak to would be left out without a word, and the way around it taken.
    if matches!(url.scheme(), "http" | "https") { Ok(Some(url)) } else { Err(ClientError::Proxy) }
}

/// The addresses that a request was not sent to, and why.
pub(super) fn prohibited(error: &reqwest::Error) -> Option<&Prohibited> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(prohibited) = error.downcast_ref() {
            return Some(prohibited);
        }
        cause = error.source();
    }
    None
}

/// What a guest learns of a request that failed.
pub(super) fn error_of(error: &reqwest::Error) -> Error {
    if prohibited(error).is_some() {
        return Error::DestinationIpProhibited;
    }
    let mut cause = error.source();
    let (mut io, mut tunnel) = (None, false);
    while let Some(error) = cause {
        tunnel |= of_tunnel(error).is_some();
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return tls_error(tls);
        }
        if let Some(http) = error.downcast_ref::<hyper::Error>()
            && http.is_incomplete_message()
        {
            return Error::ConnectionTerminated;
        }
        if let Some(found) = error.downcast_ref::<std::io::Error>() {
            if let Some(tls) = tls_within(found) {
                return tls_error(tls);
            }
            io = Some(found.kind());
        }
        cause = error.source();
    }
    match io {
        // Refused, unknown, out of reach: the proxy is, and not the instance.
        _ if tunnel => Error::DestinationUnavailable,
        _ if error.is_dns() => Error::DnsError { rcode: None, info_code: None },
        _ if error.is_timeout() && error.is_connect() => Error::ConnectionTimeout,
        _ if error.is_timeout() => Error::ConnectionReadTimeout,
        Some(ErrorKind::ConnectionRefused) => Error::ConnectionRefused,
        Some(ErrorKind::TimedOut) => Error::ConnectionTimeout,
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => Error::DestinationIpUnroutable,
        Some(
            ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof,
        ) => Error::ConnectionTerminated,
        _ if error.is_connect() => Error::DestinationUnavailable,
        _ if error.is_body() || error.is_decode() => Error::HttpResponseIncomplete,
        _ => Error::HttpProtocolError,
    }
}

/// TLS errors travel within I/O errors, those within others, and none of them tells of it as its source.
fn tls_within(error: &std::io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref::<rustls::Error>().or_else(|| inner.downcast_ref::<std::io::Error>().and_then(tls_within))
}

fn tls_error(error: &rustls::Error) -> Error {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => Error::TlsCertificateError,
        rustls::Error::AlertReceived(alert) => {
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: Some(format!("{alert:?}")) }
        }
        _ => Error::TlsProtocolError,
    }
}

/// The same again: `wasi:http`'s error cannot be cloned. Of those that this module makes, all.
pub(super) fn copy(error: &Error) -> Error {
    match error {
        Error::DestinationIpProhibited => Error::DestinationIpProhibited,
        Error::DestinationIpUnroutable => Error::DestinationIpUnroutable,
        Error::DestinationUnavailable => Error::DestinationUnavailable,
        Error::DnsError { rcode, info_code } => Error::DnsError { rcode: rcode.clone(), info_code: *info_code },
        Error::ConnectionRefused => Error::ConnectionRefused,
        Error::ConnectionTerminated => Error::ConnectionTerminated,
        Error::ConnectionTimeout => Error::ConnectionTimeout,
        Error::ConnectionReadTimeout => Error::ConnectionReadTimeout,
        Error::TlsCertificateError => Error::TlsCertificateError,
        Error::TlsProtocolError => Error::TlsProtocolError,
        Error::TlsAlertReceived { alert_id, alert_message } => {
            Error::TlsAlertReceived { alert_id: *alert_id, alert_message: alert_message.clone() }
        }
        Error::HttpResponseIncomplete => Error::HttpResponseIncomplete,
        _ => Error::HttpProtocolError,
    }
}

/// An error with its causes. The URL is left out: its query may say what should not be printed.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        match of_tunnel(error) {
            Some(meant) => text.push_str(meant),
            None => text.push_str(&error.to_string()),
        }
        cause = error.source();
    }
    if text.is_empty() { "the request failed".into() } else { text }
}
