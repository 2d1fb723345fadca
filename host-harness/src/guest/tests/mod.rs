//! The guests as they are built: what they ask for, what they weigh, and what plugging refuses.

mod broken;
mod stock;
pub(super) mod support;
