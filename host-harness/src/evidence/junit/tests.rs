//! Reports of several runners, and reports that are none.

use super::*;
use proptest::prelude::*;

/// As pytest writes it.
const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="0" failures="1" skipped="1" tests="4" time="3.250">
<testcase classname="tests.test_boot" name="test_kvm" time="1.500"><properties><property name="required" value="true"/></properties></testcase>
<testcase classname="tests.test_cis" name="test_level_1" time="1.25"><failure message="3 of 212 rules do not hold &amp; more">
Traceback (most recent call last)</failure></testcase>
<testcase classname="tests.test_boot" name="test_uefi" time="0.000"><skipped type="pytest.skip" message="no firmware">x</skipped></testcase>
<testcase classname="tests.test_boot" name="test_bios" time="0.5" />
</testsuite></testsuites>"#;

#[test]
fn a_report_of_pytest_is_summed_up() {
    let tests = summary(PYTEST.as_bytes()).unwrap();
    assert_eq!((tests.passed, tests.failed, tests.skipped, tests.duration_ms), (2, 1, 1, 3250));
    let named: Vec<_> = tests.checks.iter().map(|check| (check.name.as_str(), check.required, check.outcome)).collect();
    assert_eq!(
        named,
        [
            ("tests.test_boot.test_kvm", true, CheckOutcome::Passed),
            ("tests.test_cis.test_level_1", false, CheckOutcome::Failed),
        ]
    );
    assert_eq!(tests.checks[1].detail.as_deref(), Some("3 of 212 rules do not hold & more"));
}

#[test]
fn a_single_suite_with_errors_and_nested_suites_are_understood() {
    let tests = summary(
        br#"<testsuite name="outer"><testsuite name="inner">
                <testcase name="a" time="1,000.5"><error><![CDATA[

                    boom
                    at line 3]]></error><system-out>noise</system-out></testcase>
                <testcase name="b"><failure/></testcase><testcase name="c"/></testsuite></testsuite>"#,
    )
    .unwrap();
    assert_eq!((tests.passed, tests.failed, tests.skipped, tests.duration_ms), (1, 2, 0, 1_000_500));
    assert_eq!(tests.checks[0].detail.as_deref(), Some("boom"));
    assert_eq!(tests.checks[1].detail, None);
}

#[test]
fn a_disabled_test_of_googletest_did_not_run() {
    let tests = summary(
        b"<testsuites><testsuite><testcase name='a' status='run' result='completed'/>
                <testcase name='b' status='notrun' result='suppressed'/></testsuite></testsuites>",
    )
    .unwrap();
    assert_eq!((tests.passed, tests.skipped), (1, 1));
}

#[test]
fn entities_are_not_expanded_and_depth_costs_nothing() {
    let bomb = b"<!DOCTYPE t [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>
            <testsuite><testcase name='a'><failure>&b;&b; boom</failure></testcase></testsuite>";
    assert_eq!(summary(bomb).unwrap().checks[0].detail.as_deref(), Some("boom"));
    let outside =
        b"<!DOCTYPE t [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><testsuite><testcase name='&a;'/></testsuite>";
    assert!(matches!(summary(outside), Err(JunitError::Broken { .. })));
    let deep = 100_000;
    let report = format!("{}<testcase name='a'/>{}", "<testsuite>".repeat(deep), "</testsuite>".repeat(deep));
    assert_eq!(summary(report.as_bytes()).unwrap().passed, 1);
    assert_eq!(summary("\u{feff}<testsuite><testcase name='a'/></testsuite>".as_bytes()).unwrap().passed, 1);
}

#[test]
fn what_is_no_whole_report_has_no_summary() {
    assert!(matches!(summary(b"<html><body/></html>"), Err(JunitError::Foreign { root }) if root == "html"));
    assert!(matches!(summary(b"<testsuite name='x'/>"), Err(JunitError::Empty)));
    assert!(matches!(summary(b"<testsuite><testcase name='a'/>"), Err(JunitError::Broken { .. })));
    assert!(matches!(summary(b"<testsuite><testcase></testsuite>"), Err(JunitError::Broken { .. })));
    assert!(matches!(summary(b"not xml"), Err(JunitError::Broken { .. })));
    assert!(matches!(summary(&vec![b' '; REPORT_BYTES + 1]), Err(JunitError::TooLarge)));
}

#[test]
fn more_checks_than_a_summary_names_are_counted() {
    let cases = "<testcase name='a'><failure/></testcase>".repeat(NAMED_CHECKS + 1);
    let tests = summary(format!("<testsuite>{cases}</testsuite>").as_bytes()).unwrap();
    assert_eq!((tests.failed as usize, tests.checks.len()), (NAMED_CHECKS + 1, NAMED_CHECKS));
}

#[test]
fn a_test_report_alone_gives_an_event_its_summary() {
    let event = |files: serde_json::Value| -> BuildResult {
        serde_json::from_value(serde_json::json!({
            "delivery": {"key": "k", "attempt": 1, "occurred-at": "2026-11-24T10:30:00Z"},
            "build": {"id": "b", "image": {"name": "i", "version": "1"}},
            "outcome": "passed", "files": files, "labels": {},
        }))
        .unwrap()
    };
    let file = |kind: &str, content: &[u8]| {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.encode(content);
        serde_json::json!({"name": "r.xml", "media-type": kind, "content": {"bytes": bytes}})
    };
    let report = file("application/xml; charset=utf-8", PYTEST.as_bytes());
    let mut two = event(serde_json::json!([report, file("text/xml", b"<domain/>"), report]));
    assert!(complete(&mut two).unwrap());
    assert_eq!(two.tests.as_ref().map(|tests| (tests.passed, tests.failed)), Some((4, 2)));
    assert!(!complete(&mut two).unwrap(), "what the event says of its tests stands");
    let mut none = event(serde_json::json!([file("text/plain", PYTEST.as_bytes())]));
    assert!(!complete(&mut none).unwrap());
}

proptest! {
    #[test]
    fn no_report_panics(report in "(<testsuite>|</testsuite>|<testcase name='a' time='[-0-9.,e]{0,9}'>|</testcase>|<failure message='&[a-z]{0,4};'/>|.){0,20}") {
        let _ = summary(report.as_bytes());
    }
}
