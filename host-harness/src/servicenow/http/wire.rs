//! A connection that can be made to fail: cut off after so many bytes, or reset.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes that may still be written; this many means no limit.
const NO_LIMIT: u64 = u64::MAX;

/// What is to become of a connection; shared with whoever answers on it.
#[derive(Debug, Clone)]
pub struct Fate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    left: AtomicU64,
    reset: AtomicBool,
}

impl Default for Fate {
    fn default() -> Self {
        Fate(Arc::new(Inner { left: AtomicU64::new(NO_LIMIT), reset: AtomicBool::new(false) }))
    }
}

impl Fate {
    /// After so many more bytes on the wire (with TLS, encrypted ones) the connection ends.
    pub fn cut_after(&self, bytes: u64) {
        self.0.left.store(bytes, Ordering::Relaxed);
    }

    /// When it ends, it is reset rather than closed.
    pub fn reset(&self) {
        self.0.reset.store(true, Ordering::Relaxed);
    }
}

/// A connection under a fate.
pub struct Wire {
    stream: TcpStream,
    fate: Fate,
}

impl Wire {
    /// Puts a connection under a fate.
    pub fn new(stream: TcpStream, fate: Fate) -> Self {
        Wire { stream, fate }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.fate.0.reset.load(Ordering::Relaxed) {
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let left = self.fate.0.left.load(Ordering::Relaxed);
        if left == NO_LIMIT {
            return Pin::new(&mut self.stream).poll_write(cx, bytes);
        }
        let allowed = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        if allowed == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let bytes = bytes.get(..allowed).unwrap_or_default();
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.fate.0.left.fetch_sub(written as u64, Ordering::Relaxed);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
