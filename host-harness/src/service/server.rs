//! Connections of clients: so many and no more, and none that is kept open by saying nothing.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Connections at once. Systems let a process have 1024 files as a rule, and the outbox, the audit log and the
/// connections to ServiceNow are some of them. Whoever comes when all are taken waits until one is free.
pub const CONNECTIONS: usize = 640;

/// Until a request's header is there, counted from the connection or from the reply before it: for a client a moment, for
/// whoever holds connections open by half a header the end.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// After a connection could not be taken, as when no file is free: to try at once would try in vain.
const RECOVERY: Duration = Duration::from_millis(250);

/// How connections are bounded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) connections: usize,
    pub(super) header_timeout: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: CONNECTIONS, header_timeout: HEADER_TIMEOUT }
    }
}

/// Serves until it is told to stop, and then until the requests that are under way have their replies.
pub(super) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, mut stop: watch::Receiver<bool>) {
    let free = Arc::new(Semaphore::new(bounds.connections));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            // Never closed.
            let permit = free.clone().acquire_owned().await.ok()?;
            Some((permit, listener.accept().await))
        };
        let accepted = tokio::select! {
            () = told(&mut stop) => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Some((permit, Ok((stream, _)))) => {
                let (router, stop) = (router.clone(), stop.clone());
                connections.spawn(async move {
                    converse(stream, router, bounds.header_timeout, stop).await;
                    drop(permit);
                });
            }
            Some((_, Err(error))) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(RECOVERY).await;
            }
            None => break,
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// All requests of a connection.
async fn converse(stream: TcpStream, router: Router, header_timeout: Duration, mut stop: watch::Receiver<bool>) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = told(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

/// Ends when it is to stop, or when nobody is left who could say so.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
