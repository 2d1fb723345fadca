//! The promises of grants, against a real server.

mod client;
mod credential;
pub(crate) mod network;
mod outgoing;
pub(crate) mod site;
