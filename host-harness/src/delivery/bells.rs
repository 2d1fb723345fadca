//! Wakes who waits for an event to be settled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// One bell for each event that somebody waits for.
#[derive(Debug, Default)]
pub struct Bells(Mutex<HashMap<String, Arc<Notify>>>);

impl Bells {
    /// The bell of this event, to be listened to before its state is read.
    pub fn of(&self, key: &str) -> Arc<Notify> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.to_owned()).or_default().clone()
    }

    /// Rings it.
    pub fn ring(&self, key: &str) {
        let bell = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
        if let Some(bell) = bell {
            bell.notify_waiters();
        }
    }

    /// Who waited went: the bell goes with the last one.
    pub fn leave(&self, key: &str, bell: Arc<Notify>) {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_last = bells.get(key).is_some_and(|other| Arc::ptr_eq(other, &bell)) && Arc::strong_count(&bell) == 2;
        if is_last {
            bells.remove(key);
        }
    }
}
