//! Components of all kinds on a real host.

mod hostile;
mod limits;
pub(crate) mod scene;
mod stock;
