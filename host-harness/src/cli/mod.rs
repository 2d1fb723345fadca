//! The commands. Each file is one; this one says what they have in common: options, exit codes and errors.

/// A line on standard output. A reader that went away (`… | head -1`) is no error: what it wanted, it has.
macro_rules! say {
    () => { say!("") };
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

mod audit;
mod build;
mod call;
mod check;
mod connect;
mod demo;
mod evidence;
mod given;
mod logs;
mod mapping;
mod progress;
mod serve;
mod session;
mod sim;
mod way;
mod words;

use clap::{Parser, Subcommand};
use host_harness::runtime::LoadError;
use host_harness::settings::SettingsError;
use std::process::ExitCode;
use words::printable;

/// Builds OpenFactory's ITSM plugin, runs it, and plays ServiceNow for it.
#[derive(Parser)]
#[command(name = "itsm-harness", version, about, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or proceed
  1  the answer is no
  2  used wrongly
  3  could not
  4  wait";

#[derive(Subcommand)]
enum Command {
    /// Play the main job: one image from request to machines, a rejection, a failed verification
    Demo(demo::Demo),
    /// Build the plugin, plug a mapping in, and write the component
    Build(build::Build),
    /// Call one hook with an event
    Call(call::Call),
    /// Show what a component imports and exports; refuse what a host would refuse
    #[command(alias = "inspect")]
    Check(check::Check),
    /// Test the connection: a finding and a remedy for each step
    Connect(connect::Connect),
    /// Run the host as a service: events in by HTTP, answers out
    Serve(Box<serve::Serve>),
    /// Run the simulated ServiceNow alone
    Sim(sim::Sim),
    /// Prove that an audit log was not altered, or tell a change's story from it
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Prove that the evidence in ServiceNow is what was put there
    #[command(subcommand)]
    Evidence(evidence::Evidence),
    /// Begin a mapping of your own, or hold one against an instance
    #[command(subcommand)]
    Mapping(mapping::Mapping),
}

/// How a command ended, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or proceed.
    Done = 0,
    /// The answer is no.
    No = 1,
    /// It could not be done.
    CouldNot = 3,
    /// Wait.
    Wait = 4,
}

/// An error of whoever called the command, not of what it did.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Misuse(pub String);

/// Exit code for a [`Misuse`]; clap uses the same for options that it does not know.
const USED_WRONGLY: u8 = 2;

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(error) => {
            eprintln!("error: {}", printable(&chain(&error)));
            ExitCode::from(if is_misuse(&error) { USED_WRONGLY } else { Exit::CouldNot as u8 })
        }
    }
}

/// An error with its causes. Many say their cause themselves, and once is enough.
fn chain(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |said, cause| match cause.to_string() {
        cause if said.is_empty() => cause,
        cause if said.contains(&cause) => said,
        cause => format!("{said}: {cause}"),
    })
}

fn run(command: Command) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Demo(demo) => demo.run().await,
            Command::Build(build) => build.run(),
            Command::Call(call) => call.run().await,
            Command::Check(check) => check.run(),
            Command::Connect(connect) => connect.run().await,
            Command::Serve(serve) => serve.run().await,
            Command::Sim(sim) => sim.run().await,
            Command::Audit(audit) => audit.run(),
            Command::Evidence(evidence) => evidence.run().await,
            Command::Mapping(mapping) => mapping.run().await,
        }
    })
}

/// Arguments, settings, and a file that is no plugin are for whoever called to put right.
fn is_misuse(error: &anyhow::Error) -> bool {
    // Words around another error are not in the chain as themselves.
    error.is::<Misuse>()
        || error.chain().any(|cause| {
            let is_no_plugin = |error: &LoadError| !matches!(error, LoadError::Engine(_) | LoadError::Compile { .. });
            cause.is::<Misuse>()
                || cause.is::<SettingsError>()
                || cause.downcast_ref::<LoadError>().is_some_and(is_no_plugin)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_options_of_all_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_cause_is_told_once() {
        let missing = || std::io::Error::from_raw_os_error(2);
        let path = std::path::PathBuf::from("x");
        let file = host_harness::grant::AuditError::File { doing: "read", path, source: missing() };
        let error = anyhow::Error::new(file).context("cannot show it");
        assert_eq!(
            chain(&error),
            "cannot show it: cannot read the audit log `x`: No such file or directory (os error 2)"
        );
        assert_eq!(chain(&anyhow::Error::new(missing()).context("no")), format!("no: {}", missing()));
    }
}
