//! Free slots for a change: spans of the asked length that no blackout and no other change stands in.

use super::conflict;
use crate::servicenow::clock::database_time;
use crate::servicenow::engine::Engine;
use jiff::{SignedDuration, Timestamp};

/// Slots told at most: people choose from a handful.
const MOST_SLOTS: usize = 5;
/// How far the search moves on where a span is taken.
const STEP: SignedDuration = SignedDuration::from_mins(15);

/// The first free slots, as (start, end).
pub fn free_slots(
    engine: &Engine,
    change: &str,
    ci: &str,
    from: Timestamp,
    duration: SignedDuration,
) -> Vec<(Timestamp, Timestamp)> {
    let days = SignedDuration::from_hours(24 * engine.properties.schedule_window_days.max(0));
    let until = from.checked_add(days).unwrap_or(Timestamp::MAX);
    let cis = [ci.to_owned()];
    let mut slots = Vec::new();
    let mut start = from;
    while start < until && slots.len() < MOST_SLOTS {
        let Ok(end) = start.checked_add(duration) else { break };
        let taken = conflict::detect(engine, change, &cis, &database_time(start), &database_time(end));
        let step = if taken.is_empty() {
            slots.push((start, end));
            duration
        } else {
            STEP
        };
        match start.checked_add(step) {
            Ok(next) if next > start => start = next,
            _ => break,
        }
    }
    slots
}
