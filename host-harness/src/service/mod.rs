//! The host as a service: events in by HTTP, answers out.
//!
//! | request | what it does |
//! |---|---|
//! | `POST /v1/events` | stores an event and answers 202 with its status; 200 with the first answer where it is a repeat; 409 where its key is another event's; 429 where too much waits. `?callback=URL` is told once it is settled, `?wait=30s` holds the reply until then |
//! | `GET /v1/events/{key}` | its status; `?wait=30s` holds the reply until it is settled |
//! | `GET /v1/events?state=given-up` | events in a state, by pages: `?after=` the last page's `next` |
//! | `POST /v1/events/{key}/retry` | tries an event again that was given up |
//! | `GET /v1/gates` | the gates that wait |
//! | `GET /healthz` | 200 while events are accepted and delivered, 503 with the `trouble` in words while they are not; needs no token |
//! | `GET /metrics` | for Prometheus, in its text form |
//!
//! An event is written as the contract writes it, `{"build-requested": {…}}` and so on. Without a token the service
//! listens on loopback alone, and answers no web page that a browser on this machine shows.

mod callbacks;
mod problem;
mod routes;
mod server;
#[cfg(test)]
mod tests;
mod token;
mod wait;

pub use callbacks::{CallbackError, Callbacks, URL_BYTES};
pub use routes::LONGEST_PAGE;
pub use server::{CONNECTIONS, HEADER_TIMEOUT};
pub use token::{Token, TokenError};
pub use wait::LONGEST as LONGEST_WAIT;

use crate::delivery::{self, Outbox, StoreError};
use server::Bounds;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// Bytes of an event as JSON: evidence with its attachments, as much as one call of a plugin may send.
pub const EVENT_BYTES: usize = crate::runtime::limits::EVENT_BYTES;

/// Requests that are held at once until their event is settled: fewer than there are [`CONNECTIONS`], so that all that
/// wait keep nobody from asking.
pub const HELD: usize = 512;

/// Until what is under way at a stop is given back: a call that waits for a slow request (60 s at ServiceNow) is not
/// worth that long a stop, since it is delivered again.
pub const GRACE: Duration = Duration::from_secs(20);

/// A running service.
#[derive(Debug)]
pub struct Service {
    address: SocketAddr,
    shared: Arc<Shared>,
    stopping: watch::Sender<bool>,
    server: JoinHandle<()>,
}

struct Shared {
    outbox: Outbox,
    token: Option<Token>,
    callbacks: Callbacks,
    held: Semaphore,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

/// How a service is reached, and by whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens. Anywhere but on loopback it needs a token.
    pub listen: SocketAddr,
    /// What clients must know.
    pub token: Option<Token>,
    /// Where callbacks may go.
    pub callbacks: Callbacks,
}

impl Default for Options {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8470)), token: None, callbacks: Callbacks::default() }
    }
}

impl Options {
    /// Whether only those can reach it who may.
    ///
    /// # Errors
    /// [`ServiceError::Unguarded`].
    pub fn check(&self) -> Result<(), ServiceError> {
        let is_guarded = self.token.is_some() || self.listen.ip().is_loopback();
        if is_guarded { Ok(()) } else { Err(ServiceError::Unguarded(self.listen)) }
    }
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// Anybody could send events.
    #[error("{0} can be reached from other machines: give the service a token, or let it listen on 127.0.0.1")]
    Unguarded(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// Callbacks cannot be sent.
    #[error("callbacks cannot be set up: {0}")]
    Callbacks(#[source] reqwest::Error),
    /// The outbox cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Service {
    /// Opens the outbox and listens. It accepts events when this returns.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub async fn start(options: Options, outbox: delivery::Builder) -> Result<Self, ServiceError> {
        Self::start_within(Bounds::default(), options, outbox).await
    }

    async fn start_within(bounds: Bounds, options: Options, outbox: delivery::Builder) -> Result<Self, ServiceError> {
        options.check()?;
        let Options { listen, token, callbacks } = options;
        let why = |why| ServiceError::Listen { address: listen, why };
        let listener = TcpListener::bind(listen).await.map_err(why)?;
        let address = listener.local_addr().map_err(why)?;
        let outbox = match callbacks.client().map_err(ServiceError::Callbacks)? {
            Some(client) => outbox.callbacks(client),
            None => outbox,
        };
        let outbox = outbox.start().await?;
        let shared = Arc::new(Shared { outbox, token, callbacks, held: Semaphore::new(HELD) });
        let (stopping, stop) = watch::channel(false);
        let server = tokio::spawn(server::serve(listener, routes::router(shared.clone()), bounds, stop));
        tracing::info!(%address, "listening");
        Ok(Self { address, shared, stopping, server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its outbox.
    pub fn outbox(&self) -> &Outbox {
        &self.shared.outbox
    }

    /// Accepts nothing more, lets what is under way end within `grace`, and gives the rest back to the outbox. Requests
    /// that wait are answered with the status as it is.
    pub async fn stop(self, grace: Duration) {
        tracing::info!("stopping");
        self.stopping.send_replace(true);
        self.shared.outbox.stop(grace).await;
        // Who waited has an answer now; who keeps a connection open and says nothing is not waited for.
        let mut server = self.server;
        if tokio::time::timeout(CLOSE, &mut server).await.is_err() {
            server.abort();
        }
        tracing::info!("stopped");
    }
}

/// Until connections that say nothing are closed at a stop.
const CLOSE: Duration = Duration::from_secs(2);
