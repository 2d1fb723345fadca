//! What every command is given that calls a plugin at an instance.

use super::{progress::Progress, session, way::Way};
use anyhow::Result;
use clap::Args;
use host_harness::grant::Credential;
use host_harness::settings::Settings;
use std::path::PathBuf;

#[derive(Args)]
pub struct Given {
    /// The settings
    #[arg(long, value_name = "FILE")]
    pub settings: PathBuf,
    /// A component to use instead of the one built from sources
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// Where the credential that the settings name is: NAME=env:VARIABLE or NAME=file:PATH
    #[arg(long, value_name = "NAME=SOURCE")]
    pub credential: Option<String>,
    /// The audit log, added to
    #[arg(long, value_name = "FILE", default_value = "itsm-audit.jsonl")]
    pub audit: PathBuf,
    #[command(flatten)]
    pub way: Way,
}

impl Given {
    /// The credential that these settings name.
    pub fn credential(&self, settings: &Settings) -> Result<Credential> {
        session::credential(self.credential.as_deref(), settings)
    }

    /// The component, built from sources where it must be.
    pub fn component(&self) -> Result<PathBuf> {
        session::component(self.component.as_deref(), Progress::new())
    }
}
