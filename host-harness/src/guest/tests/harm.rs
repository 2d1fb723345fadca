//! Mappings that would do harm, each in a sandbox of its own.

use super::support::{returning, running};
use crate::guest::Trial;
use crate::guest::trial::{Field, Value};

/// What becomes of a mapping that runs this code for one record.
fn said(apply: &str) -> String {
    let trial = Trial::new("`acme.wasm`", &running(apply, "")).unwrap().with_fuel(1_000_000);
    trial.apply("{}", "incident", "{}", &[]).unwrap_err().to_string()
}

#[test]
fn a_mapping_that_loops_is_stopped() {
    assert_eq!(
        said("(loop (br 0))"),
        "`acme.wasm` does not come to an end: it used up 1000000 units of fuel over one record; look for a loop"
    );
}

#[test]
fn a_mapping_that_eats_memory_is_stopped() {
    assert_eq!(
        said("(loop (drop (memory.grow (i32.const 16))) (br 0))"),
        "`acme.wasm` wants more than 128 MiB of memory over one record; look for a list that grows"
    );
}

#[test]
fn a_mapping_that_panics_is_told_with_its_trap() {
    assert_eq!(
        said("unreachable"),
        "`acme.wasm` panicked or trapped: wasm trap: wasm `unreachable` instruction executed"
    );
}

#[test]
fn a_mapping_that_recurses_without_end_is_stopped() {
    let said = said(
        "(return (call 1 (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))",
    );
    assert_eq!(said, "`acme.wasm` panicked or trapped: wasm trap: call stack exhausted");
}

#[test]
fn one_record_that_traps_does_not_spoil_the_next() {
    let trial = Trial::new("`acme.wasm`", &running("unreachable", "")).unwrap();
    for _ in 0..2 {
        assert!(trial.check_rules("{}").unwrap().is_ok());
        let said = trial.apply("{}", "incident", "{}", &[]).unwrap_err().to_string();
        assert_eq!(said, "`acme.wasm` panicked or trapped: wasm trap: wasm `unreachable` instruction executed");
    }
}

#[test]
fn what_a_mapping_returns_is_read_whole() {
    let trial = Trial::new("`acme.wasm`", &returning("state", "-1")).unwrap();
    let mapped = trial.apply("{}", "incident", "{}", &[]).unwrap().unwrap();
    assert_eq!(mapped.fields, [Field { name: "state".into(), value: Value::Text("-1".into()) }]);
}
