//! The promises of grants, against a real server.

mod client;
mod credential;
pub(crate) mod site;
