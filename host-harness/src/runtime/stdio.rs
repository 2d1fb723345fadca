//! Standard output and error: kept for people to read, never in a guest's way.
//!
//! A guest whose print fails traps, so what is too much is dropped and the write succeeds. Writes are counted as well as
//! bytes: an empty one costs the host as much.

use super::limit::{Limit, LimitHit};
use bytes::Bytes;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncWrite, empty};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

/// Bytes that one write may have.
const PERMIT: usize = 64 * 1024;

/// What a guest printed. Both streams go to one, in order.
#[derive(Clone, Debug)]
pub(super) struct Printed {
    kept: Arc<Mutex<Kept>>,
    bytes: usize,
    writes: usize,
}

#[derive(Debug, Default)]
struct Kept {
    text: Vec<u8>,
    writes: usize,
    dropped: usize,
}

impl Printed {
    pub(super) fn new(bytes: usize, writes: usize) -> Self {
        Self { kept: Arc::default(), bytes, writes }
    }

    /// What was kept, fit for people, and a note where some was not.
    pub(super) fn text(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = super::plain(&String::from_utf8_lossy(&kept.text)).into_owned();
        if kept.dropped > 0 {
            text.push_str(&format!("\n… and {} bytes more", kept.dropped));
        }
        text
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // WASI 0.3 alone would ask for it, and is not linked.
        Box::new(empty())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.writes += 1;
        if kept.writes > self.writes {
            return Err(StreamError::Trap(LimitHit(Limit::StdioWrites).into()));
        }
        let room = self.bytes.saturating_sub(kept.text.len()).min(bytes.len());
        kept.text.extend_from_slice(bytes.get(..room).unwrap_or_default());
        kept.dropped += bytes.len() - room;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(PERMIT)
    }
}

#[async_trait::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_dropped_without_an_error() {
        let printed = Printed::new(4, 10);
        let mut stream = printed.clone();
        stream.write(Bytes::from_static(b"abc")).unwrap();
        stream.write(Bytes::from_static(b"def\x1b[2J")).unwrap();
        assert_eq!(printed.text(), "abcd\n… and 6 bytes more");
    }

    #[test]
    fn empty_writes_count() {
        let mut printed = Printed::new(4, 10);
        (0..10).for_each(|_| printed.write(Bytes::new()).unwrap());
        let Err(StreamError::Trap(error)) = printed.write(Bytes::new()) else { panic!("written") };
        assert_eq!(error.downcast_ref::<LimitHit>(), Some(&LimitHit(Limit::StdioWrites)));
    }

    #[test]
    fn a_terminal_is_not_driven() {
        let mut printed = Printed::new(100, 10);
        printed.write(Bytes::from_static(b"\x1b]0;owned\x07ok")).unwrap();
        assert_eq!(printed.text(), "\\u{1b}]0;owned\\u{7}ok");
    }
}
