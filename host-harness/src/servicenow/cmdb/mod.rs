//! The CMDB: identification and reconciliation, and the classes that it knows how to identify.

pub mod rules;
