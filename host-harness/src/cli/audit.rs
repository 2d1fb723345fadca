//! `audit`: proves that a log was not altered, and tells what it says.

use super::Exit;
use super::words::{field, line};
use anyhow::Result;
use clap::{Args, Subcommand};
use host_harness::grant::AuditError;
use host_harness::grant::audit::{self, Entry, Verified, Who};
use std::path::PathBuf;

/// What to do with a log.
#[derive(Subcommand)]
pub enum Audit {
    /// Prove that no line was altered, added, removed or cut off
    Verify(Verify),
    /// Tell what happened
    Show(Show),
}

/// Prove that no line was altered, added, removed or cut off
#[derive(Args)]
pub struct Verify {
    /// The audit log
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Tell what happened
#[derive(Args)]
pub struct Show {
    /// The audit log
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only what concerns this change request
    #[arg(long, value_name = "NUMBER")]
    change: Option<String>,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

impl Audit {
    /// Runs the command.
    pub fn run(self) -> Result<Exit> {
        match self {
            Self::Verify(verify) => verify.run(),
            Self::Show(show) => show.run(),
        }
    }
}

impl Verify {
    fn run(self) -> Result<Exit> {
        match audit::verify(&self.file) {
            Ok(Verified { entries, head, half_a_line }) if self.json => {
                say!("{}", serde_json::json!({"entries": entries, "head": head, "half-a-line": half_a_line}));
            }
            Ok(Verified { entries, head, half_a_line }) => {
                say!("whole: {entries} entries, the last with the hash {head}");
                if half_a_line > 0 {
                    say!("behind them {half_a_line} bytes of half a line, which a killed process left: no entry");
                }
            }
            // That the file cannot be read says nothing about what is in it.
            Err(error @ AuditError::File { .. }) => return Err(error.into()),
            Err(error) if self.json => {
                say!("{}", serde_json::json!({"broken": error.to_string()}));
                return Ok(Exit::No);
            }
            Err(error) => {
                say!("not whole: {}", line(&error.to_string()));
                return Ok(Exit::No);
            }
        }
        Ok(Exit::Done)
    }
}

impl Show {
    fn run(self) -> Result<Exit> {
        // Said first: a reviewer who stops reading at the first proceed must have seen it.
        let whole = match audit::verify(&self.file) {
            Ok(_) => true,
            Err(error @ AuditError::File { .. }) => return Err(error.into()),
            Err(error) => {
                eprintln!("do not rely on what follows: {}", line(&error.to_string()));
                false
            }
        };
        let story: Box<dyn Iterator<Item = _>> = match &self.change {
            Some(number) => Box::new(audit::of_change(&self.file, number)?),
            None => Box::new(audit::entries(&self.file)?),
        };
        let mut entries = 0;
        for entry in story {
            match entry {
                Ok(entry) if self.json => say!("{}", serde_json::to_string(&entry)?),
                Ok(entry) => say!("{}", render(&entry)),
                Err(error @ AuditError::File { .. }) => return Err(error.into()),
                // What stands on the lines after it is told all the same.
                Err(error) => {
                    eprintln!("left out: {}", line(&error.to_string()));
                    continue;
                }
            }
            entries += 1;
        }
        // A change that the log does not know is a no, not an empty story.
        let told = entries > 0 || self.change.is_none();
        Ok(if whole && told { Exit::Done } else { Exit::No })
    }
}

/// The facts of an entry on one line, none to be taken for another.
pub fn facts(entry: &Entry) -> String {
    let facts = entry.details.iter().map(|(name, value)| format!("{}={}", field(name), field(value)));
    facts.collect::<Vec<_>>().join("  ")
}

/// Who said so.
pub fn who(entry: &Entry) -> &'static str {
    match entry.who {
        Who::Host => "host",
        Who::Plugin => "plugin",
    }
}

fn render(entry: &Entry) -> String {
    let time = itsm_contract::json::time::text(entry.time).unwrap_or_default();
    let number = entry.subject.as_ref().map(|ticket| field(&ticket.number)).unwrap_or_default();
    format!("{time:24}  {:6}  {:20}  {number:12}  {}", who(entry), field(&entry.action), facts(entry))
}
