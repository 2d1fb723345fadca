//! `sim`: the simulated ServiceNow alone, until it is interrupted.

use super::Exit;
use anyhow::{Context as _, Result};
use clap::Args;
use host_harness::servicenow::Instance;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// Run the simulated ServiceNow alone
#[derive(Args)]
pub struct Sim {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Print one line of JSON once it is ready
    #[arg(long)]
    json: bool,
}

impl Sim {
    /// Runs the command.
    pub async fn run(self) -> Result<Exit> {
        let instance = Instance::builder()
            .listen(self.listen)
            .start()
            .await
            .with_context(|| format!("cannot listen on {}: choose another address with --listen", self.listen))?;
        if self.json {
            println!("{}", ready(&instance));
        } else {
            tell(&instance);
        }
        tokio::signal::ctrl_c().await?;
        Ok(Exit::Done)
    }
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

fn tell(instance: &Instance) {
    let account = instance.account();
    println!("ServiceNow, simulated, at {}", instance.url());
    println!();
    println!("  integration user   {:24} {}", account.user, account.password);
    println!("  OAuth client       {:24} {}", account.client_id, account.client_secret);
    for (user, password) in instance.approvers() {
        println!("  approver           {user:24} {password}");
    }
    println!();
    println!("For the plugin, in another terminal:");
    println!();
    println!("  export SERVICENOW='{}'", credential(instance));
    println!();
    println!("Ctrl-C ends it, and forgets everything.");
}
