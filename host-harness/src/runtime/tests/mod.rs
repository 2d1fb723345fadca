//! Components of all kinds on a real host.

mod canary;
mod contract;
mod ears;
mod hostile;
mod limits;
pub(crate) mod scene;
mod size;
mod stock;
