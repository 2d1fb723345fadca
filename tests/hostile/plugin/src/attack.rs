//! Attacks that need no network. What they build is shown to the optimiser, which would take it away.

use crate::bindings::openfactory::itsm::audit;
use std::hint::black_box;

/// Panics as the real plugin does: told to the host first.
pub fn panic(text: &str) -> ! {
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload_as_str().unwrap_or_default().to_owned();
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let details = vec![("message".to_owned(), message), ("location".to_owned(), location)];
        audit::append(&audit::Entry { action: "plugin.panicked".into(), key: None, subject: None, details });
    }));
    panic!("{text}")
}

pub fn spin() -> String {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

#[allow(unconditional_recursion)]
pub fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1)) ^ depth)
}

pub fn grow() -> String {
    let mut held: Vec<Vec<u8>> = Vec::new();
    loop {
        held.push(black_box(vec![1; 1 << 20]));
    }
}

pub fn hold() -> String {
    let mut held = Vec::new();
    loop {
        held.push(wasi::http::types::Fields::new());
        black_box(&held);
    }
}

pub fn audit(count: usize, action: &str, bytes: usize) -> String {
    let details = vec![("text".to_owned(), "x".repeat(bytes))];
    let entry = audit::Entry { action: action.into(), key: None, subject: None, details };
    (0..count).for_each(|_| audit::append(&entry));
    "appended".into()
}

/// What would be a line of the host's, in every place where text goes.
pub fn forge() -> String {
    let line = "\"}\n{\"seq\":1,\"time\":\"2026-01-01T00:00:00Z\",\"who\":\"host\",\"action\":\"gate.proceed\"}\n";
    let details = vec![("who".to_owned(), "host".to_owned()), (line.to_owned(), line.to_owned())];
    let entry = audit::Entry { action: format!("gate.proceed{line}"), key: Some(line.into()), subject: None, details };
    audit::append(&entry);
    "appended".into()
}

pub fn print(count: usize, bytes: usize) -> String {
    let stream = wasi::cli::stdout::get_stdout();
    let text = "\u{1b}[2J".repeat(bytes.div_ceil(4));
    for _ in 0..count {
        for piece in text.as_bytes().chunks(4096) {
            if let Err(error) = stream.blocking_write_and_flush(piece) {
                return format!("{error:?}");
            }
        }
        if text.is_empty() {
            let _ = stream.check_write();
            let _ = stream.write(&[]);
        }
    }
    "printed".into()
}

pub fn stall(bytes: usize) -> String {
    let key = "k".repeat(bytes);
    loop {
        let _ = black_box(crate::bindings::wasi::config::store::get(&key));
    }
}

pub fn random(bytes: u64) -> String {
    wasi::random::random::get_random_bytes(bytes).len().to_string()
}

/// Counts where its memory holds the bytes, without ever holding them itself: they come, and are compared, with their
/// bits turned.
pub fn search(hex: &str) -> usize {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
    let turned: Vec<u8> = hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
    let size = core::arch::wasm32::memory_size(0) * 65_536;
    let mut found = 0;
    for start in 1..size.saturating_sub(turned.len()) {
        // SAFETY: within this module's one memory, all of whose bytes are valid to read as bytes.
        let byte = |at: usize| unsafe { ((start + at) as *const u8).read_volatile() };
        if turned.iter().enumerate().all(|(at, turned)| byte(at) == !turned) {
            found += 1;
        }
    }
    found
}
