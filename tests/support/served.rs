//! `itsm-harness serve` before a world's ServiceNow, as a process of its own.

use crate::{Harness, Running, World};
use anyhow::{Context as _, Result, bail, ensure};
use host_harness::guest;
use itsm_contract::answers::Event;
use serde_json::Value;

/// Waits that take milliseconds where a host takes minutes.
const EAGER: [&str; 8] =
    ["--first-wait", "2ms", "--longest-wait", "40ms", "--first-pause", "10ms", "--longest-pause", "40ms"];

impl World {
    /// The service's command, made complete: this world's instance, and an outbox and an audit log in its folder.
    pub async fn serve(&self, harness: Harness) -> Result<Harness> {
        let component = tokio::task::spawn_blocking(guest::stock_component).await?;
        let component = component.map_err(|error| anyhow::anyhow!("{error}"))?;
        harness
            .args(["--json", "--listen", "127.0.0.1:0", "--credential", &self.credential()])
            .args(EAGER)
            .args(["--component".as_ref(), component.as_os_str()])
            .args(["--settings".as_ref(), self.settings_file()?.as_os_str()])
            .args(["--outbox".as_ref(), self.folder().join("service.db").as_os_str()])
            .args(["--audit".as_ref(), self.folder().join("service-audit.jsonl").as_os_str()])
            .log_to(&self.service_log())
    }

    /// What services have said on standard error.
    pub fn service_log(&self) -> std::path::PathBuf {
        self.folder().join("service.log")
    }
}

/// A service that runs. It is killed when dropped.
pub struct Served {
    /// Where it listens, such as `http://127.0.0.1:8470`.
    pub url: String,
    /// What it said when it was ready.
    pub ready: Value,
    running: Running,
    http: reqwest::Client,
}

impl Served {
    /// Starts it. It accepts events when this returns.
    pub async fn start(harness: Harness) -> Result<Self> {
        let (running, ready) = tokio::task::spawn_blocking(|| harness.start()).await??;
        let url = ready["url"].as_str().context("no url")?.to_owned();
        Ok(Self { url, ready, running, http: reqwest::Client::builder().build()? })
    }

    /// Hands an event in. False where the service went before it said anything: it may be stored or not.
    pub async fn send(&self, event: &Event) -> Result<bool> {
        let request = self.http.post(format!("{}/v1/events", self.url)).header("content-type", "application/json");
        match request.body(serde_json::to_vec(event)?).send().await {
            Ok(reply) if reply.status().is_success() => Ok(true),
            Ok(reply) => bail!("{}: {}", reply.status(), reply.text().await?),
            Err(_) => Ok(false),
        }
    }

    /// An event's status.
    pub async fn status(&self, key: &str) -> Result<Value> {
        self.get(&format!("/v1/events/{key}")).await.with_context(|| format!("{key} is lost"))
    }

    /// Reads JSON.
    pub async fn get(&self, path: &str) -> Result<Value> {
        Ok(serde_json::from_str(&self.text(path).await?)?)
    }

    /// Reads anything.
    pub async fn text(&self, path: &str) -> Result<String> {
        let reply = self.http.get(format!("{}{path}", self.url)).send().await?;
        ensure!(reply.status().is_success(), "{}", reply.status());
        Ok(reply.text().await?)
    }

    /// Asks for something without a body.
    pub async fn post(&self, path: &str) -> Result<Value> {
        let reply = self.http.post(format!("{}{path}", self.url)).send().await?;
        ensure!(reply.status().is_success(), "{}", reply.status());
        Ok(serde_json::from_slice(&reply.bytes().await?)?)
    }

    /// Stops it in order; its exit code.
    pub async fn stop(self) -> Result<i32> {
        tokio::task::spawn_blocking(|| self.running.terminate()).await?
    }
}
