//! The CMDB: identification and reconciliation, and the classes that it knows how to identify.

pub mod identify;
pub mod ire;
pub mod rules;
