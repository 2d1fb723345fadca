//! The simulated ServiceNow behaves as ServiceNow's documentation and recorded conversations say.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "test helpers")]

mod access;
mod approvals;
mod attachment;
mod browser;
mod change;
mod cmdb;
mod conformance;
mod faults;
mod page;
mod python;
mod reading;
mod samples;
mod state;
mod support;
mod table;
mod writing;
