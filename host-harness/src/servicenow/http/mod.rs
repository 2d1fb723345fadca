//! The instance's HTTP surface: the listener, and for each API what its paths do.

pub mod attachment;
pub mod auth;
pub mod batch;
pub mod change;
pub mod cmdb;
pub mod exchange;
pub mod ire;
pub mod limit;
pub mod oauth;
pub mod reply;
pub mod request;
pub mod route;
pub mod server;
pub mod sim;
pub mod table;
pub mod tinyurl;
pub mod tls;
pub mod wire;
