//! Where a plugin may send requests: one origin, some methods, some paths. Nothing else, and nothing by default.
//!
//! A grant is parsed once, by [`Egress::to`], here; [`Egress::judge`] compares, in `judgement`, and neither parses a grant
//! nor resolves a name. Both are pure, so the real and the simulated ServiceNow are judged alike.
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
//! | path and query | no longer than [`Limits::uri_bytes`](crate::runtime::limits::Limits::uri_bytes) |
//! | path's segments | not `.`, `..` (also with `;…` behind), nor empty before the last; no `%2e`, `%2f`, `%5c`, `%25`, `%00` or backslash |
//!
//! A granted path covers what ServiceNow does with it: the Batch API (`/api/now/batch`) carries requests to any path
//! inside its body. Grant narrower prefixes than `/api/`, and leave it out, where that matters.

mod judgement;

pub use judgement::{Denial, Reason};

use super::address::{Addresses, Barred};
use crate::runtime::limits::URI_BYTES;
use http::{Method, Uri};
use itsm_contract::types::Attribute;
use judgement::ambiguity;
use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

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
    /// Bytes of a request's path and query.
    uri_bytes: usize,
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
    /// An address that no grant leads to.
    #[error("`{url}` is never granted: {why}; name the instance's host")]
    Address {
        /// As it was written.
        url: String,
        /// The rule.
        why: Barred,
    },
    /// A URL that says in another way what the requests will say, and what they are compared with.
    #[error("`{url}` is another spelling of `{meant}`: write that")]
    Spelling {
        /// As it was written.
        url: String,
        /// As it is understood.
        meant: String,
    },
    /// A path prefix that could not be compared.
    #[error("`{path}` is no path prefix: begin it with `/`, and leave out dot segments, `//`, `%` and backslashes")]
    Path {
        /// As it was written.
        path: String,
    },
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
        if let Some(Err(why)) = literal.map(|address| addresses.judge(address)) {
            return Err(EgressError::Address { url: visible(url), why });
        }
        let no_port = || EgressError::NotAUrl { url: visible(url), why: "it names no port".into() };
        let port = parsed.port_or_known_default().filter(|port| *port != 0).ok_or_else(no_port)?;
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
            uri_bytes: URI_BYTES,
        };
        // Two readers of URLs, of which one must not know a host that the other cannot name.
        if egress.origin().parse::<Uri>().is_err() {
            return Err(EgressError::NotAUrl {
                url: visible(url),
                why: "its host is not a name that can be asked for".into(),
            });
        }
        let egress = egress.paths([format!("{base}{API}")])?;
        // The plugin asks for what is written: of an empty port, or `2130706433` for a host, nothing would come but denials.
        let written = format!("{}{API}", url.trim_end_matches('/')).parse::<Uri>();
        if written.is_ok_and(|written| egress.judge(&Method::GET, &written).is_ok()) {
            return Ok(egress);
        }
        Err(EgressError::Spelling { url: visible(url), meant: format!("{}{base}", egress.origin()) })
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

    /// Grants paths and queries of this length at most.
    pub(super) fn within(self, uri_bytes: usize) -> Self {
        Self { uri_bytes, ..self }
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

    /// The granted port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is encrypted.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Where ServiceNow gives out tokens. The host alone goes there.
    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}{}/oauth_token.do", self.origin(), self.base)
    }

    /// All that it grants, for people, by name.
    pub fn describe(&self) -> Vec<Attribute> {
        let said = [
            ("origin", Some(self.origin())),
            ("methods", Some(list(&self.methods))),
            ("paths", Some(list(&self.paths))),
            ("posts-to", self.posts.as_ref().map(|posts| list(posts))),
            ("addresses", Some(self.addresses.to_string())),
        ];
        said.into_iter().filter_map(|(name, said)| Some((name.to_owned(), said?))).collect()
    }

    fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }
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
fn plain(text: &str) -> String {
    crate::runtime::plain(text).into_owned()
}

/// What an administrator wrote for a URL, without what may be a password in it: before `@`, and after `?` or `#`.
fn visible(url: &str) -> String {
    let is_scheme = |scheme: &&str| scheme.chars().all(|letter| letter.is_ascii_alphabetic());
    let scheme = url.split_once("://").map(|(scheme, _)| scheme).filter(is_scheme);
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    let (shown, rest) = url.split_at(url.find(['?', '#']).unwrap_or(url.len()));
    match url.rsplit_once('@') {
        None => plain(shown),
        // A password may hold any of the three, so nobody knows what is what.
        Some(_) if !rest.is_empty() => format!("{scheme}…"),
        Some((_, host)) => plain(&format!("{scheme}…@{host}")),
    }
}

#[cfg(test)]
mod tests;
