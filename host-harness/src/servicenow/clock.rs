//! The instance's clock: the machine's time, moved by as much as a test or a person wants.

use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A clock that can be moved. Its clones are one clock.
#[derive(Debug, Clone, Default)]
pub struct Clock(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Milliseconds by which it differs from the machine's clock.
    offset: AtomicI64,
    /// The moment at which it stands still, if it does.
    frozen: Mutex<Option<Timestamp>>,
}

impl Clock {
    /// What time the instance thinks it is.
    pub fn now(&self) -> Timestamp {
        let frozen = *self.0.frozen.lock().unwrap_or_else(PoisonError::into_inner);
        frozen.unwrap_or_else(|| {
            let offset = SignedDuration::from_millis(self.0.offset.load(Ordering::Relaxed));
            Timestamp::now().checked_add(offset).unwrap_or(Timestamp::MAX)
        })
    }

    /// Moves it forward, or back with a negative duration.
    pub fn advance(&self, by: SignedDuration) {
        let mut frozen = self.0.frozen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = frozen.as_mut() {
            *at = at.checked_add(by).unwrap_or(Timestamp::MAX);
        }
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let _ = self
            .0
            .offset
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |offset| Some(offset.saturating_add(millis)));
    }

    /// Sets it to a moment, from which it goes on.
    pub fn set(&self, to: Timestamp) {
        *self.0.frozen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let millis = to.as_millisecond().saturating_sub(Timestamp::now().as_millisecond());
        self.0.offset.store(millis, Ordering::Relaxed);
    }

    /// Back to the machine's clock.
    pub fn reset(&self) {
        *self.0.frozen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.0.offset.store(0, Ordering::Relaxed);
    }

    /// Stops it at a moment, so that every record says the same time.
    pub fn freeze(&self, at: Timestamp) {
        *self.0.frozen.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }
}

/// A moment as the database keeps it: `YYYY-MM-DD HH:MM:SS` in UTC.
pub(crate) fn database_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Reads `YYYY-MM-DD HH:MM:SS`, or `YYYY-MM-DD` as its midnight, in UTC.
pub(crate) fn parse_database_time(text: &str) -> Option<Timestamp> {
    parse_civil(text)?.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// Reads `YYYY-MM-DD HH:MM:SS` or `YYYY-MM-DD` without a zone.
pub(crate) fn parse_civil(text: &str) -> Option<jiff::civil::DateTime> {
    let text = text.trim();
    jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text)
        .ok()
        .or_else(|| jiff::civil::Date::strptime("%Y-%m-%d", text).ok().map(|date| date.at(0, 0, 0, 0)))
}
