//! Waiting gates, many in one call: what is read follows what moved, not how many wait.

mod check;
mod cursor;
mod look;

pub use check::check;
