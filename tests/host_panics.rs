//! A panic of the host's own while it delivers: told as the host's fault, delivered again, and nobody else's trouble.

use anyhow::{Context as _, Result};
use host_harness::delivery::{Outbox, Pacing, Sandboxed, SqliteStore, State, SystemClock, Witness};
use host_harness::grant::{Exchange, Observer, audit};
use itsm_contract::answers::Event;
use itsm_contract::events::{BuildRequest, FailureEvent};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::{World, eager, event};

/// Until an event must have come to its end.
const LONGEST: Duration = Duration::from_secs(60);

/// Calls that meet the panic.
const PANICS: usize = 2;

/// An embedder's observer that panics, within the hook that sends, over the first requests of one event.
struct Clumsy {
    witness: Arc<Witness>,
    left: AtomicUsize,
}

impl Observer for Clumsy {
    fn exchanged(&self, exchange: &Exchange) {
        self.witness.exchanged(exchange);
        let is_met = exchange.key.as_deref() == Some("evt-clumsy") && exchange.method == "POST";
        let spend = |left: usize| left.checked_sub(1);
        if is_met && self.left.try_update(Ordering::SeqCst, Ordering::SeqCst, spend).is_ok() {
            panic!("an observer lost count");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_whose_request_met_a_panic_of_the_host_is_delivered_again_and_others_go_on() -> Result<()> {
    let world = World::start().await?;
    let limits = eager();
    let pacing = Pacing::new(&limits, Arc::new(SystemClock));
    let witness = Witness::new(pacing.clone());
    let clumsy = Arc::new(Clumsy { witness: witness.clone(), left: AtomicUsize::new(PANICS) });
    let hooks = Sandboxed::new(world.another("clumsy", clumsy)?, witness);
    let store = SqliteStore::open(&world.folder().join("clumsy.db"))?;
    let outbox = Outbox::builder(store, hooks).limits(limits).pacing(pacing).start().await?;

    let mut request: BuildRequest = event("build-requested")?;
    request.delivery.key = "evt-clumsy".into();
    outbox.accept(Event::BuildRequested(request), None).await?;
    let mut failure: FailureEvent = event("failure")?;
    failure.delivery.key = "evt-other".into();
    outbox.accept(Event::Failed(failure), None).await?;

    let other = outbox.wait("evt-other", LONGEST).await?.context("it is lost")?;
    assert_eq!((other.state, other.attempts), (State::Done.name(), 1), "{other:?}");
    let wait = async {
        loop {
            let status = outbox.status("evt-clumsy").await?.context("it is lost")?;
            if status.state == State::Waiting.name() {
                return anyhow::Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let status = tokio::time::timeout(LONGEST, wait).await??;
    assert_eq!(status.attempts as usize, PANICS + 1);
    assert_eq!(world.made("change_request").len(), 1, "what was sent before the panic is found again");

    let entries = audit::entries(&world.folder().join("audit-clumsy.jsonl"))?.collect::<Result<Vec<_>, _>>()?;
    let failed: Vec<_> = entries.iter().filter(|entry| entry.action == "call.failed").collect();
    assert_eq!(failed.len(), PANICS, "{entries:?}");
    for entry in failed {
        assert_eq!(entry.key.as_deref(), Some("evt-clumsy"));
        let said: Vec<_> = entry.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert!(said.contains(&("blame", "the host")), "{said:?}");
        let why = "the host could not do its part: it panicked: an observer lost count";
        assert!(said.contains(&("why", why)), "{said:?}");
    }
    outbox.stop(Duration::from_secs(1)).await;
    Ok(())
}
