//! A ServiceNow on loopback: an instance that behaves as a real one does, over real HTTP, for clients that do not know
//! the difference.
//!
//! It keeps records in tables that extend one another, checks who may do what, moves change requests through their
//! states, asks for approvals and adds them up, identifies configuration items, and refuses in ServiceNow's own words.
//! What instances differ in, and what nobody has written down, is a switch ([`Properties`]).
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use host_harness::servicenow::Instance;
//!
//! let instance = Instance::builder().start().await?;
//! println!("{} as {}", instance.url(), instance.account().user);
//! # Ok(())
//! # }
//! ```
//!
//! | folder | what is in it |
//! |---|---|
//! | `engine/` | tables, records, queries, who may do what, how values are shown |
//! | `change/` | states and steps, approvals, flows, templates, conflicts, schedules |
//! | `cmdb/` | identification and reconciliation |
//! | `http/` | the listener, authentication, and for each API what its paths do |
//! | `page/` | the page for people |
//! | `seed/` | what a new instance holds |

mod blueprint;
mod builder;
pub(crate) mod change;
mod clock;
pub(crate) mod cmdb;
pub(crate) mod engine;
pub mod faults;
pub(crate) mod http;
mod incident;
mod instance;
mod login;
mod page;
mod properties;
pub mod seed;
mod state;

pub use builder::Builder;
pub use change::approvals::{ApprovalPolicy, Approvers, WaitFor};
pub use clock::Clock;
pub use engine::dictionary::{Column, Kind, Table};
pub use engine::record::Record;
pub use faults::{Action, Fault, FaultId};
pub use http::server::Seen;
pub use instance::{Account, Instance};
pub use login::{Login, LoginError};
pub use properties::Properties;
pub use seed::people::Person;
