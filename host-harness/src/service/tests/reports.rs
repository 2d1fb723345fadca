//! Test reports among the files of an event.

use super::*;

#[tokio::test]
async fn a_test_report_alone_gives_a_build_its_summary() {
    let (told, seen) = std::sync::mpsc::channel();
    let served = Served::with(Plugin::new(move |event| {
        told.send(event.clone()).unwrap();
        Some(answered(incident()))
    }))
    .await;
    let finished = |key: &str, report: &str| {
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.encode(report);
        json!({"build-finished": {
            "delivery": {"key": key, "attempt": 1, "occurred-at": "2026-11-24T10:30:00Z"},
            "build": {"id": "b", "image": {"name": "i", "version": "1"}},
            "outcome": "passed", "labels": {},
            "files": [{"name": "junit.xml", "media-type": "text/xml", "content": {"bytes": bytes}}],
        }})
    };
    let report = "<testsuite><testcase name='boots'/><testcase name='cis'><failure/></testcase></testsuite>";
    assert_eq!(served.post("/v1/events?wait=30s", &finished("whole", report)).await.0, 202);
    let itsm_contract::answers::Event::BuildFinished(result) = seen.recv().unwrap() else { panic!("another event") };
    assert_eq!(result.tests.map(|tests| (tests.passed, tests.failed)), Some((1, 1)));
    let (code, problem) = served.post("/v1/events", &finished("broken", "<testsuite><testcase")).await;
    assert_eq!((code, served.plugin.keys().len()), (400, 1), "{problem}");
}
