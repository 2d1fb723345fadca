//! The guest's turns: however little it does for how much of the host's time, it lets others go on, and its clock runs.
//!
//! Fuel counts what a guest does, and a call of the host's counts as one instruction, whatever it carries across: a few
//! hundred of them take seconds. So the engine's epoch ticks, and a guest that has had the processor for a whole tick
//! rests. Epochs end nothing that is within its wall clock: they tick while a guest waits for ServiceNow too.

use super::limit::{Limit, LimitHit};
use super::meter::Meter;
use super::sandbox::Sandbox;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::{Engine, Store, UpdateDeadline};

/// Between two ticks: for how long a guest has the processor. Others wait so long at worst, for each busy guest before them.
const TICK: Duration = Duration::from_millis(10);
/// How long it rests then. More than nothing, so that a worker with none but busy guests looks at the network between
/// them: it would only after some sixty turns otherwise.
const REST: Duration = Duration::from_millis(1);

/// Lets an engine tick, as long as there is one.
pub(super) fn begin(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let ticks = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("guests' ticks".into()).spawn(ticks).map(drop)
}

/// Has a store's guest rest after each turn, and end with its wall clock. It ends where it is, so that the trace tells
/// whose code that was.
pub(super) fn keep(store: &mut Store<Sandbox>) {
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|context| {
        let meter = &context.data().meter;
        match meter.turn() {
            _ if meter.is_over() => Err(LimitHit(Limit::WallClock).into()),
            turn if turn < TICK => Ok(UpdateDeadline::Continue(1)),
            _ => Ok(UpdateDeadline::YieldCustom(1, Box::pin(rest(Arc::clone(meter))))),
        }
    });
}

async fn rest(meter: Arc<Meter>) {
    let _resting = meter.resting();
    tokio::time::sleep(REST).await;
}
