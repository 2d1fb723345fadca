//! The targets under libFuzzer. `FUZZ_TARGET` names one; the arguments are libFuzzer's own.

#![no_main]
#![allow(unsafe_code, reason = "libFuzzer calls a function by its name")]

use fuzz::{TARGETS, Target};
use std::sync::LazyLock;

static TARGET: LazyLock<&Target> = LazyLock::new(|| {
    let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    TARGETS.iter().find(|target| target.name == wanted).copied().unwrap_or_else(|| {
        eprintln!("set FUZZ_TARGET to one of {}", known.join(", "));
        std::process::exit(2)
    })
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| (TARGET.check)(input));
