//! The listener: HTTP/1.1 with kept connections, no delay on small replies, each reply written at once.

use super::exchange::{Outcome, exchange};
use super::reply::Reply;
use super::request::{Part, Request};
use super::wire::{Fate, Wire};
use crate::servicenow::blueprint::Blueprint;
use crate::servicenow::clock::Clock;
use crate::servicenow::engine::Engine;
use crate::servicenow::faults::Faults;
use crate::servicenow::state::StateFile;
use axum::extract::{FromRequest as _, Multipart};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A request that the instance has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When, by the instance's clock.
    pub at: jiff::Timestamp,
    /// The connection, counted from 1.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// The user who was told by the credentials; none where there were none, or wrong ones.
    pub user: Option<String>,
    /// The status of the reply; 0 where there was none.
    pub status: u16,
    /// A fault picked it.
    pub faulty: bool,
}

/// What is served beside ServiceNow's own APIs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doors {
    /// `/__sim/`.
    pub simulator: bool,
    /// The page for people.
    pub page: bool,
}

/// What all connections share.
pub(crate) struct Shared {
    engine: Mutex<Engine>,
    seen: Mutex<Vec<Seen>>,
    faults: Mutex<Faults>,
    state: Mutex<Option<StateFile>>,
    connections: AtomicU64,
    /// Requests in hand at present.
    pub(crate) in_hand: AtomicUsize,
    pub(crate) clock: Clock,
    /// `/__sim/` is there.
    pub(crate) simulator: bool,
    /// The page for people is there.
    pub(crate) page: bool,
    /// What its forms carry, so that another page cannot press its buttons.
    pub(crate) form_token: String,
    blueprint: Blueprint,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(engine: Engine, blueprint: Blueprint, doors: Doors, state: Option<StateFile>) -> Self {
        let clock = engine.clock.clone();
        Shared {
            engine: Mutex::new(engine),
            seen: Mutex::default(),
            faults: Mutex::default(),
            state: Mutex::new(state),
            connections: AtomicU64::new(0),
            in_hand: AtomicUsize::new(0),
            clock,
            simulator: doors.simulator,
            page: doors.page,
            form_token: format!("{:032x}", rand::random::<u128>()),
            blueprint,
        }
    }

    /// The instance's state, for one request at a time.
    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        locked(&self.engine)
    }

    /// The requests seen so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        locked(&self.seen)
    }

    /// The faults in force.
    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        locked(&self.faults)
    }

    /// Writes what has changed to the state file, where there is one.
    pub(crate) fn changed(&self) {
        if let Some(state) = locked(&self.state).as_mut() {
            let changes = self.engine().store.take_changes();
            // A disk that fails is not the client's matter, and the instance goes on without it.
            if let Err(error) = state.append(&changes) {
                tracing::error!(%error, "the simulated instance cannot write its state");
            }
        }
    }

    /// Begins anew: records as at the first start, no faults, no requests, the machine's clock.
    pub(crate) fn reset(&self) {
        self.clock.reset();
        let recorded = self.engine().store.is_recording();
        let mut engine = self.blueprint.engine(self.clock.clone());
        engine.store.record_changes(recorded);
        *self.engine() = engine;
        self.faults().clear();
        self.seen().clear();
        if let Some(state) = locked(&self.state).as_mut()
            && let Err(error) = state.rewrite(&self.engine())
        {
            tracing::error!(%error, "the simulated instance cannot write its state");
        }
    }
}

/// Accepts connections until it is dropped, and with it every connection.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let number = shared.connections.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                    connections.spawn(connection(stream, shared.clone(), number, tls.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, number: u64, tls: Option<TlsAcceptor>) {
    // Without this a small reply waits for the peer's delayed acknowledgement, about 40 ms.
    let _ = stream.set_nodelay(true);
    let fate = Fate::default();
    let wire = Wire::new(stream, fate.clone());
    match tls {
        None => converse(wire, "http", shared, number, fate).await,
        Some(tls) => match tls.accept(wire).await {
            Ok(stream) => converse(stream, "https", shared, number, fate).await,
            Err(error) => tracing::debug!(%error, number, "no TLS with the simulated instance"),
        },
    }
}

/// All requests of a connection.
async fn converse<S>(stream: S, scheme: &'static str, shared: Arc<Shared>, number: u64, fate: Fate)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let (shared, fate) = (shared.clone(), fate.clone());
        async move {
            let request = match read(request, scheme).await {
                Ok(request) => request,
                Err(reply) => return Ok(send(reply)),
            };
            match exchange(&shared, number, &fate, request).await {
                Outcome::Reply(reply) => Ok(send(reply)),
                Outcome::Reset => {
                    fate.reset();
                    Err(Reset)
                }
            }
        }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, number, "a connection to the simulated instance ended");
    }
}

/// The connection is to be reset.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset on purpose")]
struct Reset;

/// Reads a request whole, its parts too where it has some.
async fn read(request: http::Request<Incoming>, scheme: &str) -> Result<Request, Reply> {
    let broken = || Reply::empty(StatusCode::BAD_REQUEST);
    let (head, body) = request.into_parts();
    let multipart = head
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("multipart/form-data"));
    let body = body.collect().await.map_err(|_| broken())?.to_bytes();
    let mut request = Request::new(head.method, &head.uri, head.headers, body, scheme);
    if multipart {
        // What cannot be read (a boundary is missing) has no parts, and the API says what it misses.
        request.parts = parts(&request).await.unwrap_or_default();
    }
    Ok(request)
}

async fn parts(request: &Request) -> Result<Vec<Part>, anyhow::Error> {
    let mut whole = http::Request::new(axum::body::Body::from(request.body.clone()));
    *whole.headers_mut() = request.headers.clone();
    let mut fields = Multipart::from_request(whole, &()).await?;
    let mut parts = Vec::new();
    while let Some(field) = fields.next_field().await? {
        parts.push(Part {
            name: field.name().unwrap_or_default().to_owned(),
            file_name: field.file_name().map(str::to_owned),
            content_type: field.content_type().map(str::to_owned),
            content: field.bytes().await?,
        });
    }
    Ok(parts)
}

fn send(reply: Reply) -> Response<Streamed> {
    let body = if reply.body.is_empty() { None } else { Some(reply.body) };
    let mut response = Response::new(Streamed(body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// A body of unknown length, so that it is sent chunked as an instance sends it.
struct Streamed(Option<Bytes>);

impl Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }
}
