//! The product's promises, end to end. One binary, since linking a wasmtime host takes longer than most of these tests;
//! one file for each section.

mod altered;
mod at_once;
mod away;
mod bad_input;
mod change_requests;
mod cmdb;
mod deployment_order;
mod dry_run;
mod evidence;
mod exactly_once;
mod failure_words;
mod host_panics;
mod incidents;
mod kill;
mod losses;
mod main_job;
mod mapping;
mod matrix;
mod readme;
mod secrets;
mod service;
mod told;
mod way;

/// The command, with arguments.
fn harness(args: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> tests::Harness {
    tests::Harness::new(env!("CARGO_BIN_EXE_harness-under-test"), args)
}
