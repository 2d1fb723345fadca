//! An outbox before a world's plugin, as a host has it.

use crate::World;
use anyhow::Result;
use host_harness::delivery::{Backoff, Clock, Limits, Outbox, Pacing, Sandboxed, SqliteStore, SystemClock, Witness};
use std::sync::Arc;
use std::time::Duration;

/// Limits that try again at once, as far as that may be: what takes minutes takes milliseconds.
pub fn eager() -> Limits {
    let mut limits = Limits::default();
    limits.backoff = Backoff { first: Duration::from_millis(2), longest: Duration::from_millis(40) };
    limits.circuit_pause = Backoff { first: Duration::from_millis(10), longest: Duration::from_millis(40) };
    limits
}

impl World {
    /// An outbox in this world's folder, with a host of its own.
    pub async fn outbox(&self, name: &str, limits: Limits) -> Result<Outbox> {
        self.outbox_by(name, limits, Arc::new(SystemClock)).await
    }

    /// The same by another clock.
    pub async fn outbox_by(&self, name: &str, limits: Limits, clock: Arc<dyn Clock>) -> Result<Outbox> {
        let pacing = Pacing::new(&limits, clock.clone());
        let witness = Witness::new(pacing.clone());
        let plugin = self.another(name, witness.clone())?;
        let store = SqliteStore::open(&self.folder().join(format!("{name}.db")))?;
        let outbox = Outbox::builder(store, Sandboxed::new(plugin, witness)).limits(limits).pacing(pacing).clock(clock);
        Ok(outbox.start().await?)
    }
}
