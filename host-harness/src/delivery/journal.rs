//! Group commit: one thread owns the store and commits together whatever waits, so that a hundred events cost the disk
//! one flush.

use super::store::{Change, Effect, Store, StoreError};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for the thread. Who comes later waits before it, which holds back whoever floods.
const WAITING: usize = 1024;

/// Requests that one commit takes along: at a hundred a flush the disk is no longer what is slow.
const BATCH: usize = 256;

type Effects = Result<Vec<Effect>, StoreError>;

type Read = Box<dyn FnOnce(&mut dyn Store) + Send>;

enum Request {
    Commit(Vec<Change>, oneshot::Sender<Effects>),
    Read(Read),
}

/// The way to the store. Its clones lead to the same one.
#[derive(Clone)]
pub struct Journal {
    requests: mpsc::Sender<Request>,
    trouble: Arc<Trouble>,
}

/// Why the last commit failed; none where it did not.
type Trouble = Mutex<Option<StoreError>>;

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").finish_non_exhaustive()
    }
}

impl Journal {
    /// Starts the thread. It ends, and closes the store, when the last clone is dropped.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub fn start(store: Box<dyn Store>) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::channel(WAITING);
        let trouble = Arc::<Trouble>::default();
        let noted = trouble.clone();
        std::thread::Builder::new()
            .name("outbox".into())
            .spawn(move || run(store, waiting, &noted))
            .map_err(|error| StoreError::Failed(error.to_string()))?;
        Ok(Self { requests, trouble })
    }

    /// Applies changes, all or none. Durable when it returns.
    ///
    /// # Errors
    /// Nothing of it has changed then.
    pub async fn commit(&self, changes: Vec<Change>) -> Effects {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request::Commit(changes, answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Reads.
    ///
    /// # Errors
    /// As the store's.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Read(Box::new(move |store| {
            let _ = answer.send(read(store));
        }));
        self.requests.send(request).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// Why the last commit failed; none where it did not.
    pub fn trouble(&self) -> Option<StoreError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn gone() -> StoreError {
    StoreError::Failed("the thread that writes it has ended".into())
}

fn note(trouble: &Trouble, effects: &Effects) {
    *trouble.lock().unwrap_or_else(PoisonError::into_inner) = effects.as_ref().err().cloned();
}

fn run(mut store: Box<dyn Store>, mut waiting: mpsc::Receiver<Request>, trouble: &Trouble) {
    let mut batch = Vec::new();
    while let Some(first) = waiting.blocking_recv() {
        let mut next = Some(first);
        let mut reads = Vec::new();
        while let Some(request) = next {
            match request {
                Request::Commit(changes, answer) => batch.push((changes, answer)),
                Request::Read(read) => reads.push(read),
            }
            next = if batch.len() < BATCH { waiting.try_recv().ok() } else { None };
        }
        commit(store.as_mut(), &mut batch, trouble);
        for read in reads {
            read(store.as_mut());
        }
    }
}

/// One commit for all; where that fails, one for each, so that nobody fails for another's sake.
fn commit(store: &mut dyn Store, batch: &mut Vec<(Vec<Change>, oneshot::Sender<Effects>)>, trouble: &Trouble) {
    if batch.is_empty() {
        return;
    }
    let lengths: Vec<usize> = batch.iter().map(|(changes, _)| changes.len()).collect();
    let together: Vec<Change> = batch.iter_mut().flat_map(|(changes, _)| std::mem::take(changes)).collect();
    let together_effects = store.commit(&together);
    note(trouble, &together_effects);
    match together_effects {
        Ok(effects) => {
            let mut effects = effects.into_iter();
            for ((_, answer), length) in batch.drain(..).zip(lengths) {
                let _ = answer.send(Ok(effects.by_ref().take(length).collect()));
            }
        }
        Err(error) if batch.len() == 1 => {
            tracing::error!(%error, "the outbox could not be written");
            for (_, answer) in batch.drain(..) {
                let _ = answer.send(Err(error.clone()));
            }
        }
        Err(_) => {
            let mut changes = together.into_iter();
            for ((_, answer), length) in batch.drain(..).zip(lengths) {
                let own: Vec<Change> = changes.by_ref().take(length).collect();
                let effects = store.commit(&own);
                if let Err(error) = &effects {
                    tracing::error!(%error, "the outbox could not be written");
                }
                note(trouble, &effects);
                let _ = answer.send(effects);
            }
        }
    }
}
