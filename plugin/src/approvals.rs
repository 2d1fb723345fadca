//! Waiting gates, many in one call: what is read follows what moved, not how many wait.

mod check;
mod cursor;

pub use check::check;
