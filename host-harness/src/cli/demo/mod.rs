//! `demo`: the main job on one page. An image from request to machines, a rejected change, a failed verification.
//!
//! The plugin is called as OpenFactory calls it, in its sandbox; ServiceNow is the simulated one, over real HTTP; and its
//! people act through its own API. Each step says what was expected of it.

mod events;
mod report;
mod scenes;
mod stage;
mod story;
mod timeline;

use super::session::{self, Session};
use super::{Exit, progress};
use anyhow::{Context as _, Result};
use clap::Args;
use host_harness::grant::Credential;
use host_harness::servicenow::{Account, Instance};
use stage::Stage;
use std::io::Write as _;
use std::path::PathBuf;

/// What is left, and what the next demonstration replaces; anything else in the folder stays.
const AUDIT: &str = "audit.jsonl";
const CHECKPOINT: &str = "audit.jsonl.checkpoint";
const REPORT: &str = "report.html";
const EVIDENCE: &str = "evidence";

/// Play the main job: one image from request to machines, a rejection, a failed verification
#[derive(Args)]
pub struct Demo {
    /// Where to leave the report, the audit log and the evidence
    #[arg(long, value_name = "FOLDER", default_value = "target/demo")]
    output: PathBuf,
    /// A component to use instead of the one built from sources
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// The integration user's password on the simulated instance instead of a random one
    #[arg(long, value_name = "PASSWORD", hide = true)]
    password: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Demo {
    /// Runs the command.
    pub async fn run(self) -> Result<Exit> {
        let progress = progress::Progress::new();
        let component = session::component(self.component.as_deref(), progress)?;
        progress.tell("starting the simulated ServiceNow");
        let mut builder = Instance::builder();
        if let Some(password) = self.password {
            builder = builder.account(account(password));
        }
        let instance = builder.start().await?;
        let settings = story::settings(&instance.url())?;
        // A file of our own, gone with this process: the host reads it, and again when the credential is refused.
        let mut secret = tempfile::NamedTempFile::new()?;
        secret.write_all(super::sim::credential(&instance).as_bytes())?;
        let credential = Credential::parse(&format!("{}=file:{}", settings.credential(), secret.path().display()))?;
        // Played in a folder of its own: what an earlier demonstration left stays until this one has been played.
        let work = tempfile::tempdir()?;
        let audit = work.path().join(AUDIT);
        let session = Session::of(&component, &settings, &audit).credential(credential).open().await?;
        progress.tell("playing");
        let mut stage = Stage::new(session, instance)?;
        scenes::play(&mut stage).await;
        let report = work.path().join(REPORT);
        report::write(&stage, &audit, &report)?;
        std::fs::create_dir_all(&self.output)
            .with_context(|| format!("cannot make the folder {}", self.output.display()))?;
        for name in [AUDIT, CHECKPOINT, REPORT] {
            let (from, to) = (work.path().join(name), self.output.join(name));
            std::fs::copy(from, &to).with_context(|| format!("cannot write {}", to.display()))?;
        }
        let evidence = report::keep_evidence(&stage, &self.output.join(EVIDENCE))?;
        let (audit, report) = (self.output.join(AUDIT), self.output.join(REPORT));

        let is_as_expected = stage.story.is_as_expected();
        if self.json {
            say!("{}", serde_json::to_string_pretty(&stage.story)?);
        } else {
            say!("{}", timeline::render(&stage.story, progress::is_colourful()).trim_end());
            say!();
            say!("  report    {}", report.display());
            say!("  audit     {}", audit.display());
            for file in evidence {
                say!("  evidence  {}", file.display());
            }
            say!();
            say!(
                "{}",
                if is_as_expected { "Every step had the expected result." } else { "Not as expected: see above." }
            );
        }
        Ok(if is_as_expected { Exit::Done } else { Exit::CouldNot })
    }
}

fn account(password: String) -> Account {
    Account {
        user: "svc.imagefactory".into(),
        client_id: format!("{password}-client"),
        client_secret: format!("{password}-secret"),
        api_key: format!("{password}-key"),
        password,
    }
}
