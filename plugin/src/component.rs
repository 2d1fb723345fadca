#![allow(unsafe_code)]
mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "openfactory:itsm/itsm-plugin",
        with: {
            "openfactory:itsm/types@0.1.0": itsm_contract::types,
            "openfactory:itsm/events@0.1.0": itsm_contract::events,
            "openfactory:itsm/answers@0.1.0": itsm_contract::answers,
            "wasi:clocks/wall-clock@0.2.12": ::wasi::clocks::wall_clock,
            "wasi:clocks/monotonic-clock@0.2.12": ::wasi::clocks::monotonic_clock,
            "wasi:io/poll@0.2.12": ::wasi::io::poll,
            "wasi:io/streams@0.2.12": ::wasi::io::streams,
            "wasi:io/error@0.2.12": ::wasi::io::error,
            "wasi:http/types@0.2.12": ::wasi::http::types,
            "wasi:http/outgoing-handler@0.2.12": ::wasi::http::outgoing_handler,
        },
        generate_all,
    });
}
use itsm_contract::{answers::*, events::*, types::*};
struct P;
impl bindings::exports::openfactory::itsm::itsm_integration::Guest for P {
    fn on_build_requested(request: BuildRequest) -> Result<Gate, Failure> {
        Ok(Gate { change: None, verdict: Verdict::Cancel(request.build.id), approvals: vec![], window: None })
    }
    fn on_failure(_: FailureEvent) -> Result<Option<Incident>, Failure> {
        Ok(None)
    }
    fn on_deploy(_: DeployEvent) -> Result<Deployment, Failure> {
        Ok(Deployment { gate: None, items: vec![], resolved: vec![], unfinished: vec![] })
    }
}
impl bindings::exports::openfactory::itsm::approvals::Guest for P {
    fn check(_: Vec<Waiting>, _: Option<String>) -> Result<Review, Failure> {
        Ok(Review { moved: vec![], cursor: String::new() })
    }
}
impl bindings::exports::openfactory::itsm::evidence::Guest for P {
    fn on_build_finished(_: BuildResult) -> Result<Receipt, Failure> {
        Ok(Receipt { digest: String::new(), attached: vec![], resolved: vec![], unfinished: vec![] })
    }
}
impl bindings::exports::openfactory::itsm::diagnostics::Guest for P {
    fn describe() -> Description {
        Description { name: "x".into(), version: "y".into(), settings_schema: "".into() }
    }
    fn validate(_: String) -> Vec<Finding> {
        vec![]
    }
    fn test_connection() -> Vec<Finding> {
        let req = wasi::http::types::OutgoingRequest::new(wasi::http::types::Headers::new());
        let _ = wasi::http::outgoing_handler::handle(req, None);
        let _ = bindings::wasi::config::store::get("settings");
        let _ = bindings::openfactory::itsm_mapping::mapping::check_rules("");
        vec![]
    }
    fn preview(_: Event) -> Result<Vec<Planned>, Failure> {
        Ok(vec![])
    }
}
bindings::export!(P with_types_in bindings);
