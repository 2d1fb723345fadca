//! OpenFactory's ITSM plugin for ServiceNow.
//!
//! The component that OpenFactory loads is this crate compiled for `wasm32-unknown-unknown`. All of it but the
//! bindings compiles natively too, behind [`transport::Transport`], and is tested so.
//!
//! The plugin keeps nothing between calls: ServiceNow holds the truth, and the host holds the queue. Every hook may be
//! delivered again at any time, by several hosts at once.

#![deny(missing_docs)]

pub mod approvals;
pub mod build_finished;
pub mod build_requested;
pub mod change;
pub mod cmdb;
pub mod deploy;
pub mod diagnostics;
pub mod event;
pub mod evidence;
pub mod failure;
pub mod gate;
pub mod identity;
pub mod incident;
pub mod journal;
pub mod mapping;
pub mod plugin;
pub mod servicenow;
pub mod settings;
pub mod transport;

#[cfg(test)]
mod testing;

#[cfg(target_arch = "wasm32")]
mod component;
