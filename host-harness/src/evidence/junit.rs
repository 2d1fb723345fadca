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

/// What the attribute `status` of a test case says where it did not run.
const NOT_RUN: &[&str] = &["notrun", "disabled", "skipped"];

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
                // GoogleTest says of a disabled test that it did not run, and nothing within it.
                let is_run = attribute(element, "status")?.is_none_or(|status| !NOT_RUN.contains(&status.as_str()));
                let outcome = if is_run { CheckOutcome::Passed } else { CheckOutcome::Skipped };
                self.case = Some(Check { name, required: false, outcome, detail: None });
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
mod tests;
