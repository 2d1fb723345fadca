//! Runs plugins: a wasmtime engine with limits, components that are read before they are compiled, and a fresh store for
//! every call.
//!
//! ```no_run
//! # async fn example(grant: std::sync::Arc<host_harness::grant::Grant>) -> Result<(), Box<dyn std::error::Error>> {
//! use host_harness::runtime::{Call, Hook, Host, limits::Limits};
//!
//! let host = Host::new(Limits::default())?.with_cache("target/compiled".as_ref())?;
//! let plugin = host.load("servicenow.wasm".as_ref())?.plugin(grant)?;
//! let call = Call::from_json(Hook::OnBuildRequested, r#"{"delivery": …}"#, plugin.limits())?;
//! let reply = plugin.call(&call).await?;
//! println!("{}", serde_json::to_string_pretty(&reply)?);
//! # Ok(())
//! # }
//! ```
//!
//! A call ends in an answer (a failure that the plugin answers among them), or in a [`CallError`] that says what happened
//! and whose fault it is. Either way its store is gone, and the host and all other calls go on.

mod bindings;
mod cache;
mod call;
mod error;
mod facts;
mod hook;
mod host;
mod inspect;
mod limit;
mod limiter;
pub mod limits;
mod meter;
mod modules;
mod panics;
mod plugin;
mod reply;
mod sandbox;
mod stdio;
mod text;
mod ticks;

pub use call::{Call, EventError, Waits};
pub use error::{Blame, CallError, LoadError, Trapped};
pub use hook::Hook;
pub use host::{Host, Loaded};
pub use inspect::{Class, Inspection};
pub(crate) use meter::{End, Held, Meter};
pub(crate) use panics::caught;
pub use plugin::Plugin;
pub use reply::Reply;
pub use sandbox::Panic;
pub use text::plain;

#[cfg(test)]
mod tests;
