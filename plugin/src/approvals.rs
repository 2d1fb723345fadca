//! Waiting gates, many in one call: what is read follows what moved, not how many wait.

mod answer;
mod check;
mod cursor;
mod look;
mod read;

pub use check::check;
