//! Whether work may go on: what ServiceNow says, judged without any request, and told to the host.

pub mod approvers;
pub mod beside;
pub mod judge;
mod open;
pub mod policy;
pub mod seal;

#[cfg(test)]
mod tests;

pub use open::{Asked, decide, go_on, open, unreachable};
