//! A host for ITSM plugin components, and a ServiceNow for them to talk to.

#![deny(missing_docs)]

pub mod delivery;
pub mod evidence;
pub mod file;
pub mod grant;
pub mod guest;
pub mod mapping;
pub mod runtime;
pub mod service;
pub mod servicenow;
pub mod settings;
