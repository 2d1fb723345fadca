//! `mapping`: a new mapping to start from.

use super::{Exit, Misuse};
use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use host_harness::guest::{self, Language};
use std::path::PathBuf;

/// What to do with mappings.
#[derive(Subcommand)]
pub enum Mapping {
    /// Write a mapping that builds as it is, in a folder of its name
    New(New),
}

/// Write a mapping that builds as it is, in a folder of its name
#[derive(Args)]
pub struct New {
    /// Lower-case letters, digits and dashes
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    language: Choice,
    /// Where its folder goes
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    parent: PathBuf,
}

/// The languages, as people write them.
#[derive(Clone, Copy, ValueEnum)]
enum Choice {
    /// A crate.
    Rust,
    /// A module.
    Python,
}

impl Mapping {
    /// Runs the command.
    pub fn run(self) -> Result<Exit> {
        match self {
            Self::New(new) => new.run(),
        }
    }
}

impl New {
    fn run(self) -> Result<Exit> {
        let language = match self.language {
            Choice::Rust => Language::Rust,
            Choice::Python => Language::Python,
        };
        let folder =
            guest::new_mapping(&self.parent, &self.name, language).map_err(|error| Misuse(error.to_string()))?;
        say!("{}", folder.display());
        say!("build it with: itsm-harness build --mapping {}", folder.display());
        Ok(Exit::Done)
    }
}
