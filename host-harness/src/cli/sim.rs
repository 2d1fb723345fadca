//! `sim`: the simulated ServiceNow alone, until it is interrupted.

use super::{Exit, Misuse};
use anyhow::{Context as _, Result};
use clap::Args;
use host_harness::file;
use host_harness::servicenow::{Fault, Instance};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Bytes of a file of faults: some ten thousand rules.
const FAULTS_BYTES: usize = 1024 * 1024;

/// Run the simulated ServiceNow alone
#[derive(Args)]
pub struct Sim {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep what it holds in this file, credentials included, and go on from there at the next start
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Faults in force from the start: a JSON list of rules
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Serve /__sim/ too: faults, requests seen, the clock, a fresh start. It asks for no authentication
    #[arg(long)]
    simulator_api: bool,
    /// Print one line of JSON once it is ready
    #[arg(long)]
    json: bool,
}

impl Sim {
    /// Runs the command.
    pub async fn run(self) -> Result<Exit> {
        let mut builder = Instance::builder().listen(self.listen).simulator_api(self.simulator_api);
        if let Some(file) = &self.state {
            if file.exists() && !file.is_file() {
                return Err(Misuse(format!("--state {} is no file to keep anything in", file.display())).into());
            }
            builder = builder.state(file);
        }
        for fault in self.faults.as_deref().map(faults).transpose()?.unwrap_or_default() {
            builder = builder.fault(fault);
        }
        let instance = builder.start().await.with_context(|| format!("cannot serve on {}", self.listen))?;
        if !self.listen.ip().is_loopback() {
            eprintln!("warning: {} can be reached from other machines", self.listen);
        }
        if self.json {
            say!("{}", ready(&instance));
        } else {
            tell(&instance, self.state.is_some());
        }
        tokio::signal::ctrl_c().await?;
        Ok(Exit::Done)
    }
}

fn faults(path: &Path) -> Result<Vec<Fault>> {
    let unreadable = |error| Misuse(format!("cannot read the faults {}: {error}", path.display()));
    let text = file::read_text(path, FAULTS_BYTES).map_err(unreadable)?;
    serde_json::from_str(&text).with_context(|| Misuse(format!("{} is no list of faults", path.display())))
}

/// The integration user's credential, as `--credential` takes it from its source.
pub fn credential(instance: &Instance) -> String {
    let account = instance.account();
    json!({"user": account.user, "password": account.password}).to_string()
}

fn ready(instance: &Instance) -> Value {
    let account = instance.account();
    let people: Map<String, Value> =
        instance.approvers().into_iter().map(|(user, password)| (user, password.into())).collect();
    json!({
        "url": instance.url(),
        "user": account.user,
        "password": account.password,
        "client-id": account.client_id,
        "client-secret": account.client_secret,
        "api-key": account.api_key,
        "credential": credential(instance),
        "approvers": people,
    })
}

fn tell(instance: &Instance, keeps: bool) {
    let account = instance.account();
    say!("ServiceNow, simulated, at {}", instance.url());
    say!();
    say!("  integration user   {:24} {}", account.user, account.password);
    say!("  OAuth client       {:24} {}", account.client_id, account.client_secret);
    say!("  API key            {:24} {}", "", account.api_key);
    for (user, password) in instance.approvers() {
        say!("  approver           {user:24} {password}");
    }
    say!();
    say!("For the plugin, in another terminal:");
    say!();
    say!("  export SERVICENOW='{}'", credential(instance));
    say!();
    say!("Ctrl-C ends it{}.", if keeps { "" } else { ", and it forgets everything" });
}
