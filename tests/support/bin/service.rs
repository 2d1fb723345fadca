//! The service with nothing around it, to be killed: its folder holds all that it needs, and it says where it listens.

use anyhow::{Context as _, Result};
use host_harness::delivery::{Outbox, Sandboxed, SqliteStore, Witness};
use host_harness::grant::{AuditLog, Credential, Egress, Grant};
use host_harness::runtime::{Host, limits::Limits};
use host_harness::service::{Options, Service};
use host_harness::settings::Settings;
use std::path::PathBuf;
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let folder = arguments.next().context("no folder")?;
    let component = arguments.next().context("no component")?;
    let settings = Settings::read(&folder.join("settings.toml"))?;
    let limits = tests::eager();
    let pacing = tests::pacing(&limits);
    let witness = Witness::new(pacing.clone());
    let audit = AuditLog::open(&folder.join("service-audit.jsonl"))?;
    let credential = folder.join("credential.json");
    let grant = Grant::builder(settings.to_json(), Egress::to(settings.url())?, Arc::new(audit))
        .credential(Credential::parse(&format!("servicenow=file:{}", credential.display()))?)
        .observer(witness.clone())
        .build()?;
    let compiled = component.with_file_name("compiled");
    let plugin = Host::new(Limits::default())?.with_cache(&compiled)?.load(&component)?.plugin(grant)?;
    let store = SqliteStore::open(&folder.join("outbox.db"))?;
    let outbox = Outbox::builder(store, Sandboxed::new(plugin, witness)).limits(limits).pacing(pacing);
    let options = Options { listen: "127.0.0.1:0".parse()?, ..Options::default() };
    let service = Service::start(options, outbox).await?;
    println!("{}", service.address());
    std::future::pending().await
}
