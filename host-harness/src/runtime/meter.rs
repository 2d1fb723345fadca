//! What one call has used so far, shared by its store and by the requests that it has in flight.

use super::limit::Limit;
use super::limits::Limits;
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Why a call is ended from outside the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// A limit was reached.
    Limit(Limit),
    /// The host cannot do its own part, such as keep its log.
    Host(String),
}

/// Counts, and ends the call that counts too much.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Arc<Limits>,
    exchanges: AtomicUsize,
    in_flight: AtomicUsize,
    held: AtomicUsize,
    end: OnceLock<End>,
    ended: Notify,
    began: Instant,
    /// When the guest's turn began, in microseconds after the call did.
    turn: AtomicU64,
    resting: AtomicBool,
}

impl Meter {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            exchanges: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
            end: OnceLock::new(),
            ended: Notify::new(),
            began: Instant::now(),
            turn: AtomicU64::new(0),
            resting: AtomicBool::new(false),
        }
    }

    /// One more request; false where that is one too many.
    pub(crate) fn exchange(&self) -> bool {
        let within = self.exchanges.fetch_add(1, Relaxed) < self.limits.exchanges;
        if !within {
            self.end(End::Limit(Limit::Exchanges));
        }
        within
    }

    pub(crate) fn exchanges(&self) -> usize {
        self.exchanges.load(Relaxed)
    }

    /// Counts a request as waiting for ServiceNow as long as the guard lives.
    pub(crate) fn waiting(self: &Arc<Self>) -> Waiting {
        self.in_flight.fetch_add(1, Relaxed);
        Waiting(Arc::clone(self))
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.in_flight.load(Relaxed) > 0
    }

    /// Begins to count a body that the host holds, as long as the guard lives.
    pub(crate) fn hold(self: &Arc<Self>) -> Held {
        Held { meter: Arc::clone(self), bytes: 0 }
    }

    /// Since the call began.
    pub(crate) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// What is left of its wall clock.
    pub(crate) fn left(&self) -> Duration {
        self.limits.wall_clock.saturating_sub(self.took())
    }

    /// Whether nothing is left of it.
    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// The guest has the processor from now on.
    pub(crate) fn begin_turn(&self) {
        let now = u64::try_from(self.took().as_micros()).unwrap_or(u64::MAX);
        self.turn.store(now, Relaxed);
    }

    /// For how long it has had it.
    pub(crate) fn turn(&self) -> Duration {
        self.took().saturating_sub(Duration::from_micros(self.turn.load(Relaxed)))
    }

    /// The guest rests as long as the guard lives: it computes, and waits for nothing.
    pub(crate) fn resting(self: &Arc<Self>) -> Resting {
        self.resting.store(true, Relaxed);
        Resting(Arc::clone(self))
    }

    pub(crate) fn is_resting(&self) -> bool {
        self.resting.load(Relaxed)
    }

    /// Ends the call. The first reason stays.
    pub(crate) fn end(&self, end: End) {
        let _ = self.end.set(end);
        self.ended.notify_one();
    }

    /// Why the call was ended, where it was.
    pub(crate) fn why(&self) -> Option<&End> {
        self.end.get()
    }

    /// Waits until the call is ended.
    pub(crate) async fn ended(&self) {
        while self.end.get().is_none() {
            self.ended.notified().await;
        }
    }
}

/// See [`Meter::hold`].
pub(crate) struct Held {
    meter: Arc<Meter>,
    bytes: usize,
}

impl Held {
    /// So many bytes more; false where all that is held for the call is too much then.
    pub(crate) fn add(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        let within = self.meter.held.fetch_add(bytes, Relaxed) + bytes <= self.meter.limits.held_bytes;
        if !within {
            self.meter.end(End::Limit(Limit::HeldBytes));
        }
        within
    }

    /// The body when it is whole: it is held until the last part of it is let go.
    pub(crate) fn whole(self, body: Bytes) -> Bytes {
        Bytes::from_owner(Whole { body, _held: self })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.meter.held.fetch_sub(self.bytes, Relaxed);
    }
}

struct Whole {
    body: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

/// See [`Meter::resting`].
pub(crate) struct Resting(Arc<Meter>);

impl Drop for Resting {
    fn drop(&mut self) {
        self.0.resting.store(false, Relaxed);
    }
}

/// See [`Meter::waiting`].
pub(crate) struct Waiting(Arc<Meter>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_held_until_its_last_part_is_let_go() {
        let limits = Limits { held_bytes: 10, ..Limits::default() };
        let meter = Arc::new(Meter::new(Arc::new(limits)));
        let mut held = meter.hold();
        assert!(held.add(6) && held.add(4));
        let mut body = held.whole(Bytes::from_static(b"0123456789"));
        let part = body.split_to(1);
        drop(body);
        assert!(meter.why().is_none() && !meter.hold().add(1), "the part holds the whole");
        assert_eq!(meter.why(), Some(&End::Limit(Limit::HeldBytes)));
        drop(part);
        assert!(meter.hold().add(10));
    }
}
