//! Whether a grant covers a request, and why not.

use super::{Egress, list, normal, plain};
use crate::grant::address::Prohibited;
use http::{Method, Uri};

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
    /// A name that leads where the grant does not. Only who connects finds out; the judgement of a URL never says it.
    #[error(transparent)]
    Address(Prohibited),
    /// More than [`Limits::uri_bytes`](crate::runtime::limits::Limits::uri_bytes).
    #[error("its path and query are longer than {most} bytes")]
    TooLong {
        /// What the limit allows.
        most: usize,
    },
}

impl Denial {
    pub(in crate::grant) fn of(method: &Method, uri: &Uri, why: Reason) -> Self {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        // What stands before an `@` may be a password.
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let target: String = format!("{scheme}://{authority}{}", uri.path()).chars().take(200).collect();
        Self { method: plain(method.as_str()), target: plain(&target), why }
    }
}

impl Egress {
    /// Decides about one request.
    ///
    /// # Errors
    /// What the grant does not cover.
    pub fn judge(&self, method: &Method, uri: &Uri) -> Result<(), Denial> {
        self.covers(method, uri).map_err(|why| Denial::of(method, uri, why))
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
            let wanted = plain(&format!("{}://{authority}", self.scheme()));
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
            return Err(Reason::Method { granted: list(&self.methods), wanted: plain(method.as_str()) });
        }
        if uri.path_and_query().is_some_and(|target| target.as_str().len() > self.uri_bytes) {
            return Err(Reason::TooLong { most: self.uri_bytes });
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
pub(super) fn ambiguity(path: &str) -> Option<&'static str> {
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
