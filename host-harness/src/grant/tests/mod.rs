//! The promises of grants, against a real server.

mod client;
mod credential;
pub(crate) mod network;
pub(crate) mod site;
