//! ServiceNow's REST APIs as this plugin uses them. Nothing that a reply says is believed unchecked.

mod batch;
mod client;
pub mod datetime;
mod error;
mod query;
mod record;

pub use batch::List;
pub use client::{Client, Inserted};
pub use error::{Error, Kind};
pub use query::{Query, percent_encode};
pub use record::Record;
