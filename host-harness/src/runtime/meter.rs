//! What one call has used so far, shared by its store and by the requests that it has in flight.

use super::limits::{Limit, Limits};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
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
    end: OnceLock<End>,
    ended: Notify,
}

impl Meter {
    pub(crate) fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            exchanges: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            end: OnceLock::new(),
            ended: Notify::new(),
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

/// See [`Meter::waiting`].
pub(crate) struct Waiting(Arc<Meter>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}
