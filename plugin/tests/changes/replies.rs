//! Whatever an instance, a proxy or a broken connection answers: nothing but the right record lets work go on.

use crate::instance::{Instance, reply};
use crate::support::*;
use itsm_contract::answers::{Reviewed, Waiting};
use itsm_contract::types::{Gate, Ticket, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};
use servicenow_plugin::approvals::check;
use servicenow_plugin::plugin::Plugin;
use servicenow_plugin::transport::{Grants, Request, Response, SendError, Transport};
use std::sync::LazyLock;

const APPROVED: &str = include_str!("fixtures/change-table-after-approval-200.json");
const REJECTED: &str = include_str!("fixtures/change-table-after-rejection-200.json");

/// Our key of the samples' record.
const KEY: &str = "openfactory/build-change/c9d2b0aa2f8a0110abcd12345678ef02";

/// Inside the samples' planned window.
const THEN: u64 = 1_770_062_400_000; // 2026-02-02 20:00:00 UTC

/// Answers everything alike.
struct Parrot(Response);

impl Transport for Parrot {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        // No Batch API: each list gets the same reply.
        match request.target.contains("/batch") {
            true => Ok(reply(400, &json!({"error": {"message": "Requested URI does not represent any resource"}}))),
            false => Ok(self.0.clone()),
        }
    }
}

fn sample(text: &str) -> Value {
    let mut sample: Value = serde_json::from_str(text).unwrap();
    sample["result"]["correlation_id"] = KEY.into();
    // No configuration item: conflicts are not what this is about.
    sample["result"]["cmdb_ci"] = "".into();
    sample
}

/// Read once: thousands of cases ask for it.
static LAST: LazyLock<Gate> = LazyLock::new(|| {
    let host = host();
    let instance = Instance::new();
    let gate = requested(&host, &instance);
    let ticket = Ticket {
        id: KEY.rsplit('/').next().unwrap().into(),
        number: "CHG0030001".into(),
        key: Some(KEY.into()),
        ..gate.change.clone().unwrap()
    };
    let gate = Gate { change: Some(ticket), ..gate };
    // What is asked for is what the samples say.
    let mut asked = sample(APPROVED)["result"].clone();
    asked["approval"] = "requested".into();
    asked["state"] = "-4".into();
    let moved = looked(&gate, reply(200, &json!({"result": [asked]})), "pause", THEN);
    moved.into_iter().find_map(|moved| moved.answer.ok()).unwrap()
});

/// What the plugin makes of a reply: by the default policies, or after the timeout with the one that lets work go on.
fn verdicts(reply: Response, policy: &str, now: u64) -> Vec<Verdict> {
    looked(&LAST, reply, policy, now).into_iter().filter_map(|moved| Some(moved.answer.ok()?.verdict)).collect()
}

fn looked(last: &Gate, reply: Response, policy: &str, now: u64) -> Vec<Reviewed> {
    let host = Host::with(json!({"approval": {"on-timeout": policy}}));
    let parrot = Parrot(reply);
    let grants = Grants { transport: &parrot, audit: &host.log, mapping: None, now };
    let plugin = Plugin::new(grants, &host.settings.to_string()).unwrap();
    let waiting = [Waiting { last: last.clone(), since: THEN - HOUR }];
    check(&plugin, &waiting, None).map(|review| review.moved).unwrap_or_default()
}

fn may_proceed(record: &Value) -> bool {
    // A field is its value, or an object that holds it.
    let is = |field: &str, values: &[&str]| {
        values.iter().any(|value| record[field] == *value || record[field]["value"] == *value)
    };
    is("sys_id", &["c9d2b0aa2f8a0110abcd12345678ef02"])
        && is("correlation_id", &[KEY])
        && is("approval", &["approved"])
        && is("state", &["-2", "-1"])
        && is("on_hold", &["false"])
}

/// One way to spoil a record.
fn spoil(record: &mut Value, field: usize, how: usize) {
    let fields = record.as_object_mut().unwrap();
    let name = fields.keys().nth(field % fields.len()).unwrap().clone();
    let others = [
        json!(null),
        json!(""),
        json!("true"),
        json!("-5"),
        json!("0"),
        json!("4"),
        json!("rejected"),
        json!("requested"),
        json!({"value": "approved"}),
        json!([]),
        json!(7),
        json!("not a date"),
        json!({"display_value": "Scheduled"}),
    ];
    match how % (others.len() + 2) {
        0 => drop(fields.remove(&name)),
        1 => {
            let other = fields.values().nth(how % fields.len()).unwrap().clone();
            fields.insert(name, other);
        }
        which => drop(fields.insert(name, others[which - 2].clone())),
    }
}

fn proceeds(verdicts: &[Verdict]) -> bool {
    verdicts.iter().any(|verdict| matches!(verdict, Verdict::Proceed(clearance) if !clearance.by_policy))
}

#[test]
fn the_sample_as_it_is_lets_work_go_on() {
    let list = json!({"result": [sample(APPROVED)["result"]]});
    assert!(proceeds(&verdicts(reply(200, &list), "pause", THEN)));
    let list = json!({"result": [sample(REJECTED)["result"]]});
    assert!(!proceeds(&verdicts(reply(200, &list), "pause", THEN)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_spoilt_record_lets_work_go_on(spoils in prop::collection::vec((0usize..60, 0usize..400), 1..4), late: bool) {
        let mut record = sample(APPROVED)["result"].clone();
        for (field, how) in spoils {
            spoil(&mut record, field, how);
        }
        let now = if late { THEN + 1000 * HOUR } else { THEN };
        let policy = if late { "proceed" } else { "pause" };
        let list = json!({"result": [record]});
        let verdicts = verdicts(reply(200, &list), policy, now);
        prop_assert!(!proceeds(&verdicts) || may_proceed(&record), "{record:#}");
    }

    #[test]
    fn no_reply_that_is_cut_or_is_another_page_lets_work_go_on(at in 0usize..4000, status in 200u16..600, is_page: bool, late: bool) {
        let mut body = json!({"result": [sample(APPROVED)["result"]]}).to_string();
        let mut at = at.min(body.len() - 1);
        while !body.is_char_boundary(at) {
            at -= 1;
        }
        body.truncate(at);
        let (body, kind) = match is_page {
            true => (format!("<html>Instance Hibernating page {body}</html>"), "text/html"),
            false => (body, "application/json"),
        };
        let reply = Response { status, headers: vec![("content-type".into(), kind.into())], body: body.into() };
        let (policy, now) = if late { ("proceed", THEN + 1000 * HOUR) } else { ("pause", THEN) };
        prop_assert!(!proceeds(&verdicts(reply, policy, now)));
    }
}
