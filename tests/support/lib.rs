//! What the promises are tested with: a plugin in its sandbox, and a ServiceNow that it talks to over real HTTP.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use tests::{World, event};
//!
//! let world = World::builder().settings("[change]\ntype = \"emergency\"").start().await?;
//! let gate = world.plugin.on_build_requested(&event("build-requested")?).await?;
//! # Ok(())
//! # }
//! ```

mod binary;
mod guests;
mod outbox;
mod served;
mod snapshot;
pub mod spellings;
mod world;

pub use binary::{Harness, Run, Running};
pub use guests::{returning, running, skipped};
pub use outbox::eager;
pub use served::Served;
pub use snapshot::Snapshot;
pub use world::{Builder, Nobody, World};

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The folder of a sample: `events` or `settings`.
pub fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A sample event, by the name of its file.
pub fn event<T: DeserializeOwned>(name: &str) -> Result<T> {
    let path = folder("events").join(name).with_extension("json");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}
