//! spike
#[cfg(target_arch = "wasm32")]
mod component;
