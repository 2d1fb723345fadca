//! `itsm-harness`: everything that the library does, for people and for scripts.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
