//! A plugin and the ServiceNow that it was granted.

use anyhow::Result;
use host_harness::grant::{AuditLog, Credential, Egress, Grant, Observer};
use host_harness::guest;
use host_harness::runtime::{Host, Loaded, Plugin, limits::Limits};
use host_harness::servicenow::{self, Instance, Login, Record};
use host_harness::settings::Settings;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// The credential's file in a world's folder.
const CREDENTIAL: &str = "credential.json";

/// Both, and what they leave. Everything ends when this is dropped.
pub struct World {
    /// The plugin, with the stock mapping, in its sandbox.
    pub plugin: Plugin,
    /// The instance.
    pub servicenow: Instance,
    folder: TempDir,
    loaded: Loaded,
    settings: Settings,
    /// The settings as they are written.
    text: String,
}

/// Watches a host and sees nothing.
pub struct Nobody;

impl Observer for Nobody {}

/// What is special about a world.
pub struct Builder {
    settings: String,
    instance: servicenow::Builder,
    limits: Limits,
    credential: Option<String>,
    by_token: bool,
    mapping: Option<Vec<u8>>,
}

impl World {
    /// A world with the smallest settings that work.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// A world to be described.
    pub fn builder() -> Builder {
        Builder {
            settings: String::new(),
            instance: Instance::builder(),
            limits: Limits::default(),
            credential: None,
            by_token: false,
            mapping: None,
        }
    }

    /// Where the audit log is.
    pub fn audit(&self) -> PathBuf {
        self.folder.path().join("audit.jsonl")
    }

    /// The same plugin on another host, which is watched.
    pub fn another(&self, name: &str, observer: Arc<dyn Observer>) -> Result<Plugin> {
        let audit = AuditLog::open(&self.folder.path().join(format!("audit-{name}.jsonl")))?;
        let credential = self.folder.path().join(CREDENTIAL);
        let grant = Grant::builder(self.settings.to_json(), Egress::to(&self.servicenow.url())?, Arc::new(audit))
            .credential(Credential::parse(&format!("servicenow=file:{}", credential.display()))?)
            .observer(observer)
            .build()?;
        Ok(self.loaded.plugin(grant)?)
    }

    /// A folder that goes with this world.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its settings, as a file.
    pub fn settings_file(&self) -> Result<PathBuf> {
        let file = self.folder.path().join("settings.toml");
        std::fs::write(&file, &self.text)?;
        Ok(file)
    }

    /// Where its credential is, as the command is told.
    pub fn credential(&self) -> String {
        format!("servicenow=file:{}", self.folder.path().join(CREDENTIAL).display())
    }

    /// Somebody who acts at the instance with a password of their own, such as `beth.anglin`.
    pub fn person(&self, user: &str) -> Result<Login> {
        Ok(self.servicenow.login(user)?)
    }

    /// The records of a table that carry a `correlation_id`, so were made by the plugin.
    pub fn made(&self, table: &str) -> Vec<Record> {
        let mut records = self.servicenow.records(table);
        records.retain(|record| !record.get("correlation_id").is_empty());
        records
    }

    /// What the integration user asked for, as `METHOD path`, without the query.
    pub fn asked(&self) -> Vec<String> {
        let user = &self.servicenow.account().user;
        let requests = self.servicenow.requests();
        let ours = requests.iter().filter(|seen| seen.user.as_ref() == Some(user) || seen.target == "/oauth_token.do");
        ours.map(|seen| format!("{} {}", seen.method, seen.target.split('?').next().unwrap_or_default())).collect()
    }
}

impl Builder {
    /// Settings beside `[instance]`, as TOML.
    pub fn settings(mut self, toml: &str) -> Self {
        self.settings = toml.into();
        self
    }

    /// What is special about the instance.
    pub fn instance(mut self, change: impl FnOnce(servicenow::Builder) -> servicenow::Builder) -> Self {
        self.instance = change(self.instance);
        self
    }

    /// What one call may use up.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// A mapping component in place of the stock one.
    pub fn mapping(mut self, bytes: Vec<u8>) -> Self {
        self.mapping = Some(bytes);
        self
    }

    /// The credential, as JSON; the integration user's password without it.
    pub fn credential(mut self, json: &str) -> Self {
        self.credential = Some(json.into());
        self
    }

    /// The host logs in with a token, by OAuth client credentials, instead of a password.
    pub fn by_token(mut self) -> Self {
        self.by_token = true;
        self
    }

    /// Starts it.
    pub async fn start(self) -> Result<World> {
        let servicenow = self.instance.start().await?;
        let folder = TempDir::new()?;
        let account = servicenow.account();
        let secret = self.credential.unwrap_or_else(|| match self.by_token {
            true => json!({"client-id": account.client_id, "client-secret": account.client_secret}).to_string(),
            false => json!({"user": account.user, "password": account.password}).to_string(),
        });
        let file = folder.path().join(CREDENTIAL);
        std::fs::write(&file, secret)?;
        let url = servicenow.url();
        let text = format!("[instance]\nurl = \"{url}\"\ncredential = \"servicenow\"\n\n{}", self.settings);
        let settings = Settings::parse("settings.toml", &text)?;
        let audit = AuditLog::open(&folder.path().join("audit.jsonl"))?;
        let grant = Grant::builder(settings.to_json(), Egress::to(&url)?, Arc::new(audit))
            .credential(Credential::parse(&format!("servicenow=file:{}", file.display()))?)
            .build()?;
        let loaded = load(self.limits, self.mapping).await?;
        let plugin = loaded.plugin(grant)?;
        Ok(World { plugin, servicenow, folder, loaded, settings, text })
    }
}

/// The plugin with the stock mapping, built once and compiled once, however many tests run at once; or with another one.
async fn load(limits: Limits, mapping: Option<Vec<u8>>) -> Result<Loaded> {
    tokio::task::spawn_blocking(move || {
        let component = guest::stock_component().map_err(|error| anyhow::anyhow!("{error}"))?;
        let compiled = component.with_file_name("compiled");
        let host = Host::new(limits)?.with_cache(&compiled)?;
        Ok(match mapping {
            None => host.load(component)?,
            Some(mapping) => {
                let plugged = guest::plug(&guest::bare_plugin()?, "the mapping of this test", &mapping)?;
                host.load_bytes("the plugin of this test", &plugged.bytes)?
            }
        })
    })
    .await?
}
