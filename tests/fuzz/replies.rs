//! ServiceNow's replies: an input is a row of them, and every hook is given the row.

use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, FailureEvent};
use itsm_contract::types::{Gate, Verdict};
use serde::de::DeserializeOwned;
use serde_json::Value;
use servicenow_plugin::build_finished::on_build_finished;
use servicenow_plugin::build_requested::on_build_requested;
use servicenow_plugin::deploy::on_deploy;
use servicenow_plugin::failure::on_failure;
use servicenow_plugin::plugin::Plugin;
use servicenow_plugin::transport::{Audit, Entry, Grants, Request, Response, SendError, Transport};
use std::cell::Cell;
use std::sync::LazyLock;

/// Stands between one reply and the next: JSON has none.
const NEXT: u8 = 0x1e;
/// No hook asks more of an instance that answers as it likes. The host's own limit is above it.
const REQUESTS: usize = 200;

static REQUESTED: LazyLock<BuildRequest> = LazyLock::new(|| read(include_str!("corpus/event-json/build-requested")));
static FINISHED: LazyLock<BuildResult> = LazyLock::new(|| read(include_str!("corpus/event-json/build-finished")));
static DEPLOYED: LazyLock<DeployEvent> = LazyLock::new(|| read(include_str!("corpus/event-json/deploy-requested")));
static FAILED: LazyLock<FailureEvent> = LazyLock::new(|| read(include_str!("corpus/event-json/failure")));

fn read<T: DeserializeOwned>(event: &str) -> T {
    serde_json::from_str(event).unwrap()
}

/// Answers with one reply after another, and with the last for ever.
struct Replies {
    row: Vec<Response>,
    asked: Cell<usize>,
}

impl Replies {
    /// A reply's first byte is its status, the second the kind of its body.
    fn read(input: &[u8]) -> Option<Self> {
        const STATUSES: [u16; 12] = [200, 201, 204, 302, 400, 401, 403, 404, 409, 429, 500, 503];
        const KINDS: [&str; 3] = ["application/json;charset=UTF-8", "text/html", ""];
        let reply = |reply: &[u8]| {
            let [status, kind, body @ ..] = reply else { return None };
            let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
            let headers = vec![
                header("content-type", KINDS[usize::from(*kind) % KINDS.len()]),
                header("retry-after", &super::text(body)),
                header("x-total-count", &super::text(body)),
            ];
            Some(Response { status: STATUSES[usize::from(*status) % STATUSES.len()], headers, body: body.to_vec() })
        };
        let row: Vec<Response> = input.split(|byte| *byte == NEXT).filter_map(reply).collect();
        (!row.is_empty()).then(|| Self { row, asked: Cell::new(0) })
    }

    /// Whether any of them says what a gate rests on. JSON has many ways to write a word.
    fn say(&self, word: &str) -> bool {
        let json = |reply: &Response| serde_json::from_slice::<Value>(&reply.body).ok();
        self.row.iter().filter_map(json).any(|reply| reply.to_string().contains(word))
    }
}

impl Transport for Replies {
    fn send(&self, _: &Request) -> Result<Response, SendError> {
        let asked = self.asked.get();
        assert!(asked < REQUESTS, "it asks without end");
        self.asked.set(asked + 1);
        Ok(self.row[asked.min(self.row.len() - 1)].clone())
    }
}

struct Unheard;

impl Audit for Unheard {
    fn append(&self, _: Entry) {}
}

pub fn check(input: &[u8]) {
    const SETTINGS: &str = r#"{"instance": {"url": "https://dev.service-now.com", "credential": "sn"}}"#;
    let Some(replies) = Replies::read(input) else { return };
    let with_plugin = |call: &dyn Fn(&Plugin) -> Option<Gate>| {
        replies.asked.set(0);
        let grants = Grants { transport: &replies, audit: &Unheard, mapping: None, now: 1_764_000_000_000 };
        if let Some(gate) = call(&Plugin::new(grants, SETTINGS).unwrap()) {
            let open = matches!(gate.verdict, Verdict::Proceed(_));
            assert!(!open || (replies.say("approved") && replies.say("sys_id")), "{gate:?}");
        }
    };
    with_plugin(&|plugin| on_build_requested(plugin, &REQUESTED).ok());
    with_plugin(&|plugin| on_build_finished(plugin, &FINISHED).ok().and(None));
    with_plugin(&|plugin| on_deploy(plugin, &DEPLOYED).ok().and_then(|done| done.gate));
    with_plugin(&|plugin| on_failure(plugin, &FAILED).ok().and(None));
}
