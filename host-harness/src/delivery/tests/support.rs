//! A scripted plugin, a moved clock, and an outbox between them.

use crate::delivery::store::{Change, Cursor, Effect, Id, Record, Store, Untold};
use crate::delivery::*;
use itsm_contract::answers::{Event, Incident, Review, Waiting};
use itsm_contract::events::{BuildRequest, FailedStep, FailureEvent};
use itsm_contract::types::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// When every test begins: 2026-11-24T10:00:00Z.
pub const START: Timestamp = 1_795_514_400_000;

type Script<I, O> = Mutex<Box<dyn FnMut(&I) -> O + Send>>;

/// A plugin that answers as it is told.
pub struct Plugin {
    hook: Script<Event, Option<Called<Answer>>>,
    check: Script<(Vec<Waiting>, Option<String>), Called<Review>>,
    pub calls: Mutex<Vec<Event>>,
    pub checks: Mutex<Vec<(usize, Option<String>)>>,
    pub reviews: Mutex<Vec<(String, Waiting)>>,
    pub at_once: AtomicUsize,
    pub most_at_once: AtomicUsize,
    pub log: Log,
    pub trouble: Mutex<Option<String>>,
    /// Calls that begin together: none is answered before so many are under way.
    together: tokio::sync::Barrier,
}

/// What happened, in order.
pub type Log = Arc<Mutex<Vec<String>>>;

impl Plugin {
    pub fn new(hook: impl FnMut(&Event) -> Option<Called<Answer>> + Send + 'static) -> Arc<Self> {
        Self::together(1, hook)
    }

    pub fn together(calls: usize, hook: impl FnMut(&Event) -> Option<Called<Answer>> + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            together: tokio::sync::Barrier::new(calls),
            hook: Mutex::new(Box::new(hook)),
            check: Mutex::new(Box::new(|_| answered(Review { moved: Vec::new(), cursor: "c".into() }))),
            calls: Mutex::default(),
            checks: Mutex::default(),
            reviews: Mutex::default(),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            log: Log::default(),
            trouble: Mutex::default(),
        })
    }

    pub fn now_answers(&self, hook: impl FnMut(&Event) -> Option<Called<Answer>> + Send + 'static) {
        *self.hook.lock().unwrap() = Box::new(hook);
    }

    pub fn now_sees(&self, check: impl FnMut(&(Vec<Waiting>, Option<String>)) -> Called<Review> + Send + 'static) {
        *self.check.lock().unwrap() = Box::new(check);
    }

    /// Keys in the order in which they were called.
    pub fn keys(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|event| event::delivery(event).key.clone()).collect()
    }
}

impl Hooks for Plugin {
    fn call<'a>(&'a self, event: &'a Event) -> Call<'a, Called<Answer>> {
        Box::pin(async move {
            let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
            self.log.lock().unwrap().push(format!("call {}", event::delivery(event).key));
            self.calls.lock().unwrap().push(event.clone());
            let answer = (self.hook.lock().unwrap())(event);
            self.together.wait().await;
            let answer = match answer {
                Some(answer) => answer,
                // It hangs.
                None => std::future::pending().await,
            };
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            answer
        })
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap().clone()
    }

    fn check<'a>(&'a self, waiting: &'a [Waiting], cursor: Option<&'a str>) -> Call<'a, Called<Review>> {
        Box::pin(async move {
            let cursor = cursor.map(str::to_owned);
            self.checks.lock().unwrap().push((waiting.len(), cursor.clone()));
            (self.check.lock().unwrap())(&(waiting.to_vec(), cursor))
        })
    }

    fn review<'a>(&'a self, key: &'a str, waiting: &'a Waiting) -> Call<'a, Called<Review>> {
        Box::pin(async move {
            self.log.lock().unwrap().push(format!("review {key}"));
            self.reviews.lock().unwrap().push((key.to_owned(), waiting.clone()));
            (self.check.lock().unwrap())(&(vec![waiting.clone()], None))
        })
    }
}

/// A store that writes down what it is asked, and may be told to fail.
pub struct Watched {
    pub store: SqliteStore,
    pub log: Log,
    pub is_full: Arc<Mutex<bool>>,
}

impl Store for Watched {
    fn commit(&mut self, changes: &[Change]) -> Result<Vec<Effect>, StoreError> {
        if *self.is_full.lock().unwrap() {
            return Err(StoreError::Full);
        }
        let effects = self.store.commit(changes)?;
        for (change, effect) in changes.iter().zip(&effects) {
            self.log.lock().unwrap().push(match (change, effect) {
                (Change::Insert(new), _) => format!("insert {}", new.key),
                (Change::Start { .. }, Effect::Started(record, _)) => format!("start {}", record.key),
                (Change::Put(_, progress), _) => format!("put {}", progress.state.name()),
                (change, _) => format!("{change:?}"),
            });
        }
        Ok(effects)
    }

    fn find(&mut self, key: &str) -> Result<Option<Record>, StoreError> {
        self.store.find(key)
    }

    fn event(&mut self, id: Id) -> Result<Option<(Record, String)>, StoreError> {
        self.store.event(id)
    }

    fn unsettled(&mut self) -> Result<Vec<Record>, StoreError> {
        self.store.unsettled()
    }

    fn list(&mut self, state: State, after: Id, at_most: u32) -> Result<Vec<Record>, StoreError> {
        self.store.list(state, after, at_most)
    }

    fn untold(&mut self, now: Timestamp, at_most: u32) -> Result<(Vec<Untold>, Option<Timestamp>), StoreError> {
        self.store.untold(now, at_most)
    }

    fn cursor(&mut self) -> Result<Option<Cursor>, StoreError> {
        self.store.cursor()
    }
}

/// A running outbox with all that is around it.
pub struct Scene {
    pub outbox: Outbox,
    pub clock: ManualClock,
    pub plugin: Arc<Plugin>,
    pub folder: Arc<tempfile::TempDir>,
    pub is_full: Arc<Mutex<bool>>,
    pub pacing: Arc<Pacing>,
    limits: Limits,
}

impl Scene {
    pub async fn with(plugin: Arc<Plugin>) -> Self {
        Self::limited(plugin, Limits::default()).await
    }

    pub async fn limited(plugin: Arc<Plugin>, limits: Limits) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        Self::open(plugin, limits, folder, ManualClock::at(START)).await
    }

    async fn open(plugin: Arc<Plugin>, limits: Limits, folder: Arc<tempfile::TempDir>, clock: ManualClock) -> Self {
        let file = folder.path().join("outbox.db");
        let store = loop {
            // The one before lets go of the file when its last task has ended.
            match SqliteStore::open(&file) {
                Err(StoreError::InUse(_)) => tokio::time::sleep(Duration::from_millis(1)).await,
                store => break store.unwrap(),
            }
        };
        let is_full = Arc::new(Mutex::new(false));
        let store = Watched { store, log: plugin.log.clone(), is_full: is_full.clone() };
        let client = crate::delivery::tests::telling::client();
        let pacing = Pacing::new(&limits, Arc::new(clock.clone()));
        pacing.seed(42);
        let outbox = Outbox::builder(store, plugin.clone())
            .limits(limits.clone())
            .clock(Arc::new(clock.clone()))
            .pacing(pacing.clone())
            .callbacks(client)
            .start()
            .await
            .unwrap();
        Self { outbox, clock, plugin, folder, is_full, pacing, limits }
    }

    /// The host goes without a word, and comes back with this plugin.
    pub async fn restarted(self, plugin: Arc<Plugin>) -> Self {
        let Self { outbox, clock, folder, limits, .. } = self;
        drop(outbox);
        Self::open(plugin, limits, folder, clock).await
    }

    pub async fn accept(&self, event: Event) -> Status {
        self.outbox.accept(event, None).await.unwrap().status().clone()
    }

    pub async fn status(&self, key: &str) -> Status {
        self.outbox.status(key).await.unwrap().unwrap()
    }

    /// Waits for it, time standing still.
    pub async fn until(&self, mut holds: impl AsyncFnMut(&Self) -> bool) {
        while !holds(self).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    pub async fn until_state(&self, key: &str, state: State) -> Status {
        self.until(async |scene| scene.status(key).await.state == state.name()).await;
        self.status(key).await
    }

    /// Lets time pass, from one alarm to the next and while nothing is under way, until it holds.
    pub async fn while_time_passes(&self, mut holds: impl AsyncFnMut(&Self) -> bool) {
        while !holds(self).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let wake = self.clock.next_wake().filter(|_| self.outbox.depth().in_flight == 0);
            if let Some(at) = wake {
                self.clock.advance(Duration::from_millis(at.saturating_sub(self.clock.now())));
            }
        }
    }
}

pub fn answered<T>(answer: T) -> Called<T> {
    Called { outcome: Ok(answer), requests: 3 }
}

pub fn problem(code: &str) -> Problem {
    Problem { code: code.into(), summary: format!("{code} happened"), remedy: "wait".into(), detail: None }
}

pub fn retry<T>(retry_after_ms: Option<u64>) -> Called<T> {
    failed(Failure::Retry(Later { problem: problem("away"), retry_after_ms }))
}

pub fn failed<T>(failure: Failure) -> Called<T> {
    Called { outcome: Err(Trouble::Failed(failure)), requests: 1 }
}

pub fn incident() -> Answer {
    let ticket = ticket("i1");
    Answer::Incident(Some(Incident { ticket, outcome: ItemOutcome::Created }))
}

pub fn ticket(id: &str) -> Ticket {
    Ticket { kind: "change_request".into(), id: id.into(), number: format!("N-{id}"), url: String::new(), key: None }
}

pub fn proceed(change: &str) -> Gate {
    let clearance = Clearance { reason: "approved by Ada".into(), by_policy: false, seal: None };
    Gate { verdict: Verdict::Proceed(clearance), ..pause(change, 0, None) }
}

pub fn pause(change: &str, check_after: Timestamp, expires_at: Option<Timestamp>) -> Gate {
    Gate {
        change: Some(ticket(change)),
        verdict: Verdict::Pause(Pause { waiting_for: vec!["CAB".into()], check_after, expires_at }),
        approvals: Vec::new(),
        window: None,
    }
}

fn build(id: &str) -> Build {
    let image = Image { name: "rhel-9".into(), version: "1".into(), digest: None, format: None, location: None };
    Build { id: id.into(), image, requested_by: None, source_revision: None, url: None }
}

fn delivery(key: &str) -> Delivery {
    Delivery { key: key.into(), attempt: 1, occurred_at: START, given_up_at: None }
}

/// A failure of this build.
pub fn failure(key: &str, build_id: &str) -> Event {
    Event::Failed(FailureEvent {
        delivery: delivery(key),
        build: build(build_id),
        step: FailedStep::Build,
        thing: None,
        message: "no space left".into(),
        environment: None,
        systems: Vec::new(),
        tests: None,
        change: None,
        log_url: None,
        labels: Vec::new(),
    })
}

/// A request for this build.
pub fn request(key: &str, build_id: &str) -> Event {
    Event::BuildRequested(BuildRequest {
        delivery: delivery(key),
        build: build(build_id),
        environment: None,
        systems: Vec::new(),
        change_number: None,
        schedule: None,
        labels: Vec::new(),
    })
}

/// An event's key.
pub fn key(event: &Event) -> String {
    event::delivery(event).key.clone()
}
