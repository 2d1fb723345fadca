//! The listener: HTTP/1.1 with kept connections, no delay on small replies, each reply written at once.

use super::reply::Reply;
use super::request::{Part, Request};
use super::route;
use crate::servicenow::clock::Clock;
use crate::servicenow::engine::Engine;
use axum::extract::{FromRequest as _, Multipart};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

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
    /// The status of the reply.
    pub status: u16,
}

/// What all connections share.
pub(crate) struct Shared {
    engine: Mutex<Engine>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicU64,
    pub(crate) clock: Clock,
}

impl Shared {
    pub(crate) fn new(engine: Engine) -> Self {
        let clock = engine.clock.clone();
        Shared { engine: Mutex::new(engine), seen: Mutex::default(), connections: AtomicU64::new(0), clock }
    }

    /// The instance's state, for one request at a time.
    pub(crate) fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The requests seen so far.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts connections until it is dropped, and with it every connection.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    let number = shared.connections.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                    connections.spawn(connection(stream, shared.clone(), number));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, number: u64) {
    // Without this a small reply waits for the peer's delayed acknowledgement, about 40 ms.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(exchange(&shared, number, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, number, "a connection to the simulated instance ended");
    }
}

/// One request and its reply.
async fn exchange(shared: &Shared, connection: u64, request: http::Request<Incoming>) -> Response<Streamed> {
    let request = match read(request).await {
        Ok(request) => request,
        Err(reply) => return send(reply),
    };
    let answered = route::answer(&mut shared.engine(), &request);
    shared.seen().push(Seen {
        at: shared.clock.now(),
        connection,
        method: request.method.to_string(),
        target: request.target.clone(),
        user: answered.user,
        status: answered.reply.status.as_u16(),
    });
    send(answered.reply)
}

/// Reads a request whole, its parts too where it has some.
async fn read(request: http::Request<Incoming>) -> Result<Request, Reply> {
    let broken = || Reply::empty(StatusCode::BAD_REQUEST);
    let (head, body) = request.into_parts();
    let multipart = head
        .headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("multipart/form-data"));
    let body = body.collect().await.map_err(|_| broken())?.to_bytes();
    let mut request = Request::new(head.method, &head.uri, head.headers, body, "http");
    if multipart {
        request.parts = parts(&request).await.map_err(|_| broken())?;
    }
    Ok(request)
}

async fn parts(request: &Request) -> Result<Vec<Part>, anyhow::Error> {
    let mut whole = http::Request::new(axum::body::Body::from(request.body.clone()));
    *whole.headers_mut() = request.headers.clone();
    whole.extensions_mut().insert(());
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
pub(crate) struct Streamed(Option<Bytes>);

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
