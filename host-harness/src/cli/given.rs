//! What every command is given that calls a plugin at an instance.

use super::progress::Progress;
use super::session::{self, Opening, Session};
use super::way::{Aloud, Denials, Way};
use anyhow::Result;
use clap::Args;
use host_harness::grant::Credential;
use host_harness::settings::Settings;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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

    /// The plugin that these settings are for, to be opened; `verbose` tells each of its requests, and otherwise those
    /// that are denied.
    pub fn session<'a>(&'a self, component: &'a Path, settings: &'a Settings, verbose: bool) -> Opening<'a> {
        let session = Session::of(component, settings, &self.audit).way(&self.way);
        session.observer(if verbose { Arc::new(Aloud) } else { Arc::<Denials>::default() })
    }

    /// The component, built from sources where it must be.
    pub fn component(&self) -> Result<PathBuf> {
        session::component(self.component.as_deref(), Progress::new())
    }
}
