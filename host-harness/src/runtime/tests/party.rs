//! The stock component with an instance of its own: honest work.

use super::scene::{Watched, request};
use crate::grant::{AuditLog, Credential, Egress, Grant};
use crate::guest::stock_component;
use crate::runtime::{Host, Plugin};
use crate::servicenow::Instance;
use itsm_contract::types::Verdict;
use serde_json::json;
use std::sync::Arc;

pub struct Party {
    pub plugin: Plugin,
    pub watched: Arc<Watched>,
    pub instance: Instance,
    _folder: tempfile::TempDir,
}

impl Party {
    pub async fn on(host: &Host) -> Self {
        let instance = Instance::builder().start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (account, secret) = (instance.account(), folder.path().join("secret"));
        let credential = json!({"user": account.user, "password": account.password}).to_string();
        std::fs::write(&secret, credential).unwrap();
        let audit = Arc::new(AuditLog::open(&folder.path().join("audit.jsonl")).unwrap());
        let settings = json!({"instance": {"url": instance.url(), "credential": "sn"}}).to_string();
        let watched = Arc::new(Watched::default());
        let grant = Grant::builder(settings, Egress::to(&instance.url()).unwrap(), audit)
            .credential(Credential::parse(&format!("sn=file:{}", secret.display())).unwrap())
            .observer(watched.clone());
        let component = std::fs::read(stock_component().unwrap()).unwrap();
        let plugin = host.load_bytes("stock", &component).unwrap().plugin(grant.build().unwrap()).unwrap();
        Self { plugin, watched, instance, _folder: folder }
    }

    /// Requests a build of its own, which waits at the gate of its change request then.
    pub async fn requests_a_build(&self, number: usize) {
        let mut event = request(&format!("build-{number}"));
        event.delivery.key = format!("event-{number}");
        let gate = self.plugin.on_build_requested(&event).await.unwrap().unwrap();
        assert!(matches!(gate.verdict, Verdict::Pause(_)) && gate.change.is_some(), "{gate:?}");
    }
}
