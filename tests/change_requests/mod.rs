//! Change requests and their gates, end to end: the plugin in its sandbox, ServiceNow over real HTTP.

mod answers;
mod approvers;
mod edits;
mod ends;
mod hosts;
mod losses;
mod polls;
mod previews;
mod scheduling;
mod settings;
mod shared;
mod stories;
mod types;
mod work;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// Settings that speak of change requests alone.
const CHANGES_ALONE: &str = "[workflows]\ncmdb = false\nincidents = false\nevidence = false\n";
