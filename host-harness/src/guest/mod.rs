//! Guests: builds the plugin and a mapping for WebAssembly, encodes them as components, and plugs one into the other.
//!
//! [`stock_component`] is all that a test needs: the plugin with the stock mapping, built once however many ask for it at
//! the same time. [`build`] takes any [`Mapping`] and says what it did.
//!
//! A swap of the mapping is a checked composition ([`plug`]): a bare plug would hand the mapping the plugin's egress and
//! the credentials behind it, and leave out a badly typed mapping without a word.

mod build;
mod cargo;
mod difference;
mod encode;
mod error;
mod interface;
mod plug;
mod python;
mod template;
pub mod trial;
mod workspace;

#[cfg(test)]
pub(crate) use build::member;
pub use build::{Built, Mapping, bare_plugin, build, mapping_component, stock_component};
pub use cargo::Progress;
pub use encode::{encode, slim};
pub use error::Error;
pub use interface::{CONTRACT, Form, Interface, MAPPING, form, is_inert};
pub use plug::{Digests, Plugged, digest, plug};
pub use template::{Language, new_mapping};
pub use trial::{Trial, TrialError};

#[cfg(test)]
mod tests;
