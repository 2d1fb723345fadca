//! The contract between OpenFactory and an ITSM plugin.
//!
//! The `.wit` files beside this crate are the contract. These are the same records in Rust, one set for both sides of
//! the sandbox's wall: the plugin's bindings and the host's are generated *with* them, so that a record that no longer
//! follows the WIT does not compile, and nothing is converted on the way.
//!
//! # In JSON
//!
//! Event files, answers, the outbox and a mapping's events have one form, which follows the WIT:
//!
//! | WIT | JSON |
//! |---|---|
//! | record | object with the kebab-case names of its fields; an unknown one is refused |
//! | `option` | its value, `null`, or left out |
//! | variant case without a value, `enum` case | its name: `"succeeded"` |
//! | variant case with a value | `{"failed": {…}}` |
//! | `list<attribute>` | object; a name that repeats takes an array of its values |
//! | `timestamp` | RFC 3339: `"2026-11-24T16:20:00Z"`, with milliseconds where there are some |
//! | `list<u8>` | base64 |
//! | `result` | the value itself, or `{"failure": …}` |
//!
//! ```
//! use itsm_contract::types::Environment;
//!
//! let environment: Environment = serde_json::from_str(r#"{"name": "prod-eu-1", "tier": "production"}"#)?;
//! assert_eq!(environment.name, "prod-eu-1");
//! # Ok::<(), serde_json::Error>(())
//! ```

#![deny(missing_docs)]

pub mod answers;
pub mod events;
pub mod json;
mod reserved;
pub mod types;

pub use reserved::is_reserved;

/// The version of the packages `openfactory:itsm` and `openfactory:itsm-mapping` that this crate speaks.
pub const VERSION: &str = "0.1.0";

/// A hook's answer in JSON: see the table in this crate's first paragraph.
pub type Answer<T> = Result<T, types::Failure>;
