//! The simulated ServiceNow behaves as ServiceNow's documentation and recorded conversations say.

mod support;
mod table;
