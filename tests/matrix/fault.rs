//! The columns: every way in which a request goes wrong, and how long the host waits meanwhile.

use host_harness::runtime::limits::Limits;
use host_harness::servicenow::{Action, Fault, FaultId};
use std::collections::BTreeMap;
use std::time::Duration;
use tests::World;

/// A stalled instance, in milliseconds.
const STALL: u64 = 10_000;

/// How long a host waits that does not outlast the stall: for the connection, and for the reply.
const IMPATIENT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(2));

/// Who acts beside the host, and is not to be disturbed.
pub const APPROVER: &str = "beth.anglin";

/// One way.
#[derive(Clone, Debug)]
pub struct Column {
    /// As the report calls it.
    pub name: &'static str,
    wrong: Wrong,
    is_patient: bool,
}

#[derive(Clone, Debug)]
enum Wrong {
    /// This happens.
    Action(Action),
    /// It is applied and answered after a stall, if the host is still there.
    StallBefore,
    /// It is applied, and answered after a stall.
    StallAfter,
    /// The token is not good any more, and this happens to the request for another.
    Renewal(Action),
}

/// All of them.
pub fn columns() -> Vec<Column> {
    let quota = r#"{"error":{"message":"Transaction cancelled: maximum execution time exceeded","detail":null},"status":"failure"}"#;
    let unknown = r#"{"error":{"message":"User Not Authenticated","detail":"Required to provide Auth information"},"status":"failure"}"#;
    let denied = r#"{"error_description":"access_denied","error":"server_error"}"#;
    let at_once = [
        ("429 with headers", Action::TooManyRequests { retry_after: Some(1) }),
        ("429 without headers", Action::TooManyRequests { retry_after: None }),
        ("503", status(503, "<html>upgrading</html>", false)),
        ("500 by the quota", status(500, quota, true)),
        ("401", status(401, unknown, false)),
        ("reset before it is applied", Action::ResetBefore),
        ("reset after it is applied", Action::ResetAfter),
        ("cut in the headers", Action::Cut { bytes: 57 }),
        ("cut in the body", Action::Cut { bytes: 700 }),
        ("truncated JSON in 200", Action::TruncatedJson),
        ("HTML in 200", Action::Html),
        ("302", Action::Redirect { location: "/login.do".into() }),
        ("expired token", Action::ExpiredToken),
    ];
    let renewals = [
        ("expired token, the next one refused with 401", status(401, denied, false)),
        ("expired token, the next one answered with 500", status(500, "<html>oops</html>", false)),
        ("expired token, the next one answered with HTML", Action::Html),
        ("expired token, the next one lost in a reset", Action::ResetAfter),
        ("expired token, the next one stalls", Action::Stall),
    ];
    let stalls = [
        ("10 s stall before it is applied, waited for", Wrong::StallBefore, true),
        ("10 s stall before it is applied, not waited for", Wrong::StallBefore, false),
        ("10 s stall after it is applied, waited for", Wrong::StallAfter, true),
        ("10 s stall after it is applied, not waited for", Wrong::StallAfter, false),
        ("10 s stall, applied though nobody waits", Wrong::Action(Action::AppliedLate { millis: STALL }), false),
    ];
    let at_once = at_once.into_iter().map(|(name, action)| (name, Wrong::Action(action), true));
    let renewals = renewals.into_iter().map(|(name, action)| {
        let waits = action != Action::Stall;
        (name, Wrong::Renewal(action), waits)
    });
    let all = at_once.chain(renewals).chain(stalls);
    all.map(|(name, wrong, is_patient)| Column { name, wrong, is_patient }).collect()
}

fn status(status: u16, body: &str, applied: bool) -> Action {
    Action::Status { status, headers: BTreeMap::new(), body: body.into(), applied }
}

impl Column {
    /// What the host waits for.
    pub fn limits(&self, limits: &mut Limits) {
        if !self.is_patient {
            (limits.connect_timeout, limits.reply_timeout) = IMPATIENT;
        }
    }

    /// Puts it in force for the nth request from now on. The rule that must be met is returned.
    pub fn arm(&self, world: &World, nth: usize) -> FaultId {
        // The first token is no renewal.
        let tokens = world.asked().iter().filter(|asked| asked.ends_with("/oauth_token.do")).count();
        let on = || Fault::on("*").not_user(APPROVER).nth(nth as u64).times(1);
        let servicenow = &world.servicenow;
        match &self.wrong {
            Wrong::Action(action) => servicenow.fault(on().action(action.clone())),
            Wrong::StallBefore => servicenow.fault(on().only_delayed(STALL)),
            Wrong::StallAfter => servicenow.fault(on().reply_delayed(STALL).action(Action::Nothing)),
            Wrong::Renewal(action) => {
                servicenow.fault(on().action(Action::ExpiredToken));
                let nth = if tokens == 0 { 2 } else { 1 };
                servicenow.fault(Fault::on("/oauth_token.do").nth(nth).times(1).action(action.clone()))
            }
        }
    }

    /// Whether something is still to come after the host has its answers. Notes and files take no identity of ours: one
    /// that ServiceNow writes after its repeat stands there twice. Every other record is one all the same.
    pub fn is_late(&self) -> bool {
        matches!(self.wrong, Wrong::Action(Action::AppliedLate { .. }))
    }
}
