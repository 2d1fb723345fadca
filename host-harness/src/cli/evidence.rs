//! `evidence verify`: proves that what ServiceNow holds of a change is what was put there.

use super::{Exit, Misuse, session, way::Way, words::line};
use anyhow::Result;
use clap::{Args, Subcommand};
use host_harness::evidence::{self, VerifyError};
use host_harness::grant::{AuditError, AuditLog, Grant};
use host_harness::settings::Settings;
use std::path::PathBuf;
use std::sync::Arc;

/// What to do with evidence.
#[derive(Subcommand)]
pub enum Evidence {
    /// Prove that what ServiceNow holds of a change is what was put there
    Verify(Verify),
}

/// Prove that what ServiceNow holds of a change is what was put there
#[derive(Args)]
pub struct Verify {
    /// The change request's number
    #[arg(value_name = "CHANGE")]
    change: String,
    /// The settings
    #[arg(long, value_name = "FILE")]
    settings: PathBuf,
    /// The audit log of the host that ran its build
    #[arg(long, value_name = "FILE")]
    audit: PathBuf,
    /// Where the credential that the settings name is: NAME=env:VARIABLE or NAME=file:PATH
    #[arg(long, value_name = "NAME=SOURCE")]
    credential: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    way: Way,
}

impl Evidence {
    /// Runs the command.
    pub async fn run(self) -> Result<Exit> {
        match self {
            Self::Verify(verify) => verify.run().await,
        }
    }
}

impl Verify {
    async fn run(self) -> Result<Exit> {
        let settings = Settings::read(&self.settings)?;
        let credential = session::credential(self.credential.as_deref(), &settings)?;
        let egress = self.way.egress(settings.egress());
        // What is read here is nobody's decision: it goes into no log but this command's own, which ends with it.
        let folder = tempfile::tempdir()?;
        let own = Arc::new(AuditLog::open(&folder.path().join("audit.jsonl"))?);
        let grant = self.way.add_to(Grant::builder(settings.to_json(), egress, own).credential(credential))?;
        let grant = grant.build().map_err(|error| Misuse(error.to_string()))?;
        match evidence::verify(&grant, &self.change, &self.audit).await {
            Ok(proofs) if self.json => {
                let proofs: Vec<_> = proofs
                    .iter()
                    .map(|proof| {
                        serde_json::json!({
                            "about": proof.about,
                            "digest": proof.digest,
                            "files": proof.files,
                            "elsewhere": proof.elsewhere,
                        })
                    })
                    .collect();
                say!("{}", serde_json::json!({"proofs": proofs}));
                Ok(Exit::Done)
            }
            Ok(proofs) => {
                for proof in proofs {
                    say!("unaltered: {}  {}", line(&proof.about), proof.digest);
                    for file in proof.files {
                        say!("  file       {}", line(&file));
                    }
                    for file in proof.elsewhere {
                        say!("  elsewhere  {}", line(&file));
                    }
                }
                Ok(Exit::Done)
            }
            // What cannot be read proves nothing either way.
            Err(
                error @ (VerifyError::Read(_) | VerifyError::Answer(_) | VerifyError::Audit(AuditError::File { .. })),
            ) => Err(error.into()),
            Err(error) => {
                if self.json {
                    say!("{}", serde_json::json!({"difference": error.to_string()}));
                } else {
                    say!("not proved: {}", line(&error.to_string()));
                }
                Ok(Exit::No)
            }
        }
    }
}
