//! The promises of grants, against a real server.

mod client;
mod credential;
pub(crate) mod network;
mod outgoing;
pub(crate) mod site;

use super::address::System;
use super::{ClientError, Egress};
use crate::runtime::limits::Limits;
use std::sync::Arc;
use url::Url;

/// A client as grants have it.
pub fn client(egress: &Egress, proxy: Option<&Url>, ca_bundle: Option<&[u8]>) -> Result<reqwest::Client, ClientError> {
    super::client::client(egress, proxy, ca_bundle, &Limits::default(), Arc::new(System))
}
