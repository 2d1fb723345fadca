//! What time it is, behind a trait, so that tests can let an hour pass without waiting for it.

use itsm_contract::types::Timestamp;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// The longest sleep after which the system's clock is looked at again: somebody may have set it meanwhile, or the
/// machine may have slept.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// A sleep.
pub type Sleep<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// A clock.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the epoch.
    fn now(&self) -> Timestamp;

    /// Returns when `now` has reached `at`.
    fn sleep_until(&self, at: Timestamp) -> Sleep<'_>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::try_from(since.as_millis()).unwrap_or(Timestamp::MAX)
    }

    fn sleep_until(&self, at: Timestamp) -> Sleep<'_> {
        Box::pin(async move {
            loop {
                match at.checked_sub(self.now()) {
                    None | Some(0) => return,
                    Some(left) => tokio::time::sleep(Duration::from_millis(left).min(LOOK_AGAIN)).await,
                }
            }
        })
    }
}

/// A clock that stands still until it is moved. Its clones are one clock.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Manual>>);

#[derive(Debug)]
struct Manual {
    now: Timestamp,
    sleepers: BTreeMap<(Timestamp, u64), oneshot::Sender<()>>,
    next: u64,
}

impl ManualClock {
    /// Starts at `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Manual { now, sleepers: BTreeMap::new(), next: 0 })))
    }

    /// Moves it on, and wakes who slept until then.
    pub fn advance(&self, by: Duration) {
        let mut manual = self.lock();
        manual.now = manual.now.saturating_add(millis(by));
        let later = (manual.now.saturating_add(1), 0);
        let later = manual.sleepers.split_off(&later);
        for sleeper in std::mem::replace(&mut manual.sleepers, later).into_values() {
            let _ = sleeper.send(());
        }
    }

    /// The moment until which somebody sleeps: the first of them.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let mut manual = self.lock();
        manual.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        manual.sleepers.keys().next().map(|(at, _)| *at)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Manual> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn sleep_until(&self, at: Timestamp) -> Sleep<'_> {
        let mut manual = self.lock();
        if at <= manual.now {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        let ticket = manual.next;
        manual.next += 1;
        manual.sleepers.insert((at, ticket), wake);
        Box::pin(async move {
            let _ = woken.await;
        })
    }
}

/// A duration as the contract counts time.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleeper_wakes_when_the_clock_has_been_moved_to_its_moment_and_not_before() {
        let clock = ManualClock::at(1_000);
        let mut sleep = clock.sleep_until(1_500);
        clock.advance(Duration::from_millis(499));
        assert!(
            std::future::poll_fn(|context| std::task::Poll::Ready(sleep.as_mut().poll(context))).await.is_pending()
        );
        clock.advance(Duration::from_millis(1));
        sleep.await;
        clock.sleep_until(3).await;
    }
}
