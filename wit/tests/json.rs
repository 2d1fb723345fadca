//! The JSON form of events and answers.

#![allow(clippy::unwrap_used)] // A helper of tests is no test to the lint.

use itsm_contract::answers::{Review, Reviewed};
use itsm_contract::events::{BuildRequest, Content, DeployPhase, FailureEvent};
use itsm_contract::types::{Failure, Gate, Later, Problem, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};

const REQUEST: &str = r#"{
    "delivery": {"key": "evt-1", "attempt": 1, "occurred-at": "2026-11-24T16:20:00.500Z"},
    "build": {"id": "b-1", "image": {"name": "rhel-9", "version": "1"}},
    "systems": [{"name": "web-1", "kind": "virtual", "identifiers": {"mac-address": ["aa", "bb"], "fqdn": "web-1.x"}}],
    "labels": {}
}"#;

fn request() -> Value {
    serde_json::from_str(REQUEST).unwrap()
}

#[test]
fn an_event_reads_from_the_contracts_own_names() {
    let read: BuildRequest = serde_json::from_str(REQUEST).unwrap();
    assert_eq!(read.delivery.occurred_at, 1_795_537_200_500);
    assert_eq!(read.schedule, None);
    let identifiers = [("mac-address", "aa"), ("mac-address", "bb"), ("fqdn", "web-1.x")];
    let identifiers: Vec<_> = identifiers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(read.systems[0].identifiers, identifiers);
    assert_eq!(serde_json::from_str::<BuildRequest>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
}

#[test]
fn an_unknown_or_missing_field_is_named() {
    let mut unknown = request();
    unknown["build"]["imgae"] = json!(1);
    let error = serde_json::from_value::<BuildRequest>(unknown).unwrap_err().to_string();
    assert!(error.contains("unknown field `imgae`"), "{error}");
    let mut missing = request();
    missing["build"].as_object_mut().unwrap().remove("id");
    let error = serde_json::from_value::<BuildRequest>(missing).unwrap_err().to_string();
    assert!(error.contains("missing field `id`"), "{error}");
    let error = serde_json::from_str::<FailureEvent>("{}").unwrap_err().to_string();
    assert!(error.contains("missing field `delivery`"), "{error}");
}

#[test]
fn a_time_that_is_none_is_refused_with_an_example() {
    let mut wrong = request();
    wrong["delivery"]["occurred-at"] = json!("yesterday");
    let error = serde_json::from_value::<BuildRequest>(wrong).unwrap_err().to_string();
    assert!(error.contains("`yesterday` is no time since 1970: write RFC 3339"), "{error}");
}

#[test]
fn a_case_is_its_name_or_its_name_and_value() {
    let phases = [
        (json!("succeeded"), DeployPhase::Succeeded),
        (json!({"cancelled": "no slot"}), DeployPhase::Cancelled("no slot".into())),
    ];
    for (text, phase) in phases {
        assert_eq!(serde_json::from_value::<DeployPhase>(text.clone()).unwrap(), phase);
        assert_eq!(serde_json::to_value(&phase).unwrap(), text);
    }
    let bytes = serde_json::to_value(Content::Bytes(b"hi".to_vec())).unwrap();
    assert_eq!(bytes, json!({"bytes": "aGk="}));
}

#[test]
fn an_answer_is_the_value_itself_or_a_failure() {
    let problem = Problem { code: "c".into(), summary: "s".into(), remedy: "r".into(), detail: None };
    let later = Failure::Retry(Later { problem, retry_after_ms: Some(5) });
    let gate = Gate { change: None, verdict: Verdict::Cancel("no".into()), approvals: vec![], window: None };
    let review = Review {
        moved: vec![
            Reviewed { change: "a".into(), answer: Ok(gate) },
            Reviewed { change: "b".into(), answer: Err(later) },
        ],
        cursor: "c".into(),
    };
    let written = serde_json::to_value(&review).unwrap();
    assert_eq!(written["moved"][0]["answer"]["verdict"], json!({"cancel": "no"}));
    assert_eq!(written["moved"][1]["answer"]["failure"]["retry"]["retry-after-ms"], json!(5));
    assert_eq!(serde_json::from_value::<Review>(written).unwrap(), review);
}

#[test]
fn times_are_rfc_3339_with_any_offset_and_fraction() {
    use itsm_contract::json::time::parse;
    let noon = Some(1_795_521_600_000);
    assert_eq!(parse("2026-11-24T12:00:00Z"), noon);
    assert_eq!(parse("2026-11-24T14:00:00+02:00"), noon);
    assert_eq!(parse("2026-11-24t06:30:00-05:30"), noon);
    assert_eq!(parse("2026-11-24T12:00:00.25Z"), noon.map(|noon| noon + 250));
    assert_eq!(parse("2026-11-24T12:00:00.1239999Z"), noon.map(|noon| noon + 123));
    for wrong in [
        "",
        "2026-11-24",
        "2026-11-24T12:00:00",
        "2026-13-24T12:00:00Z",
        "2026-11-24T12:00:00.Z",
        "1969-12-31T00:00:00Z",
    ] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}

#[test]
fn the_last_moment_is_written_and_what_lies_beyond_is_written_as_that() {
    let gate = |start, end| {
        let window = Some(itsm_contract::types::Window { start, end });
        let gate = Gate { change: None, verdict: Verdict::Cancel("no".into()), approvals: vec![], window };
        serde_json::to_value(&gate).unwrap()["window"].clone()
    };
    let last = "9999-12-31T23:59:59.999Z";
    assert_eq!(gate(253_402_300_799_000, u64::MAX), json!({"start": "9999-12-31T23:59:59Z", "end": last}));
    assert_eq!(itsm_contract::json::time::parse(last), Some(253_402_300_799_999));
}

proptest! {
    #[test]
    fn a_time_reads_back_as_it_was_written(time in 0u64..253_402_300_800_000) {
        let written = itsm_contract::json::time::text(time).unwrap();
        prop_assert_eq!(itsm_contract::json::time::parse(&written), Some(time));
        // jiff's own timestamps end a day and two hours earlier, for the sake of every offset.
        if let Ok(same) = written.parse::<jiff::Timestamp>() {
            prop_assert_eq!(same.as_millisecond(), time as i64);
        }
    }

    #[test]
    fn no_time_panics(text in ".{0,40}") {
        let _ = itsm_contract::json::time::parse(&text);
    }

    #[test]
    fn attributes_keep_every_value(pairs in proptest::collection::vec(("[a-c]", ".{0,8}"), 0..8)) {
        let mut request: BuildRequest = serde_json::from_value(request()).unwrap();
        request.labels = pairs.clone();
        let read: BuildRequest = serde_json::from_value(serde_json::to_value(&request).unwrap()).unwrap();
        let of = |labels: &[(String, String)], name: &str| -> Vec<String> {
            labels.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect()
        };
        for name in ["a", "b", "c"] {
            prop_assert_eq!(of(&read.labels, name), of(&pairs, name));
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = serde_json::from_str::<BuildRequest>(&text);
    }
}
