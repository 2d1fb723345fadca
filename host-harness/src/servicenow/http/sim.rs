//! `/__sim/`: what a real instance lacks. Faults, the requests seen, a clock that can be moved, and a fresh start. It is
//! there only where it was asked for, and asks for no authentication.

use super::exchange::told;
use super::reply::Reply;
use super::request::Request;
use super::server::Shared;
use crate::servicenow::faults::{self, FaultId};
use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

/// How the clock is moved.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum Move {
    /// By so many seconds; a negative number turns it back.
    AdvanceSeconds(i64),
    /// To a moment (RFC 3339), from which it goes on.
    Set(String),
    /// To a moment (RFC 3339), at which it stands still.
    Freeze(String),
}

/// Answers a request below `/__sim/`.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Reply {
    match (&request.method, request.route().as_slice()) {
        (&Method::GET, [_, "faults"]) => {
            let rules: Vec<Value> = shared
                .faults()
                .list()
                .map(|(id, fault, matched, picked)| {
                    json!({ "id": id, "fault": fault, "matched": matched, "picked": picked })
                })
                .collect();
            Reply::json(StatusCode::OK, &rules.into())
        }
        (&Method::POST, [_, "faults"]) => match faults::parse(&request.body) {
            Ok(rules) => {
                let ids: Vec<FaultId> = rules.into_iter().map(|rule| shared.faults().add(rule)).collect();
                Reply::json(StatusCode::CREATED, &json!({ "ids": ids }))
            }
            Err(error) => bad(&error.to_string()),
        },
        (&Method::DELETE, [_, "faults"]) => {
            shared.faults().clear();
            Reply::empty(StatusCode::NO_CONTENT)
        }
        (&Method::DELETE, [_, "faults", id]) => {
            let known = id.parse().is_ok_and(|id| shared.faults().remove(FaultId(id)));
            Reply::empty(if known { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND })
        }
        (&Method::GET, [_, "requests"]) => Reply::json(StatusCode::OK, &told(&shared.seen())),
        (&Method::DELETE, [_, "requests"]) => {
            shared.seen().clear();
            Reply::empty(StatusCode::NO_CONTENT)
        }
        (&Method::GET, [_, "clock"]) => clock(shared),
        (&Method::POST, [_, "clock"]) => match serde_json::from_slice::<Move>(&request.body) {
            Ok(how) => match moved(shared, &how) {
                Ok(()) => clock(shared),
                Err(error) => bad(&error.to_string()),
            },
            Err(error) => bad(&error.to_string()),
        },
        (&Method::POST, [_, "reset"]) => {
            shared.reset();
            Reply::empty(StatusCode::NO_CONTENT)
        }
        _ => Reply::empty(StatusCode::NOT_FOUND),
    }
}

fn moved(shared: &Shared, how: &Move) -> Result<(), jiff::Error> {
    match how {
        Move::AdvanceSeconds(seconds) => shared.clock.advance(SignedDuration::from_secs(*seconds)),
        Move::Set(to) => shared.clock.set(to.parse::<Timestamp>()?),
        Move::Freeze(at) => shared.clock.freeze(at.parse::<Timestamp>()?),
    }
    Ok(())
}

fn clock(shared: &Shared) -> Reply {
    Reply::json(StatusCode::OK, &json!({ "now": shared.clock.now().to_string() }))
}

fn bad(message: &str) -> Reply {
    Reply::json(StatusCode::BAD_REQUEST, &json!({ "error": message }))
}
