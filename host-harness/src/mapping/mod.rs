//! What a mapping says, before it says it to anybody: of recorded events, beside what the plugin would send without it
//! ([`Shown`]), and against what an instance takes ([`against`]).
//!
//! The plugin's own fields come from the plugin's own code, compiled into this host and run over an instance that has no
//! record and knows every name; what the mapping makes of them comes from the mapping component, in its sandbox. Nothing
//! is sent to anybody but by [`Schema`], which reads the instance's dictionary with the grant's credential and within its
//! egress.

mod blank;
mod component;
mod event;
mod finding;
mod record;
mod said;
mod schema;
mod shown;

pub use component::Subject;
pub use event::{Recorded, recorded, samples};
pub use finding::{Finding, Outcome, against};
pub use record::{Record, records};
pub use schema::{Schema, SchemaError};
pub use shown::Shown;

/// Why nothing can be said of a mapping.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// A recorded event cannot be used.
    #[error("{what}: {why}")]
    Event {
        /// Its file, or their folder.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The settings cannot be used by the plugin.
    #[error("{path}: {message}")]
    Settings {
        /// The key.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// The rules are wrong.
    #[error("mapping.{path}{at}: {message}")]
    Rules {
        /// The rule.
        path: String,
        /// Line and column, where there are some.
        at: String,
        /// What is wrong with it.
        message: String,
    },
    /// The component has no mapping in it.
    #[error("{what} has no mapping in it: give the component that `build` wrote, or a mapping component")]
    NoMapping {
        /// The component.
        what: String,
    },
    /// The mapping cannot be read or plugged.
    #[error(transparent)]
    Guest(#[from] crate::guest::Error),
    /// The mapping gives no answer.
    #[error(transparent)]
    Trial(#[from] crate::guest::TrialError),
    /// The instance cannot be asked.
    #[error(transparent)]
    Schema(#[from] SchemaError),
}
