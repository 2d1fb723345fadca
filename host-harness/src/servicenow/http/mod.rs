//! The instance's HTTP surface: the listener, and for each API what its paths do.

pub mod auth;
pub mod oauth;
pub mod reply;
pub mod request;
pub mod route;
pub mod server;
pub mod table;
