//! Mappings that would do harm: by themselves, and plugged into the plugin.

use host_harness::grant::audit;
use host_harness::guest::Trial;
use host_harness::guest::trial::{Field, Value};
use host_harness::runtime::CallError;
use itsm_contract::Answer;
use itsm_contract::types::{Failure, Gate};
use tests::{World, event, returning, running};

/// What becomes of a mapping that runs this code for one record.
fn said(apply: &str) -> String {
    let trial = Trial::new("`acme.wasm`", &running(apply, "").unwrap()).unwrap().with_fuel(1_000_000);
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
    let trial = Trial::new("`acme.wasm`", &running("unreachable", "").unwrap()).unwrap();
    for _ in 0..2 {
        assert!(trial.check_rules("{}").unwrap().is_ok());
        let said = trial.apply("{}", "incident", "{}", &[]).unwrap_err().to_string();
        assert_eq!(said, "`acme.wasm` panicked or trapped: wasm trap: wasm `unreachable` instruction executed");
    }
}

#[test]
fn what_a_mapping_returns_is_read_whole() {
    let trial = Trial::new("`acme.wasm`", &returning("state", "-1").unwrap()).unwrap();
    let mapped = trial.apply("{}", "incident", "{}", &[]).unwrap().unwrap();
    assert_eq!(mapped.fields, [Field { name: "state".into(), value: Value::Text("-1".into()) }]);
}

/// What a world with such a mapping does with a request, and what its log says.
struct Harmed {
    world: World,
    answer: Result<Answer<Gate>, CallError>,
}

impl Harmed {
    async fn by(mapping: anyhow::Result<Vec<u8>>, settings: &str) -> Self {
        let world = World::builder().mapping(mapping.unwrap()).settings(settings);
        let world = world.limits(|limits| limits.fuel = 50_000_000).start().await.unwrap();
        let answer = world.plugin.on_build_requested(&event("build-requested").unwrap()).await;
        Self { world, answer }
    }

    /// The plugin's own fields were sent, and the log says that the mapping failed, and how.
    fn is_forgiven(&self, why: &str) {
        assert!(matches!(self.answer, Ok(Ok(_))), "{:?}", self.answer);
        assert_eq!(self.world.made("change_request").len(), 1);
        let entries: Vec<_> = audit::entries(&self.world.audit()).unwrap().map(Result::unwrap).collect();
        let failed: Vec<_> = entries.iter().filter(|entry| entry.action == "mapping.failed").collect();
        assert_eq!(failed.len(), 1, "{entries:?}");
        assert_eq!(failed[0].details[1], ("why".to_owned(), why.to_owned()));
    }

    /// Nothing was sent, and the answer says why.
    fn is_refused(&self, why: &str) {
        let said = match &self.answer {
            Ok(Err(Failure::Misconfigured(problem))) => problem.summary.clone(),
            Err(error) => error.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(said, why);
        assert_eq!(self.world.servicenow.records("change_request").len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_loops_is_blamed_and_the_record_is_made_without_it() {
    let harmed = Harmed::by(running("(loop (br 0))", ""), "").await;
    harmed.is_forgiven("the mapping reached the limit `fuel`: 50000000 units of fuel");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_panics_is_blamed_and_the_record_is_made_without_it() {
    let harmed = Harmed::by(running("unreachable", ""), "").await;
    harmed.is_forgiven("the mapping trapped: wasm trap: wasm `unreachable` instruction executed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_eats_memory_is_blamed_and_the_record_is_made_without_it() {
    let harmed = Harmed::by(running("(loop (drop (memory.grow (i32.const 16))) (br 0))", ""), "").await;
    harmed.is_forgiven("the mapping reached the limit `memory`: 134217728 bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_grows_a_table_is_blamed_and_the_record_is_made_without_it() {
    let grows = "(loop (drop (table.grow (ref.null func) (i32.const 1000))) (br 0))";
    let harmed = Harmed::by(running(grows, "(table 1 funcref)"), "").await;
    harmed.is_forgiven("the mapping reached the limit `table-elements`: 100000 elements");
}

/// It ends well by itself, and its answer lies beyond its memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_whose_answer_is_none_is_blamed_and_the_record_is_made_without_it() {
    let harmed = Harmed::by(running("(return (i32.const -16))", ""), "").await;
    harmed.is_forgiven("the mapping trapped: wasm trap: out of bounds memory access");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_mapping_fails_the_call_where_the_settings_say_so() {
    let harmed = Harmed::by(running("unreachable", ""), "[mapping]\non-error = \"fail\"").await;
    harmed.is_refused("the mapping trapped: wasm trap: wasm `unreachable` instruction executed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_cannot_open_a_gate() {
    let fields = [
        ("approval", "approved"),
        ("state", "-1"),
        ("sys_id", "0123456789abcdef0123456789abcdef"),
        ("type", "standard"),
    ];
    for (name, value) in fields {
        let harmed = Harmed::by(returning(name, value), "").await;
        harmed.is_refused(&format!("`{name}` is not the mapping's to set"));
    }
}
