//! Components of all kinds on a real host.

mod answers;
mod attacks;
mod canary;
mod connections;
mod contract;
mod ears;
mod handwritten;
mod hostile;
mod limits;
mod panics;
mod party;
pub(crate) mod scene;
mod size;
#[path = "../../../../tests/support/spellings.rs"]
mod spellings;
mod stock;
