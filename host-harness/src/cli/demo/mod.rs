//! `demo`: the main job on one page. An image from request to machines, a rejected change, a failed verification.
//!
//! The plugin is called as OpenFactory calls it, in its sandbox; ServiceNow is the simulated one, over real HTTP; and its
//! people act through its own API. Each step says what was expected of it.

mod events;
mod person;
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
        // What an earlier demonstration left would be read as this one's.
        if self.output.exists() {
            std::fs::remove_dir_all(&self.output).with_context(|| format!("cannot empty {}", self.output.display()))?;
        }
        std::fs::create_dir_all(&self.output)
            .with_context(|| format!("cannot make the folder {}", self.output.display()))?;
        let audit = self.output.join("audit.jsonl");
        let settings = story::settings(&instance.url())?;
        // A file of our own, gone with this process: the host reads it, and again when the credential is refused.
        let mut secret = tempfile::NamedTempFile::new()?;
        secret.write_all(super::sim::credential(&instance).as_bytes())?;
        let credential = Credential::parse(&format!("{}=file:{}", settings.credential(), secret.path().display()))?;
        let session = Session::open(&component, &settings, Some(credential), &audit).await?;
        progress.tell("playing");
        let mut stage = Stage::new(session, instance)?;
        scenes::play(&mut stage).await;
        let evidence = report::keep_evidence(&stage, &self.output)?;
        let report = self.output.join("report.html");
        report::write(&stage, &audit, &report)?;

        let is_as_expected = stage.story.is_as_expected();
        if self.json {
            println!("{}", serde_json::to_string_pretty(&stage.story)?);
        } else {
            print!("{}", timeline::render(&stage.story, progress::is_colourful()));
            println!();
            println!("  report    {}", report.display());
            println!("  audit     {}", audit.display());
            for file in evidence {
                println!("  evidence  {}", file.display());
            }
            println!();
            println!(
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
