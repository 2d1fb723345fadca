//! What an administrator asks before trusting a set-up.

mod connection;
mod preview;
mod validate;

pub use connection::test as test_connection;
pub use preview::preview;
pub use validate::validate;

use crate::settings;
use itsm_contract::answers::{Description, Finding, Health};
use itsm_contract::types::{Failure, Problem};

/// What this plugin is.
pub fn describe() -> Description {
    Description {
        name: "servicenow".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        settings_schema: settings::SCHEMA.into(),
    }
}

/// The one finding of a connection test that could not begin: the settings cannot be used.
pub fn unusable(failure: Failure) -> Vec<Finding> {
    vec![broken("settings", failure.into_problem())]
}

fn finding(subject: &str, health: Health, problem: Option<Problem>) -> Finding {
    Finding { subject: subject.into(), health, problem }
}

fn ok(subject: &str) -> Finding {
    finding(subject, Health::Ok, None)
}

fn broken(subject: &str, problem: Problem) -> Finding {
    finding(subject, Health::Broken, Some(problem))
}

fn skipped(subject: &str, why: &str) -> Finding {
    let problem = Problem {
        code: "diagnostics.skipped".into(),
        summary: format!("not looked at: {why}"),
        remedy: "nothing to do by itself".into(),
        detail: None,
    };
    finding(subject, Health::Skipped, Some(problem))
}
