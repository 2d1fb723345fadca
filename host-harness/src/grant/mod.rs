//! Grants: what a plugin gets from its host. The settings, one way out, somebody to be there, a log to write to. It has
//! nothing else.
//!
//! ```no_run
//! use host_harness::grant::{AuditLog, Credential, Egress, Grant};
//! use std::{path::Path, sync::Arc};
//!
//! let audit = Arc::new(AuditLog::open(Path::new("audit.jsonl"))?);
//! let grant = Grant::builder(r#"{"instance": …}"#, Egress::to("https://example.service-now.com")?, audit)
//!     .credential(Credential::parse("servicenow=env:SERVICENOW_CREDENTIAL")?)
//!     .build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
pub mod audit;
mod client;
mod credential;
mod egress;
mod headers;
mod no_proxy;
mod observer;
mod outgoing;
mod reading;
mod scrub;

pub use address::{Addresses, Barred, Prohibited};
pub use audit::{AuditError, AuditLog};
pub use client::{ClientError, Route};
pub use credential::{Credential, CredentialError};
pub use egress::{Denial, Egress, EgressError, Reason};
pub use headers::is_forbidden;
pub use observer::{Exchange, Observer, Outcome, Usage};
pub(crate) use outgoing::Outgoing;
pub use reading::ReadError;

use crate::runtime::limits::Limits;
use itsm_contract::types::Attribute;
use reqwest::dns::Resolve;
use std::fmt;
use std::sync::Arc;

/// What one plugin may do, and who it is while it does it. Shared by all its stores.
pub struct Grant {
    pub(crate) settings: String,
    pub(crate) egress: Egress,
    pub(crate) credential: Option<Credential>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) client: reqwest::Client,
    /// The proxy's origin.
    proxy: Option<String>,
    /// `sha256:…` of the certificates that are trusted beside the system's.
    ca_bundle: Option<String>,
    observer: Option<Arc<dyn Observer>>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credential = self.credential.as_ref().map(Credential::name);
        f.debug_struct("Grant").field("egress", &self.egress).field("credential", &credential).finish_non_exhaustive()
    }
}

impl Grant {
    /// Begins with what every plugin needs: its settings as JSON, its way out, the log. Without a credential its requests
    /// say nothing of who sends them.
    pub fn builder(settings: impl Into<String>, egress: Egress, audit: Arc<AuditLog>) -> Builder {
        Builder {
            settings: settings.into(),
            egress,
            audit,
            credential: None,
            route: Route::default(),
            ca_bundle: None,
            observer: None,
            limits: Limits::default(),
            names: Arc::new(address::System),
        }
    }

    /// Where requests may go.
    pub fn egress(&self) -> &Egress {
        &self.egress
    }

    /// The log that it writes to.
    pub fn audit(&self) -> &Arc<AuditLog> {
        &self.audit
    }

    /// All that is granted, by name, for the log: nothing of it is secret.
    pub(crate) fn describe(&self) -> Vec<Attribute> {
        let mut said = self.egress.describe();
        let mut say = |name: &str, what: Option<&str>| said.push((name.to_owned(), what.unwrap_or("none").to_owned()));
        say("proxy", self.proxy.as_deref());
        say("ca-bundle", self.ca_bundle.as_deref());
        say("credential", self.credential.as_ref().map(Credential::name));
        said
    }

    pub(crate) fn observe(&self, see: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = &self.observer {
            see(observer.as_ref());
        }
    }
}

/// Makes a [`Grant`].
#[must_use]
pub struct Builder {
    settings: String,
    egress: Egress,
    audit: Arc<AuditLog>,
    credential: Option<Credential>,
    route: Route,
    ca_bundle: Option<Vec<u8>>,
    observer: Option<Arc<dyn Observer>>,
    limits: Limits,
    names: Arc<dyn Resolve>,
}

impl Builder {
    /// Who the host is to ServiceNow.
    pub fn credential(mut self, credential: Credential) -> Self {
        self.credential = Some(credential);
        self
    }

    /// Which proxy to take.
    pub fn route(mut self, route: Route) -> Self {
        self.route = route;
        self
    }

    /// Certificates in PEM form to trust beside the system's.
    pub fn ca_bundle(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_bundle = Some(pem.into());
        self
    }

    /// Who watches.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Other limits than the defaults, for what is fixed when a grant is made: until a connection stands, until a token is
    /// there, a reply's header fields, the length of a target, the size of a credential. The host has its own for all else.
    pub fn limits(mut self, limits: &Limits) -> Self {
        self.limits = limits.clone();
        self
    }

    /// Who is asked for the addresses of names.
    #[cfg(test)]
    pub(crate) fn names(mut self, names: Arc<dyn Resolve>) -> Self {
        self.names = names;
        self
    }

    /// Sets up the client.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn build(self) -> Result<Arc<Grant>, ClientError> {
        let Self { settings, egress, audit, credential, route, ca_bundle, observer, limits, names } = self;
        let proxy = client::proxy(&route, &egress, |name| std::env::var(name).ok())?;
        let client = client::client(&egress, proxy.as_ref(), ca_bundle.as_deref(), &limits, names)?;
        Ok(Arc::new(Grant {
            settings,
            egress: egress.within(limits.uri_bytes),
            credential: credential.map(|credential| credential.within(&limits)),
            audit,
            client,
            // Its user, password and path stay out.
            proxy: proxy.map(|url| url.origin().ascii_serialization()),
            ca_bundle: ca_bundle.as_deref().map(crate::guest::digest),
            observer,
        }))
    }
}

#[cfg(test)]
pub(crate) mod tests;
