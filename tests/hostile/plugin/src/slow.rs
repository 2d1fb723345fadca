//! Attacks on the host's patience: what is begun and not gone on with, had and not taken.

use crate::http::{Future, request};
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::http::outgoing_handler;
use wasi::http::types::Fields;

/// Nanoseconds of a rest.
const REST: u64 = 200_000_000;

/// Rests without end: no instruction runs, so no fuel is used.
fn rest() -> ! {
    loop {
        subscribe_duration(REST).block();
    }
}

/// A request that was answered.
fn answered(authority: &str, path: &str) -> Option<Future> {
    let request = request("GET", "http", authority, path, Fields::new()).ok()?;
    let future = outgoing_handler::handle(request, None).ok()?;
    future.subscribe().block();
    Some(future)
}

pub fn dawdle(authority: &str, path: &str) -> String {
    let Ok(request) = request("POST", "http", authority, path, Fields::new()) else { return "invalid".into() };
    let Ok(body) = request.body() else { return "no body".into() };
    let _future = outgoing_handler::handle(request, None);
    let Ok(stream) = body.write() else { return "no stream".into() };
    match stream.blocking_write_and_flush(b"and then") {
        Ok(()) => rest(),
        Err(error) => format!("{error:?}"),
    }
}

pub fn sip(authority: &str, path: &str) -> String {
    let Some(future) = answered(authority, path) else { return "no reply".into() };
    let Some(Ok(Ok(reply))) = future.get() else { return "no reply".into() };
    let Ok(body) = reply.consume() else { return "no body".into() };
    let Ok(stream) = body.stream() else { return "no stream".into() };
    let mut taken = 0;
    while let Ok(piece) = stream.blocking_read(1) {
        taken += piece.len();
        subscribe_duration(REST).block();
    }
    format!("all {taken} bytes of it")
}

pub fn ignore(authority: &str, path: &str) -> String {
    match answered(authority, path) {
        Some(_future) => rest(),
        None => "no reply".into(),
    }
}

pub fn hoard(count: usize, authority: &str, path: &str) -> String {
    let held: Vec<_> = (0..count).filter_map(|_| answered(authority, path)).collect();
    format!("holds {} replies", held.len())
}
