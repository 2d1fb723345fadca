//! A plugin that does to its host whatever an event tells it to: the build's id is a script, and the gate's reason what
//! came of it. See `script` for what it can do.

#![cfg(target_arch = "wasm32")]
#![allow(unsafe_code, clippy::panic, clippy::indexing_slicing)]

mod attack;
mod http;
mod script;
mod slow;

use bindings::exports::openfactory::itsm as exports;
use itsm_contract::answers::{Deployment, Description, Event, Finding, Incident, Planned, Receipt, Review, Waiting};
use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, FailureEvent};
use itsm_contract::types::{Failure, Gate, Verdict};

#[allow(clippy::all, clippy::restriction)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../../wit",
        world: "openfactory:itsm/itsm-plugin",
        with: {
            "openfactory:itsm/types@0.1.0": itsm_contract::types,
            "openfactory:itsm/events@0.1.0": itsm_contract::events,
            "openfactory:itsm/answers@0.1.0": itsm_contract::answers,
            "wasi:clocks/monotonic-clock@0.2.12": ::wasi::clocks::monotonic_clock,
            "wasi:clocks/wall-clock@0.2.12": ::wasi::clocks::wall_clock,
            "wasi:http/outgoing-handler@0.2.12": ::wasi::http::outgoing_handler,
            "wasi:http/types@0.2.12": ::wasi::http::types,
            "wasi:io/error@0.2.12": ::wasi::io::error,
            "wasi:io/poll@0.2.12": ::wasi::io::poll,
            "wasi:io/streams@0.2.12": ::wasi::io::streams,
        },
        generate_all,
    });
}

struct Component;

/// Every hook but the first panics, and `check` where it is not told to answer.
impl exports::itsm_integration::Guest for Component {
    fn on_build_requested(request: BuildRequest) -> Result<Gate, Failure> {
        let reason = script::run(&request.build.id);
        Ok(Gate { change: None, verdict: Verdict::Cancel(reason), approvals: Vec::new(), window: None })
    }

    fn on_failure(event: FailureEvent) -> Result<Option<Incident>, Failure> {
        attack::panic(&event.message)
    }

    fn on_deploy(event: DeployEvent) -> Result<Deployment, Failure> {
        attack::panic(&event.deployment_id)
    }
}

impl exports::approvals::Guest for Component {
    fn check(_: Vec<Waiting>, cursor: Option<String>) -> Result<Review, Failure> {
        let cursor = cursor.unwrap_or_default();
        match script::review(&cursor) {
            Some(review) => Ok(review),
            None => attack::panic(&cursor),
        }
    }
}

impl exports::evidence::Guest for Component {
    fn on_build_finished(event: BuildResult) -> Result<Receipt, Failure> {
        attack::panic(&event.build.id)
    }
}

impl exports::diagnostics::Guest for Component {
    fn describe() -> Description {
        attack::panic("describe")
    }

    fn validate(settings: String) -> Vec<Finding> {
        attack::panic(&settings)
    }

    fn test_connection() -> Vec<Finding> {
        attack::panic("test-connection")
    }

    fn preview(_: Event) -> Result<Vec<Planned>, Failure> {
        attack::panic("preview")
    }
}

bindings::export!(Component with_types_in bindings);
