//! Components of all kinds on a real host.

mod canary;
mod contract;
mod hostile;
mod limits;
pub(crate) mod scene;
mod stock;
