//! The component: the contract's bindings, and the hooks behind them.

#![allow(unsafe_code)] // Generated: the canonical ABI is spoken through pointers.

mod host;
mod http;

use crate::plugin::Plugin;
use crate::{approvals, build_finished, build_requested, deploy, diagnostics, failure};
use bindings::exports::openfactory::itsm as exports;
use host::{HostAudit, Plugged};
use itsm_contract::answers::{Deployment, Description, Event, Finding, Incident, Planned, Receipt, Review, Waiting};
use itsm_contract::events::{BuildRequest, BuildResult, DeployEvent, FailureEvent};
use itsm_contract::types::{Failure, Gate};

#[allow(missing_docs, clippy::all, clippy::restriction)]
mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
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

/// Runs a hook with what the host granted.
fn run<T>(hook: impl FnOnce(&Plugin) -> Result<T, Failure>) -> Result<T, Failure> {
    host::tell_panics();
    let settings = host::setting("settings")?.unwrap_or_default();
    let transport = http::Http::new(&settings);
    let audit = HostAudit;
    hook(&Plugin::new(host::grants(&transport, &audit)?, &settings)?)
}

impl exports::itsm_integration::Guest for Component {
    fn on_build_requested(request: BuildRequest) -> Result<Gate, Failure> {
        run(|plugin| build_requested::on_build_requested(plugin, &request))
    }

    fn on_failure(event: FailureEvent) -> Result<Option<Incident>, Failure> {
        run(|plugin| failure::on_failure(plugin, &event))
    }

    fn on_deploy(event: DeployEvent) -> Result<Deployment, Failure> {
        run(|plugin| deploy::on_deploy(plugin, &event))
    }
}

impl exports::approvals::Guest for Component {
    fn check(waiting: Vec<Waiting>, cursor: Option<String>) -> Result<Review, Failure> {
        run(|plugin| approvals::check(plugin, &waiting, cursor.as_deref()))
    }
}

impl exports::evidence::Guest for Component {
    fn on_build_finished(event: BuildResult) -> Result<Receipt, Failure> {
        run(|plugin| build_finished::on_build_finished(plugin, &event))
    }
}

impl exports::diagnostics::Guest for Component {
    fn describe() -> Description {
        diagnostics::describe()
    }

    fn validate(settings: String) -> Vec<Finding> {
        host::tell_panics();
        diagnostics::validate(&settings, &Plugged)
    }

    fn test_connection() -> Vec<Finding> {
        run(|plugin| Ok(diagnostics::test_connection(plugin))).unwrap_or_else(diagnostics::unusable)
    }

    fn preview(event: Event) -> Result<Vec<Planned>, Failure> {
        run(|plugin| diagnostics::preview(plugin, &event))
    }
}

bindings::export!(Component with_types_in bindings);
