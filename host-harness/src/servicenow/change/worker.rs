//! Work that the Change Management API answers with 202: affected CIs, impacted services, schedules.

use super::schedule::free_slots;
use crate::servicenow::clock::database_time;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::caller::Caller;
use crate::servicenow::engine::display::local_time;
use crate::servicenow::engine::refusal::Refusal;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

/// How far a worker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Not begun: it is done when it has been read so many times.
    Waiting(u32),
    /// Begun: it is done when it has been read so many times more.
    Running(u32),
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
        /// The change, where it is one's.
        change: String,
        /// The CI whose schedule counts.
        ci: String,
        /// How long.
        duration: SignedDuration,
        /// From when.
        from: Timestamp,
        /// Sets the change's planned dates to the first slot.
        update: bool,
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
    pub caller: Caller,
    /// What went wrong.
    pub errors: Vec<String>,
    /// What may be wrong.
    pub warnings: Vec<String>,
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
            Progress::Running(_) => (2, "In-Progress"),
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
            json!({
                "errorMessages": self.errors,
                "warningMessages": self.warnings,
                "infoMessages": self.infos,
            }),
        );
        if let Some(payload) = &self.payload {
            rendered.insert("payload".into(), payload.clone());
        }
        Value::Object(rendered)
    }
}

impl Engine {
    /// Hires a worker; it begins after the reply.
    pub fn hire(&mut self, caller: &Caller, kind: &str, request: &Value, job: Job) -> Worker {
        let worker = Worker {
            sys_id: self.fresh_sys_id(),
            request: request.to_string(),
            kind: kind.to_owned(),
            progress: Progress::Waiting(self.properties.worker_reads_until_done),
            job,
            caller: caller.clone(),
            errors: Vec::new(),
            warnings: Vec::new(),
            infos: Vec::new(),
            payload: None,
        };
        self.workers.insert(worker.sys_id.clone(), worker.clone());
        worker
    }

    /// A worker, read by a client: one that is slow comes nearer to its end by it.
    pub fn read_worker(&mut self, sys_id: &str) -> Option<Worker> {
        let worker = self.workers.get_mut(sys_id)?;
        worker.progress = match worker.progress {
            Progress::Waiting(reads) | Progress::Running(reads) => Progress::Running(reads.saturating_sub(1)),
            done => done,
        };
        Some(worker.clone())
    }

    /// Lets every worker work whose time has come.
    pub fn run_workers(&mut self) {
        let ready: Vec<Worker> = self
            .workers
            .values()
            .filter(|worker| matches!(worker.progress, Progress::Waiting(0 | 1) | Progress::Running(0 | 1)))
            .cloned()
            .collect();
        for mut worker in ready {
            let done = self.work(&mut worker);
            worker.progress = match done {
                Ok(()) if worker.errors.is_empty() => Progress::Complete,
                Ok(()) => Progress::Error,
                Err(refusal) => {
                    worker.errors.push(refusal.detail().unwrap_or_else(|| refusal.message()));
                    Progress::Error
                }
            };
            self.workers.insert(worker.sys_id.clone(), worker);
        }
    }

    fn work(&mut self, worker: &mut Worker) -> Result<(), Refusal> {
        let caller = worker.caller.clone();
        match worker.job.clone() {
            Job::AddCis { change, association, cis, refresh } => {
                let (table, column) = association_table(&association);
                for ci in cis {
                    let known = self.having(table, "task", &change).iter().any(|row| row.get(column) == ci);
                    if self.get("cmdb_ci", &ci).is_none() {
                        worker.errors.push(format!("Invalid CMDB_CI sys_id provided: {ci}"));
                    } else if known {
                        worker.warnings.push(format!("CMDB_CI sys_id already associated with the change: {ci}"));
                    } else {
                        self.create(&caller, table, &[("task", &change), (column, &ci)])?;
                    }
                }
                if refresh {
                    self.refresh_impacted(&caller, &change)?;
                }
            }
            Job::RefreshImpacted { change } => self.refresh_impacted(&caller, &change)?,
            Job::Schedule { change, ci, duration, from, update } => {
                let slots = free_slots(self, &change, &ci, from, duration);
                let Some((start, end)) = slots.first().copied() else {
                    let days = self.properties.schedule_window_days;
                    worker.errors.push(format!("No slots found for {days} days from now"));
                    return Ok(());
                };
                if update {
                    if let Some(record) = self.get("change_request", &change).cloned() {
                        let planned =
                            record.with("start_date", database_time(start)).with("end_date", database_time(end));
                        self.alter(&caller, planned, Vec::new())?;
                    }
                    worker.infos.push("Change has been updated".into());
                } else {
                    let moment = |at: Timestamp| {
                        let value = database_time(at);
                        json!({ "value": value, "display_value": local_time(&caller, &value) })
                    };
                    let spans: Vec<Value> = slots
                        .into_iter()
                        .map(|(start, end)| json!({ "start": moment(start), "end": moment(end) }))
                        .collect();
                    worker.payload = Some(json!({ "spans": spans }));
                }
            }
        }
        Ok(())
    }

    /// The services that depend on a change's CIs, one step away.
    fn refresh_impacted(&mut self, caller: &Caller, change: &str) -> Result<(), Refusal> {
        let Some(record) = self.get("change_request", change).cloned() else { return Ok(()) };
        let mut services: Vec<String> = Vec::new();
        for ci in super::conflict::cis_of(self, &record) {
            for relation in self.having("cmdb_rel_ci", "child", &ci) {
                let parent = relation.get("parent");
                if self.get("cmdb_ci_service", parent).is_some() && !services.iter().any(|known| known == parent) {
                    services.push(parent.to_owned());
                }
            }
        }
        for service in services {
            let known = self
                .having("task_cmdb_ci_service", "task", change)
                .iter()
                .any(|row| row.get("cmdb_ci_service") == service);
            if !known {
                self.create(caller, "task_cmdb_ci_service", &[("task", change), ("cmdb_ci_service", &service)])?;
            }
        }
        Ok(())
    }
}

/// The table and column that hold an association of a change with CIs.
pub fn association_table(association: &str) -> (&'static str, &'static str) {
    match association {
        "impacted" => ("task_cmdb_ci_service", "cmdb_ci_service"),
        "offering" => ("task_service_offering", "service_offering"),
        _ => ("task_ci", "ci_item"),
    }
}
