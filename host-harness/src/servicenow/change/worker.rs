//! Work that the Change Management API answers with 202: affected CIs, impacted services, schedules.

use serde_json::{Map, Value, json};

/// How far a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not begun: it is done after so many more reads.
    Waiting(u32),
    /// Done.
    Complete,
    /// Failed.
    Error,
}

/// What a worker does once it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Attaches CIs to a change.
    AddCis {
        /// The change.
        change: String,
        /// `affected`, `impacted` or `offering`.
        association: String,
        /// The CIs.
        cis: Vec<String>,
        /// Refreshes the impacted services too.
        refresh: bool,
    },
    /// Works out the impacted services of a change.
    RefreshImpacted {
        /// The change.
        change: String,
    },
    /// Looks for free slots.
    Schedule {
        /// The CI whose schedule counts.
        ci: String,
        /// How long, in seconds.
        duration: i64,
        /// From when.
        from: jiff::Timestamp,
        /// The change whose planned dates are set to the first slot.
        update: Option<String>,
    },
}

/// A worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Its `sys_id`.
    pub sys_id: String,
    /// What was asked, as JSON text.
    pub request: String,
    /// `affected`, `impacted`, `offering` or `schedule`.
    pub kind: String,
    /// How far it is.
    pub progress: Progress,
    /// What it does.
    pub job: Job,
    /// Who asked.
    pub user: String,
    /// What went wrong.
    pub errors: Vec<String>,
    /// What else there is to say.
    pub infos: Vec<String>,
    /// What it found.
    pub payload: Option<Value>,
}

impl Worker {
    /// The worker as the API shows it.
    pub fn render(&self, base: &str) -> Value {
        let (value, label) = match self.progress {
            Progress::Waiting(_) => (1, "Waiting"),
            Progress::Complete => (3, "Complete"),
            Progress::Error => (4, "Error"),
        };
        let mut rendered = Map::new();
        let link = format!("{base}/api/sn_chg_rest/change/worker/{}", self.sys_id);
        rendered.insert("worker".into(), json!({ "sysId": self.sys_id, "link": link }));
        rendered.insert("request".into(), self.request.as_str().into());
        rendered.insert("state".into(), json!({ "value": value, "display_value": label }));
        rendered.insert("type".into(), self.kind.as_str().into());
        rendered.insert(
            "messages".into(),
            json!({ "errorMessages": self.errors, "warningMessages": [], "infoMessages": self.infos }),
        );
        if let Some(payload) = &self.payload {
            rendered.insert("payload".into(), payload.clone());
        }
        Value::Object(rendered)
    }
}
