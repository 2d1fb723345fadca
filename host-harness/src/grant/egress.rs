//! Where a plugin may send requests: one origin, some methods, some paths. Nothing else, and nothing by default.
//!
//! A grant is parsed once, by [`Egress::to`]; [`Egress::judge`] compares, and neither parses a grant nor resolves a
//! name. It is pure, so the real and the simulated ServiceNow are judged alike.
//!
//! # What is accepted
//!
//! | a request's | must be |
//! |---|---|
//! | scheme | the granted one; a grant of `http` is possible for a loopback host alone |
//! | host | the granted one, whatever its case, with or without one trailing dot; no other spelling of an address |
//! | port | the granted one, written out or left to the scheme; decimal digits alone, not empty and not 0 |
//! | user information | absent |
//! | method | one of the granted |
//! | path | a granted prefix, to the end of a segment |
//! | path's segments | not `.`, `..` (also with `;…` behind), nor empty before the last; no `%2e`, `%2f`, `%5c`, `%25`, `%00` or backslash |
//!
//! A granted path covers what ServiceNow does with it: the Batch API (`/api/now/batch`) carries requests to any path
//! inside its body. Grant narrower prefixes than `/api/`, and leave it out, where that matters.

use super::address::Addresses;
use http::{Method, Uri};
use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

/// Bytes of a request's target. ServiceNow's own front end answers 414 well below it.
pub const URI_BYTES: usize = 16 * 1024;

/// The REST APIs. The token endpoint and the pages that people use are not below it.
const API: &str = "/api/";

/// An origin, and what may be asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    https: bool,
    /// Lower case, without a trailing dot; an IPv6 address in brackets.
    host: String,
    port: u16,
    /// What stands in front of ServiceNow's own paths, without a slash at its end.
    base: String,
    methods: Vec<Method>,
    paths: Vec<String>,
    /// Where alone `POST` may go; none where it may go wherever the other methods may.
    posts: Option<Vec<String>>,
    addresses: Addresses,
}

/// Why an origin cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EgressError {
    /// It is no URL.
    #[error("`{url}` is no URL ({why}): write https://example.service-now.com")]
    NotAUrl {
        /// As it was written.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// It is not encrypted.
    #[error(
        "`{url}` is not encrypted: write https; http is possible on this machine alone, for a simulated ServiceNow"
    )]
    NotHttps {
        /// As it was written.
        url: String,
    },
    /// It has more than an origin and a path.
    #[error("`{url}` has {part}: write scheme, host and port alone")]
    TooMuch {
        /// As it was written, without what is too much.
        url: String,
        /// Such as `a user name`.
        part: &'static str,
    },
    /// An address that is nobody's, or that a cloud keeps its metadata at.
    #[error("`{url}` is an address that is never granted: name the instance's host")]
    Address {
        /// As it was written.
        url: String,
    },
    /// A path prefix that could not be compared.
    #[error("`{path}` is no path prefix: begin it with `/`, and leave out dot segments, `//`, `%` and backslashes")]
    Path {
        /// As it was written.
        path: String,
    },
}

/// Why a request was refused. Says what grant would allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{method} {target} was denied: {why}")]
pub struct Denial {
    /// Its method.
    pub method: String,
    /// Scheme, authority and path as the guest wrote them, without the query, control characters made visible.
    pub target: String,
    /// What the grant does not cover, and which would.
    pub why: Reason,
}

/// What of a request a grant does not cover.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// Another scheme.
    #[error("the grant is for {granted}")]
    Scheme {
        /// The granted scheme.
        granted: &'static str,
    },
    /// Another host, or another spelling of it.
    #[error("the grant is for the host {granted}; a grant of {wanted} would allow it")]
    Host {
        /// The granted host.
        granted: String,
        /// The origin that was asked for.
        wanted: String,
    },
    /// Another port, or none that can be read.
    #[error("the grant is for port {granted}")]
    Port {
        /// The granted port.
        granted: u16,
    },
    /// A name or password in front of the host.
    #[error("a URL with user information is never granted")]
    UserInfo,
    /// Nobody to send it to.
    #[error("it names no host")]
    NoHost,
    /// Another method.
    #[error("the grant has the methods {granted}; one with {wanted} would allow it")]
    Method {
        /// The granted ones.
        granted: String,
        /// The one that was asked for.
        wanted: String,
    },
    /// Another path.
    #[error("the grant has the paths {granted}; one with this path would allow it")]
    Path {
        /// The granted ones.
        granted: String,
    },
    /// A path that servers read in more than one way.
    #[error("a path with {what} is never granted")]
    AmbiguousPath {
        /// Such as `dot segments`.
        what: &'static str,
    },
    /// More than [`URI_BYTES`].
    #[error("its URL is longer than {URI_BYTES} bytes")]
    TooLong,
}

impl Egress {
    /// Grants the REST APIs of an instance, by its URL: `GET`, `POST`, `PUT`, `PATCH` and `DELETE` below `/api/`. A path
    /// in the URL goes in front of it, for an instance behind a reverse proxy.
    ///
    /// # Errors
    /// See [`EgressError`].
    pub fn to(url: &str) -> Result<Self, EgressError> {
        let parsed =
            Url::parse(url).map_err(|error| EgressError::NotAUrl { url: visible(url), why: error.to_string() })?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            // Not shown: what stands there may be a password.
            let url = format!("{}://{}", parsed.scheme(), parsed.host_str().unwrap_or_default());
            return Err(EgressError::TooMuch { url, part: "a user name or password in it: name a credential instead" });
        }
        for (part, found) in [("a query", parsed.query()), ("a fragment", parsed.fragment())] {
            if found.is_some() {
                return Err(EgressError::TooMuch { url: visible(url), part });
            }
        }
        let nowhere = || EgressError::NotAUrl { url: visible(url), why: "it names no host".into() };
        let host = parsed.host().ok_or_else(nowhere)?;
        if normal(&host.to_string()).split('.').any(str::is_empty) {
            return Err(EgressError::NotAUrl { url: visible(url), why: "its host has an empty label".into() });
        }
        let loopback = match &host {
            Host::Domain(name) => is_localhost(name),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let https = match parsed.scheme() {
            "https" => true,
            "http" if loopback => false,
            _ => return Err(EgressError::NotHttps { url: visible(url) }),
        };
        let addresses = match (&host, loopback) {
            (_, true) => Addresses::Loopback,
            // An address that the administrator wrote out is meant.
            (Host::Ipv4(_) | Host::Ipv6(_), false) => Addresses::Private,
            (Host::Domain(_), false) => Addresses::Public,
        };
        let literal = match &host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address)),
        };
        if literal.is_some_and(|address| !addresses.allow(address)) {
            return Err(EgressError::Address { url: visible(url) });
        }
        let port = parsed.port_or_known_default().filter(|port| *port != 0).ok_or_else(nowhere)?;
        let base = parsed.path().trim_end_matches('/');
        let egress = Self {
            https,
            host: normal(&host.to_string()),
            port,
            base: base.to_owned(),
            methods: vec![Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE],
            paths: Vec::new(),
            posts: None,
            addresses,
        };
        // Two readers of URLs, of which one must not know a host that the other cannot name.
        if egress.origin().parse::<Uri>().is_err() {
            return Err(EgressError::NotAUrl {
                url: visible(url),
                why: "its host is not a name that can be asked for".into(),
            });
        }
        egress.paths([format!("{base}{API}")])
    }

    /// Grants these methods instead.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = methods.into_iter().collect();
        self
    }

    /// Grants only what changes nothing: reading, and the two query forms of identification and reconciliation.
    #[must_use]
    pub fn reads_only(mut self) -> Self {
        self.methods = vec![Method::GET, Method::POST];
        let queries = ["query", "queryEnhanced"];
        self.posts = Some(queries.map(|query| format!("{}/api/now/identifyreconcile/{query}", self.base)).to_vec());
        self
    }

    /// Grants these path prefixes instead. `/api/now` covers `/api/now` and what is below `/api/now/`; none covers
    /// nothing.
    ///
    /// # Errors
    /// [`EgressError::Path`].
    pub fn paths(mut self, paths: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, EgressError> {
        self.paths = paths
            .into_iter()
            .map(|path| {
                let path: String = path.into();
                match path.starts_with('/') && !path.contains('%') && ambiguity(&path).is_none() {
                    true => Ok(path),
                    false => Err(EgressError::Path { path: visible(&path) }),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Lets the host be in a private network, as a self-hosted instance is. Addresses of link-local networks, where
    /// clouds keep their metadata, stay out of reach.
    #[must_use]
    pub fn in_private_network(mut self) -> Self {
        if self.addresses == Addresses::Public {
            self.addresses = Addresses::Private;
        }
        self
    }

    /// Which addresses the host may have.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The granted origin, such as `https://example.service-now.com`; the port where it is not the scheme's own.
    pub fn origin(&self) -> String {
        let scheme = self.scheme();
        match (self.https, self.port) {
            (true, 443) | (false, 80) => format!("{scheme}://{}", self.host),
            (_, port) => format!("{scheme}://{}:{port}", self.host),
        }
    }

    /// The granted host.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether it is encrypted.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Where ServiceNow gives out tokens. The host alone goes there.
    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}{}/oauth_token.do", self.origin(), self.base)
    }

    /// The granted methods and paths, for people.
    pub fn describe(&self) -> (String, String) {
        (list(&self.methods), list(&self.paths))
    }

    fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Decides about one request.
    ///
    /// # Errors
    /// What the grant does not cover.
    pub fn judge(&self, method: &Method, uri: &Uri) -> Result<(), Denial> {
        self.covers(method, uri).map_err(|why| {
            let scheme = uri.scheme_str().unwrap_or_default();
            let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
            // What stands before an `@` may be a password.
            let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            let target: String = format!("{scheme}://{authority}{}", uri.path()).chars().take(200).collect();
            Denial { method: visible(method.as_str()), target: visible(&target), why }
        })
    }

    fn covers(&self, method: &Method, uri: &Uri) -> Result<(), Reason> {
        if uri.scheme_str() != Some(self.scheme()) {
            return Err(Reason::Scheme { granted: self.scheme() });
        }
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        if authority.contains('@') {
            return Err(Reason::UserInfo);
        }
        // A colon within brackets belongs to an IPv6 address.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        if host.is_empty() {
            return Err(Reason::NoHost);
        }
        if !normal(host).eq(&self.host) {
            let wanted = visible(&format!("{}://{authority}", self.scheme()));
            return Err(Reason::Host { granted: self.host.clone(), wanted });
        }
        let wanted = match port {
            None => Some(if self.https { 443 } else { 80 }),
            // `parse` alone would take a sign.
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse::<u16>().ok(),
            Some(_) => None,
        };
        if wanted != Some(self.port) {
            return Err(Reason::Port { granted: self.port });
        }
        if !self.methods.contains(method) {
            return Err(Reason::Method { granted: list(&self.methods), wanted: visible(method.as_str()) });
        }
        if uri.path_and_query().is_some_and(|target| target.as_str().len() > URI_BYTES) {
            return Err(Reason::TooLong);
        }
        let path = uri.path();
        if let Some(what) = ambiguity(path) {
            return Err(Reason::AmbiguousPath { what });
        }
        if let Some(posts) = self.posts.as_ref().filter(|_| *method == Method::POST)
            && !posts.iter().any(|post| post == path)
        {
            return Err(Reason::Path { granted: list(posts) });
        }
        let covered = self.paths.iter().any(|prefix| match path.strip_prefix(prefix.as_str()) {
            Some(rest) => prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'),
            None => false,
        });
        if covered { Ok(()) } else { Err(Reason::Path { granted: list(&self.paths) }) }
    }
}

/// What makes servers, proxies and libraries disagree about where a path leads.
fn ambiguity(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("no `/` at its beginning");
    }
    if path.bytes().any(|byte| byte == b'\\' || byte.is_ascii_control()) {
        return Some("a backslash or a control character");
    }
    let lower = path.to_ascii_lowercase();
    // The percent sign too: behind it `%252e` would become `%2e` at the first reader.
    if ["%2e", "%2f", "%5c", "%25", "%00"].iter().any(|escape| lower.contains(escape)) {
        return Some("an encoded dot, slash, backslash, percent sign or zero");
    }
    if path.contains("//") {
        return Some("an empty segment");
    }
    // Some servers take `;…` off a segment before they look at it.
    let dots = |segment: &str| matches!(segment.split(';').next(), Some("." | ".."));
    if path.split('/').any(dots) {
        return Some("dot segments");
    }
    None
}

/// Lower case, without one trailing dot.
fn normal(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn is_localhost(name: &str) -> bool {
    let name = normal(name);
    name == "localhost" || name.ends_with(".localhost")
}

fn list(items: &[impl fmt::Display]) -> String {
    match items {
        [] => "none".into(),
        items => items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// Control characters made visible: what a guest wrote must not drive a terminal.
fn visible(text: &str) -> String {
    crate::runtime::plain(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORIGIN: &str = "https://dev.service-now.com";

    fn verdict(egress: &Egress, uri: &str) -> Result<(), Reason> {
        let uri: Uri = uri.parse().unwrap_or_else(|error| panic!("{uri}: {error}"));
        egress.judge(&Method::GET, &uri).map_err(|denial| denial.why)
    }

    fn allowed(uri: &str) -> bool {
        verdict(&Egress::to(ORIGIN).unwrap(), uri).is_ok()
    }

    #[test]
    fn the_granted_origin_is_reached_in_every_spelling_that_means_it() {
        for uri in [
            "https://dev.service-now.com/api/now/table/change_request?sysparm_query=a^b",
            "https://DEV.Service-Now.com/api/x",
            "https://dev.service-now.com./api/x",
            "https://dev.service-now.com:443/api/x",
            "https://dev.service-now.com:0443/api/x",
            "https://dev.service-now.com/api/",
        ] {
            assert!(allowed(uri), "{uri}");
        }
    }

    #[test]
    fn no_trick_with_the_authority_reaches_another_host() {
        let egress = Egress::to(ORIGIN).unwrap();
        for uri in [
            "https://evil.example/api/x",
            "https://dev.service-now.com.evil.example/api/x",
            "https://evildev.service-now.com/api/x",
            "https://dev.service-now.com../api/x",
            "https://service-now.com/api/x",
            "https://127.0.0.1/api/x",
            "https://0x7f.1/api/x",
            "https://2130706433/api/x",
            "https://[::1]/api/x",
            "https://[::ffff:169.254.169.254]/api/x",
        ] {
            assert!(matches!(verdict(&egress, uri), Err(Reason::Host { .. })), "{uri}");
        }
        for uri in [
            "https://user:pw@dev.service-now.com/api/x",
            "https://dev.service-now.com@evil.example/api/x",
            "https://evil.example@dev.service-now.com/api/x",
            "https://@dev.service-now.com/api/x",
        ] {
            assert_eq!(verdict(&egress, uri), Err(Reason::UserInfo), "{uri}");
        }
    }

    #[test]
    fn a_port_is_the_granted_one_or_none() {
        let egress = Egress::to(ORIGIN).unwrap();
        for port in ["0", "80", "8443", "99999", "65979", ""] {
            let uri = format!("https://dev.service-now.com:{port}/api/x");
            if let Ok(uri) = uri.parse::<Uri>() {
                let denied = egress.judge(&Method::GET, &uri).unwrap_err();
                assert_eq!(denied.why, Reason::Port { granted: 443 }, "{uri}");
            }
        }
        let other = Egress::to("https://dev.service-now.com:8443").unwrap();
        assert_eq!(verdict(&other, "https://dev.service-now.com/api/x"), Err(Reason::Port { granted: 8443 }));
        assert_eq!(verdict(&other, "https://dev.service-now.com:8443/api/x"), Ok(()));
    }

    #[test]
    fn a_scheme_is_the_granted_one() {
        let granted = Err(Reason::Scheme { granted: "https" });
        let egress = Egress::to(ORIGIN).unwrap();
        assert_eq!(verdict(&egress, "http://dev.service-now.com/api/x"), granted);
        assert_eq!(verdict(&egress, "ftp://dev.service-now.com/api/x"), granted);
        assert_eq!(verdict(&egress, "/api/x"), granted);
        let simulated = Egress::to("http://127.0.0.1:8080").unwrap();
        assert_eq!(verdict(&simulated, "http://127.0.0.1:8080/api/x"), Ok(()));
        assert!(verdict(&simulated, "https://127.0.0.1:8080/api/x").is_err());
    }

    #[test]
    fn a_path_is_below_a_granted_one_however_it_is_written() {
        let egress = Egress::to(ORIGIN).unwrap();
        for path in ["/", "/oauth_token.do", "/login.do", "/apix/y", "/API/x", "/x?y=/api/", "/api"] {
            assert!(matches!(verdict(&egress, &format!("{ORIGIN}{path}")), Err(Reason::Path { .. })), "{path}");
        }
        for path in [
            "//evil.example/x",
            "/api//x",
            "/api/../login.do",
            "/api/x/..",
            "/api/./x",
            "/api/..;/login.do",
            "/api/..;x=y/login.do",
            "/api/%2e%2e/login.do",
            "/api/%2E./login.do",
            "/api/..%2flogin.do",
            "/api/..%5clogin.do",
            "/api/%252e%252e/login.do",
            "/api/x%00",
        ] {
            assert!(
                matches!(verdict(&egress, &format!("{ORIGIN}{path}")), Err(Reason::AmbiguousPath { .. })),
                "{path}"
            );
        }
        // What the `http` crate refuses to parse never reaches a judgement; if it ever parses, it is refused here.
        for uri in [&format!("{ORIGIN}/api\\..\\login.do"), &format!("{ORIGIN}*"), "*"] {
            if let Ok(uri) = uri.parse::<Uri>() {
                assert!(egress.judge(&Method::GET, &uri).is_err(), "{uri}");
            }
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_does() {
        let egress = Egress::to(ORIGIN).unwrap().paths(["/api/now/table/incident"]).unwrap();
        assert_eq!(verdict(&egress, &format!("{ORIGIN}/api/now/table/incident")), Ok(()));
        assert_eq!(verdict(&egress, &format!("{ORIGIN}/api/now/table/incident/1")), Ok(()));
        assert!(verdict(&egress, &format!("{ORIGIN}/api/now/table/incident_task")).is_err());
    }

    #[test]
    fn a_grant_of_nothing_allows_nothing() {
        let none: [&str; 0] = [];
        assert!(verdict(&Egress::to(ORIGIN).unwrap().paths(none).unwrap(), &format!("{ORIGIN}/api/x")).is_err());
        assert!(verdict(&Egress::to(ORIGIN).unwrap().methods([]), &format!("{ORIGIN}/api/x")).is_err());
    }

    #[test]
    fn a_method_is_one_of_the_granted() {
        let egress = Egress::to(ORIGIN).unwrap().methods([Method::GET]);
        let uri: Uri = format!("{ORIGIN}/api/x").parse().unwrap();
        let denied = |method: &str| egress.judge(&Method::from_bytes(method.as_bytes()).unwrap(), &uri).unwrap_err();
        for method in ["POST", "CONNECT", "TRACE", "get", "PROPFIND"] {
            assert!(matches!(denied(method).why, Reason::Method { .. }), "{method}");
        }
    }

    #[test]
    fn an_instance_behind_a_reverse_proxy_keeps_its_path() {
        let egress = Egress::to("https://corp.example/snow/").unwrap();
        assert_eq!(verdict(&egress, "https://corp.example/snow/api/now/x"), Ok(()));
        assert!(verdict(&egress, "https://corp.example/api/now/x").is_err());
    }

    #[test]
    fn what_cannot_be_granted_is_said() {
        assert!(matches!(Egress::to("dev.service-now.com"), Err(EgressError::NotAUrl { .. })));
        for host in ["dev..service-now.com", "dev.service-now.com..", ".", "..."] {
            assert!(matches!(Egress::to(&format!("https://{host}")), Err(EgressError::NotAUrl { .. })), "{host}");
        }
        assert!(matches!(Egress::to("http://dev.service-now.com"), Err(EgressError::NotHttps { .. })));
        assert!(matches!(Egress::to("ftp://127.0.0.1"), Err(EgressError::NotHttps { .. })));
        assert!(matches!(Egress::to("https://dev.service-now.com?x"), Err(EgressError::TooMuch { .. })));
        let secret = Egress::to("https://user:hunter2@dev.service-now.com").unwrap_err().to_string();
        assert!(!secret.contains("hunter2"), "{secret}");
        for path in ["api", "/a//b", "/a/../b", "/a%20b", "/a\\b"] {
            assert!(Egress::to(ORIGIN).unwrap().paths([path]).is_err(), "{path}");
        }
    }

    #[test]
    fn a_grant_that_only_reads_lets_through_no_write_but_the_query_forms() {
        let egress = Egress::to("https://x.example").unwrap().reads_only();
        let judge = |method: Method, path: &str| {
            egress.judge(&method, &format!("https://x.example{path}?a=b").parse().unwrap()).is_ok()
        };
        assert!(judge(Method::GET, "/api/now/table/incident"));
        assert!(judge(Method::POST, "/api/now/identifyreconcile/queryEnhanced"));
        assert!(!judge(Method::POST, "/api/now/identifyreconcile/enhanced"));
        assert!(!judge(Method::POST, "/api/now/identifyreconcile/query/x"));
        assert!(!judge(Method::POST, "/api/now/table/incident"));
        assert!(!judge(Method::PATCH, "/api/now/table/incident/1"));
        assert!(!judge(Method::DELETE, "/api/now/identifyreconcile/query"));
    }

    #[test]
    fn a_denial_says_which_grant_would_allow_it_and_hides_what_may_be_secret() {
        let uri: Uri = "https://evil.example/api/x?token=hunter2".parse().unwrap();
        let text = Egress::to(ORIGIN).unwrap().judge(&Method::GET, &uri).unwrap_err().to_string();
        assert_eq!(
            text,
            "GET https://evil.example/api/x was denied: the grant is for the host dev.service-now.com; a grant of \
             https://evil.example would allow it"
        );
        let uri: Uri = "https://user:hunter2@dev.service-now.com/api/x".parse().unwrap();
        let text = Egress::to(ORIGIN).unwrap().judge(&Method::GET, &uri).unwrap_err().to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn an_address_of_cloud_metadata_is_never_granted() {
        for host in ["169.254.169.254", "[fe80::1]", "0.0.0.0", "[::ffff:169.254.169.254]"] {
            let granted = Egress::to(&format!("https://{host}"));
            assert!(matches!(granted, Err(EgressError::Address { .. })), "{host}: {granted:?}");
        }
    }

    #[test]
    fn addresses_follow_from_the_grant() {
        let addresses = |url: &str| Egress::to(url).unwrap().addresses();
        assert_eq!(addresses(ORIGIN), Addresses::Public);
        assert_eq!(addresses("http://127.0.0.1:1"), Addresses::Loopback);
        assert_eq!(addresses("http://localhost:1"), Addresses::Loopback);
        assert_eq!(addresses("https://[::1]:1"), Addresses::Loopback);
        assert_eq!(addresses("https://10.1.2.3"), Addresses::Private);
        assert_eq!(Egress::to(ORIGIN).unwrap().in_private_network().addresses(), Addresses::Private);
        assert_eq!(Egress::to("http://[::1]:1").unwrap().in_private_network().addresses(), Addresses::Loopback);
    }

    proptest! {
        /// Whatever the guest writes: what passes leads, by an independent reader of URLs, to the granted origin and path.
        #[test]
        fn what_passes_leads_to_the_granted_origin(
            scheme in "https?|ftp",
            authority in "[a-zA-Z0-9.@:\\[\\]%-]{0,12}(dev\\.service-now\\.com)?[a-zA-Z0-9.@:%-]{0,8}",
            path in "/(api|%2e|\\.\\.|;|\\\\|/|[a-z%]){0,8}",
        ) {
            let text = format!("{scheme}://{authority}{path}");
            if let Ok(uri) = text.parse::<Uri>() && Egress::to(ORIGIN).unwrap().judge(&Method::GET, &uri).is_ok() {
                let url = Url::parse(&text).unwrap();
                prop_assert_eq!(url.scheme(), "https");
                prop_assert_eq!(url.host_str().map(normal), Some("dev.service-now.com".to_owned()));
                prop_assert_eq!(url.port_or_known_default(), Some(443));
                prop_assert!(url.path().starts_with("/api/"), "{}", url.path());
            }
        }
    }
}
