//! JUnit XML as test runners write it: every dialect has `testcase` elements with `failure`, `error` or `skipped` in them,
//! and little else in common. The totals that suites claim are passed over; the cases are counted.

use itsm_contract::events::{BuildResult, Content};
use itsm_contract::types::{Check, CheckOutcome, TestSummary};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::borrow::Cow;

/// Bytes of a report. A suite of 50 000 cases is under it.
pub const REPORT_BYTES: usize = 32 * 1024 * 1024;

/// Checks that a summary names. The rest is counted, and the report itself is beside it.
pub const NAMED_CHECKS: usize = 200;

/// Characters of a check's detail: a sentence, not a stack trace.
const DETAIL_LENGTH: usize = 300;

/// Bytes of a failure's text that are looked at for its first line.
const TELLING_BYTES: usize = 4096;

/// Why there is no summary.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JunitError {
    /// The report is larger than [`REPORT_BYTES`].
    #[error("the test report is larger than {REPORT_BYTES} bytes")]
    TooLarge,
    /// It is no XML.
    #[error("the test report is no XML: {why} at byte {at}")]
    Broken {
        /// Where.
        at: u64,
        /// What is wrong.
        why: String,
    },
    /// It is XML of another kind.
    #[error("the test report is no JUnit XML: its root is <{root}> and not <testsuites> or <testsuite>")]
    Foreign {
        /// Its root element.
        root: String,
    },
    /// There is nothing in it.
    #[error("the test report holds no test case")]
    Empty,
}

/// Gives an event that says nothing of its tests the summary of the JUnit XML among its files, several added up. Files
/// that are no JUnit XML are passed over. Returns whether there was any.
///
/// # Errors
/// Where a file that begins as JUnit XML cannot be read to its end.
pub fn complete(event: &mut BuildResult) -> Result<bool, JunitError> {
    if event.tests.is_some() {
        return Ok(false);
    }
    for file in &event.files {
        let Content::Bytes(content) = &file.content else { continue };
        let is_xml = file.media_type.split(';').next().is_some_and(|kind| kind.trim_end().ends_with("xml"));
        if !is_xml {
            continue;
        }
        match summary(content) {
            Ok(found) => match &mut event.tests {
                Some(tests) => add(tests, found),
                None => event.tests = Some(found),
            },
            Err(JunitError::Foreign { .. } | JunitError::Empty) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(event.tests.is_some())
}

fn add(tests: &mut TestSummary, more: TestSummary) {
    tests.passed = tests.passed.saturating_add(more.passed);
    tests.failed = tests.failed.saturating_add(more.failed);
    tests.skipped = tests.skipped.saturating_add(more.skipped);
    tests.duration_ms = tests.duration_ms.saturating_add(more.duration_ms);
    tests.checks.extend(more.checks);
    tests.checks.truncate(NAMED_CHECKS);
}

/// What the tests said. Named are those that failed, and those whose property `required` is `true`.
///
/// # Errors
/// See [`JunitError`].
pub fn summary(report: &[u8]) -> Result<TestSummary, JunitError> {
    if report.len() > REPORT_BYTES {
        return Err(JunitError::TooLarge);
    }
    let mut reader = Reader::from_reader(report);
    let mut found = Found::default();
    loop {
        let at = reader.buffer_position();
        let broken = |why: String| JunitError::Broken { at, why };
        match reader.read_event().map_err(|error| broken(error.to_string()))? {
            Event::Start(element) => found.open(&element, false).map_err(broken)?,
            Event::Empty(element) => found.open(&element, true).map_err(broken)?,
            Event::End(element) => found.close(element.local_name().as_ref()),
            Event::Text(text) => found.tell(&text),
            Event::CData(text) => found.tell(&text),
            Event::GeneralRef(reference) => found.tell(resolve_predefined_entity(&reference).unwrap_or(" ")),
            Event::Eof => break,
            _ => {}
        }
        if let Some(root) = found.root.as_ref().filter(|root| !["testsuites", "testsuite"].contains(&root.as_str())) {
            return Err(JunitError::Foreign { root: root.clone() });
        }
    }
    match (found.root, found.depth) {
        (None, _) => Err(JunitError::Broken { at: 0, why: "it has no element".into() }),
        (Some(_), 1..) => Err(JunitError::Broken {
            at: u64::try_from(report.len()).unwrap_or(u64::MAX),
            why: "it ends before its elements do".into(),
        }),
        (Some(_), 0) if found.summary.passed + found.summary.failed + found.summary.skipped == 0 => {
            Err(JunitError::Empty)
        }
        _ => Ok(found.summary),
    }
}

struct Found {
    summary: TestSummary,
    root: Option<String>,
    depth: usize,
    case: Option<Check>,
    /// The text so far of `failure` or `error`, which tells why; none outside of them.
    telling: Option<String>,
}

impl Default for Found {
    fn default() -> Self {
        let summary =
            TestSummary { passed: 0, failed: 0, skipped: 0, duration_ms: 0, checks: Vec::new(), report_url: None };
        Self { summary, root: None, depth: 0, case: None, telling: None }
    }
}

impl Found {
    fn open(&mut self, element: &BytesStart, is_empty: bool) -> Result<(), String> {
        let name = element.local_name().as_ref().to_owned();
        if self.root.is_none() {
            self.root = Some(name.clone());
        }
        if !is_empty {
            self.depth += 1;
        }
        match (name.as_str(), &mut self.case) {
            ("testcase", _) => {
                let (case, seconds) = (attribute(element, "name")?, attribute(element, "time")?);
                let class = attribute(element, "classname")?.filter(|class| !class.is_empty());
                let case = case.unwrap_or_else(|| "unnamed".into());
                let name = class.map_or_else(|| case.clone(), |class| format!("{class}.{case}"));
                self.case = Some(Check { name, required: false, outcome: CheckOutcome::Passed, detail: None });
                self.summary.duration_ms = self.summary.duration_ms.saturating_add(millis(seconds.as_deref()));
            }
            ("failure" | "error", Some(case)) => {
                case.outcome = CheckOutcome::Failed;
                let message = attribute(element, "message")?.map(|message| short(&message));
                case.detail = message.filter(|message| !message.is_empty()).or(case.detail.take());
                self.telling = (!is_empty).then(String::new);
            }
            ("skipped", Some(case)) if case.outcome == CheckOutcome::Passed => {
                case.outcome = CheckOutcome::Skipped;
                case.detail = attribute(element, "message")?.map(|message| short(&message));
            }
            ("property", Some(case)) if attribute(element, "name")?.as_deref() == Some("required") => {
                case.required = attribute(element, "value")?.as_deref() == Some("true");
            }
            _ => {}
        }
        if is_empty {
            self.settle(&name);
        }
        Ok(())
    }

    fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.settle(name);
    }

    /// An element has ended.
    fn settle(&mut self, name: &str) {
        match name {
            "failure" | "error" => {
                let told = self.telling.take().map(|text| short(&text)).filter(|text| !text.is_empty());
                if let Some(case) = &mut self.case {
                    case.detail = case.detail.take().or(told);
                }
            }
            "testcase" => {
                let Some(case) = self.case.take() else { return };
                let counter = match case.outcome {
                    CheckOutcome::Passed => &mut self.summary.passed,
                    CheckOutcome::Failed => &mut self.summary.failed,
                    CheckOutcome::Skipped => &mut self.summary.skipped,
                };
                *counter = counter.saturating_add(1);
                let is_named = case.required || case.outcome == CheckOutcome::Failed;
                if is_named && self.summary.checks.len() < NAMED_CHECKS {
                    self.summary.checks.push(case);
                }
            }
            _ => {}
        }
    }

    fn tell(&mut self, text: &str) {
        if let Some(telling) = self.telling.as_mut().filter(|telling| telling.len() < TELLING_BYTES) {
            telling.push_str(text);
        }
    }
}

fn attribute(element: &BytesStart, name: &str) -> Result<Option<String>, String> {
    let attribute = element.try_get_attribute(name).map_err(|error| error.to_string())?;
    let value = attribute.map(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0).map(Cow::into_owned));
    value.transpose().map_err(|error| error.to_string())
}

/// Seconds with a fraction; some runners group thousands by commas.
fn millis(seconds: Option<&str>) -> u64 {
    let seconds: Option<f64> = seconds.and_then(|text| text.replace(',', "").trim().parse().ok());
    match seconds {
        Some(seconds) if seconds.is_finite() && seconds > 0.0 => (seconds * 1000.0).round() as u64,
        _ => 0,
    }
}

/// The first line that says something.
fn short(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    if line.chars().count() <= DETAIL_LENGTH {
        return line.to_owned();
    }
    line.chars().take(DETAIL_LENGTH - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
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
        let named: Vec<_> =
            tests.checks.iter().map(|check| (check.name.as_str(), check.required, check.outcome)).collect();
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
}
