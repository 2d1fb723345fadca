//! A host, a server that it may reach, and a plugin that does what it is told.

use crate::grant::audit::{Entry, entries};
use crate::grant::tests::site::Site;
use crate::grant::{AuditLog, Builder, Credential, Egress, Exchange, Grant, Observer, Usage};
use crate::guest::{bare_plugin, member, plug};
use crate::runtime::{CallError, Host, Plugin, limits::Limits};
use itsm_contract::events::BuildRequest;
use itsm_contract::types::{Build, Delivery, Image, Verdict};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

/// The hostile plugin with the hostile mapping in it, built once.
pub fn hostile() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mapping = member("hostile-mapping").unwrap();
        plug(&member("hostile-plugin").unwrap(), "the hostile mapping", &mapping).unwrap().bytes
    })
}

/// The real plugin with the hostile mapping in it.
pub fn honest_with_hostile_mapping() -> Vec<u8> {
    plug(&bare_plugin().unwrap(), "the hostile mapping", &member("hostile-mapping").unwrap()).unwrap().bytes
}

/// Compiled components of the tests, shared by all that run.
pub fn cache() -> PathBuf {
    crate::guest::stock_component().unwrap().with_file_name("compiled-for-tests")
}

/// Where a call takes place.
pub struct Scene {
    pub site: Site,
    pub folder: tempfile::TempDir,
    pub plugin: Plugin,
    pub watched: Arc<Watched>,
}

/// Remembers what was seen.
#[derive(Default)]
pub struct Watched {
    pub exchanges: Mutex<Vec<Exchange>>,
    pub calls: Mutex<Vec<Usage>>,
}

impl Observer for Watched {
    fn exchanged(&self, exchange: &Exchange) {
        self.exchanges.lock().unwrap().push(exchange.clone());
    }

    fn called(&self, _: &str, usage: &Usage) {
        self.calls.lock().unwrap().push(*usage);
    }
}

/// Sets the scene.
pub struct Setting {
    limits: Limits,
    secret: Option<String>,
    component: Vec<u8>,
    settings: String,
    origin: Option<String>,
    route: Box<dyn FnOnce(Builder) -> Builder + Send>,
}

impl Scene {
    /// With the hostile plugin.
    pub fn setting() -> Setting {
        let settings = r#"{"instance": {"url": "http://127.0.0.1", "credential": "sn"}}"#.to_owned();
        Setting {
            limits: Limits::default(),
            secret: None,
            component: hostile().to_vec(),
            settings,
            origin: None,
            route: Box::new(|grant| grant),
        }
    }

    /// Has the plugin run a script, and gives its report.
    pub async fn run(&self, script: &str) -> Result<String, CallError> {
        let gate = self.plugin.on_build_requested(&request(script)).await?.unwrap();
        let Verdict::Cancel(report) = gate.verdict else { panic!("{gate:?}") };
        Ok(report)
    }

    /// Has it send a request to the granted origin.
    pub async fn get(&self, path: &str) -> Result<String, CallError> {
        self.run(&format!("send\tGET\thttp\t{}\t{path}", self.site.authority())).await
    }

    pub fn audit(&self) -> Vec<Entry> {
        entries(&self.folder.path().join("audit.jsonl")).unwrap().collect::<Result<_, _>>().unwrap()
    }

    pub fn usage(&self) -> Usage {
        *self.watched.calls.lock().unwrap().last().unwrap()
    }
}

impl Setting {
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    pub fn credential(mut self, secret: &str) -> Self {
        self.secret = Some(secret.into());
        self
    }

    pub fn component(mut self, component: Vec<u8>) -> Self {
        self.component = component;
        self
    }

    pub fn settings(mut self, settings: &str) -> Self {
        self.settings = settings.into();
        self
    }

    /// Grants something else besides.
    pub fn route(mut self, route: impl FnOnce(Builder) -> Builder + Send + 'static) -> Self {
        self.route = Box::new(route);
        self
    }

    /// Grants this origin instead of the site's, and what else the way to it needs.
    pub fn way(mut self, origin: &str, route: impl FnOnce(Builder) -> Builder + Send + 'static) -> Self {
        self.origin = Some(origin.into());
        self.route = Box::new(route);
        self
    }

    pub async fn start(self) -> Scene {
        let host = Host::new(self.limits.clone()).unwrap().with_cache(&cache()).unwrap();
        self.on(&host).await
    }

    pub async fn on(self, host: &Host) -> Scene {
        let site = Site::start().await;
        let folder = tempfile::tempdir().unwrap();
        let log = Arc::new(AuditLog::open(&folder.path().join("audit.jsonl")).unwrap());
        let watched = Arc::new(Watched::default());
        let origin = self.origin.unwrap_or_else(|| site.url());
        let settings = self.settings.replace("http://127.0.0.1", &origin);
        let grant = Grant::builder(settings, Egress::to(&origin).unwrap(), log).observer(watched.clone());
        let grant = grant.limits(&self.limits);
        let mut grant = (self.route)(grant);
        if let Some(secret) = self.secret {
            let path = folder.path().join("secret");
            std::fs::File::create(&path).unwrap().write_all(secret.as_bytes()).unwrap();
            grant = grant.credential(Credential::parse(&format!("sn=file:{}", path.display())).unwrap());
        }
        let loaded = host.load_bytes("the plugin", &self.component).unwrap().with_limits(self.limits);
        let plugin = loaded.plugin(grant.build().unwrap()).unwrap();
        Scene { site, folder, plugin, watched }
    }
}

/// A request for a build whose id is a script.
pub fn request(script: &str) -> BuildRequest {
    let image = Image { name: "rhel-9".into(), version: "1".into(), digest: None, format: None, location: None };
    BuildRequest {
        delivery: Delivery { key: "event-1".into(), attempt: 1, occurred_at: 1_764_000_000_000, given_up_at: None },
        build: Build { id: script.into(), image, requested_by: None, source_revision: None, url: None },
        environment: None,
        systems: Vec::new(),
        change_number: None,
        schedule: None,
        labels: Vec::new(),
    }
}
