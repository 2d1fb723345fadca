//! What can go wrong between the plugin and ServiceNow, told apart by what somebody must do about it.
//!
//! One status has several causes: a 403 is an access rule, a business rule, a data policy, a query rule or a missing
//! scope, and only `error.detail` tells which. ServiceNow's own words are kept as the problem's detail.

use super::record::Record;
use crate::transport::{Response, SendError};
use itsm_contract::types::{Failure, Later, Problem};
use serde_json::Value;

/// Characters of ServiceNow's own words that are kept: enough for a stack of business rules, no more than a log line.
const DETAIL_LIMIT: usize = 1000;

/// Longest wait that ServiceNow's rate limit asks for: its window is one hour.
const RETRY_AFTER_LIMIT_MS: u64 = 3_600_000;

/// A request that did not do what it was asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{request}: {}", kind.summary())]
pub struct Error {
    /// What went wrong.
    pub kind: Kind,
    /// The request, such as `PATCH change_request`.
    pub request: String,
    /// ServiceNow's own words.
    pub detail: Option<String>,
    /// How long ServiceNow asks to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// What must be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    Retry,
    Configure,
    Give,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The host's grant does not cover the request.
    EgressDenied,
    /// The host cannot have the credential.
    CredentialUnavailable,
    /// The reply is larger than the host passes on.
    ReplyTooLarge,
    /// No reply in time; it may have been applied.
    TimedOut,
    /// No connection, or one that broke; it may have been applied.
    Unreachable,
    /// 401.
    CredentialRefused,
    /// 401 that the host tells of the token endpoint: it gives this client no token.
    TokenRefused,
    /// 403 by a record's or table's access rule.
    AclDenied,
    /// 403 by the REST API's own access rule.
    ApiDenied,
    /// 403 because a term of the query may not be read.
    QueryDenied,
    /// 403 because the token lacks a scope.
    ScopeMissing,
    /// 403 by a business rule.
    BusinessRule,
    /// 403 by a data policy: mandatory fields.
    DataPolicy,
    /// 403 that says none of these.
    Forbidden,
    /// 404: no such record, or one that may not be read.
    NotFound,
    /// More than one record where one alone may match.
    Ambiguous,
    /// 400: no such table.
    TableMissing,
    /// 400: no such API; its plugin is not active.
    ApiMissing,
    /// 400 or 413: the body is larger than the instance takes.
    BodyTooLarge,
    /// Any other 4xx.
    BadRequest,
    /// 429.
    RateLimited,
    /// 500 because a transaction ran too long; it may have been applied.
    TransactionCancelled,
    /// Any other 500.
    ServerError,
    /// 502, 503, 504.
    Unavailable,
    /// 3xx: a login page, or a sleeping developer instance.
    Redirected,
    /// 200 with a page instead of data: asleep, or in maintenance.
    NotJson,
    /// 200 whose JSON ends early or is followed by an error.
    ReplyCut,
    /// 200 with JSON that does not answer the question.
    ReplyUnexpected,
}

impl Kind {
    /// Whether the same request may succeed later.
    pub fn is_passing(self) -> bool {
        self.row().1 == Remedy::Retry
    }

    /// What happened, in a sentence.
    pub fn summary(self) -> &'static str {
        self.row().2
    }

    /// Stable code, what the host must do, what happened, what to do about it.
    #[rustfmt::skip]
    fn row(self) -> (&'static str, Remedy, &'static str, &'static str) {
        use Remedy::{Configure, Give, Retry};
        match self {
            Self::EgressDenied => ("host.egress-denied", Configure,
                "the host does not let the plugin send this request",
                "see in the host's audit log which rule it was, and grant that, or correct `instance.url` in the settings"),
            Self::CredentialUnavailable => ("host.credential-unavailable", Configure,
                "the host has no credential for this instance",
                "give the host the credential that `instance.credential` names, such as with --credential NAME=env:VARIABLE; the host's audit log says what happened"),
            Self::ReplyTooLarge => ("host.reply-too-large", Give,
                "ServiceNow's reply is larger than the host passes on",
                "raise the host's limit for replies"),
            Self::TimedOut => ("servicenow.timed-out", Retry,
                "ServiceNow did not answer in time",
                "nothing to do: the event is delivered again; if it lasts, look at the instance's load"),
            Self::Unreachable => ("servicenow.unreachable", Retry,
                "ServiceNow cannot be reached",
                "nothing to do if it passes: the event is delivered again; else check `instance.url`, DNS, proxy and firewall"),
            Self::CredentialRefused => ("servicenow.credential-refused", Configure,
                "ServiceNow refused the credential",
                "check user and password or client secret, that the user is active and not locked out, and that it may use this kind of login"),
            Self::TokenRefused => ("servicenow.token-refused", Configure,
                "ServiceNow's token endpoint refused the client",
                "check client id and client secret, that glide.oauth.inbound.client.credential.grant_type.enabled is true, and that the registry entry is active and has an OAuth application user"),
            Self::AclDenied => ("servicenow.acl-denied", Configure,
                "an access rule in ServiceNow forbids this",
                "give the integration user the roles for this table (itil, sn_change_write, sn_incident_write)"),
            Self::ApiDenied => ("servicenow.api-denied", Configure,
                "the integration user may not use this REST API",
                "give the integration user the role that this API asks for (itil, for changes and the CMDB)"),
            Self::QueryDenied => ("servicenow.query-denied", Configure,
                "the integration user may not search by this field",
                "let the integration user read the fields that the search uses (correlation_id among them)"),
            Self::ScopeMissing => ("servicenow.scope-missing", Configure,
                "the OAuth token lacks the scope of this API",
                "add the REST API's auth scope to the OAuth application"),
            Self::BusinessRule => ("servicenow.business-rule", Give,
                "a business rule in ServiceNow stopped this",
                "read the rule's name in the detail; for a change, its model's conditions for this state must hold"),
            Self::DataPolicy => ("servicenow.data-policy", Give,
                "a data policy in ServiceNow asks for more fields",
                "let the mapping fill the fields that the detail names"),
            Self::Forbidden => ("servicenow.forbidden", Configure,
                "ServiceNow forbids this",
                "read ServiceNow's own words in the detail; most often a role is missing"),
            Self::NotFound => ("servicenow.record-not-found", Give,
                "there is no such record in ServiceNow, or the integration user may not read it",
                "check the number, and the user's roles"),
            Self::Ambiguous => ("servicenow.ambiguous", Configure,
                "more than one record in ServiceNow has a name that only one may have",
                "give the record's sys_id instead of its name, or rename one of them"),
            Self::TableMissing => ("servicenow.table-missing", Configure,
                "there is no such table on this instance",
                "check the class or table name in the settings, and that its application is installed"),
            Self::ApiMissing => ("servicenow.api-missing", Configure,
                "this instance does not have that REST API",
                "activate the plugin `Change Management - REST API`, and check `instance.url`"),
            Self::BodyTooLarge => ("servicenow.body-too-large", Give,
                "the request is larger than this instance takes",
                "send less, or raise glide.rest.max_content_length"),
            Self::BadRequest => ("servicenow.bad-request", Give,
                "ServiceNow could not make sense of the request",
                "read ServiceNow's own words in the detail; most often a field of the mapping does not fit its column"),
            Self::RateLimited => ("servicenow.rate-limited", Retry,
                "ServiceNow asks for fewer requests",
                "nothing to do: the event is delivered again; if it lasts, raise the rate limit rule for the integration user"),
            Self::TransactionCancelled => ("servicenow.transaction-cancelled", Retry,
                "ServiceNow stopped the request because it took too long",
                "nothing to do: the event is delivered again; if it lasts, look at business rules and flows on this table"),
            Self::ServerError => ("servicenow.server-error", Retry,
                "ServiceNow failed while it worked on the request",
                "nothing to do if it passes: the event is delivered again; else look the transaction up in the system log"),
            Self::Unavailable => ("servicenow.unavailable", Retry,
                "ServiceNow is not available for the moment",
                "nothing to do: the event is delivered again"),
            Self::Redirected => ("servicenow.redirected", Retry,
                "ServiceNow sent the request elsewhere: to a login page, or because the instance sleeps",
                "open the instance in a browser; a developer instance must be woken; check `instance.url`"),
            Self::NotJson => ("servicenow.not-json", Retry,
                "ServiceNow answered with a page instead of data: it sleeps, or is being maintained",
                "open the instance in a browser; a developer instance must be woken"),
            Self::ReplyCut => ("servicenow.reply-cut", Retry,
                "ServiceNow's reply broke off",
                "nothing to do: the event is delivered again"),
            Self::ReplyUnexpected => ("servicenow.reply-unexpected", Retry,
                "ServiceNow's reply does not answer the question",
                "nothing to do if it passes; else check that `instance.url` leads to ServiceNow and not to a proxy's page"),
        }
    }
}

impl Error {
    /// An error of this kind without words of ServiceNow's.
    pub fn new(kind: Kind, request: impl Into<String>) -> Self {
        Self { kind, request: request.into(), detail: None, retry_after_ms: None }
    }

    /// Adds words of ServiceNow's.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What is wrong and what to do about it.
    pub fn problem(&self) -> Problem {
        let (code, _, summary, remedy) = self.kind.row();
        Problem {
            code: code.into(),
            summary: format!("{summary} ({})", self.request),
            remedy: remedy.into(),
            detail: self.detail.clone(),
        }
    }

    /// No reply at all.
    pub(super) fn from_send(error: SendError, request: &str) -> Self {
        let (kind, detail) = match error {
            SendError::Denied => (Kind::EgressDenied, None),
            SendError::NoCredential => (Kind::CredentialUnavailable, None),
            SendError::TooLarge => (Kind::ReplyTooLarge, None),
            SendError::TimedOut => (Kind::TimedOut, None),
            SendError::Lost(why) => (Kind::Unreachable, Some(why)),
        };
        Self { kind, request: request.into(), detail, retry_after_ms: None }
    }

    /// A reply whose status is no success.
    pub(super) fn from_reply(reply: &Response, request: &str) -> Self {
        let envelope = serde_json::from_slice::<Value>(&reply.body).ok().and_then(Record::new);
        let (message, detail) = envelope.as_ref().map(words).unwrap_or_default();
        let kind = classify(reply.status, &message, &detail);
        let words = [message.as_str(), detail.as_str()].into_iter().filter(|words| !words.is_empty());
        let words = words.collect::<Vec<_>>().join(": ");
        Self {
            kind,
            request: request.into(),
            detail: (!words.is_empty()).then(|| words.chars().take(DETAIL_LIMIT).collect()),
            retry_after_ms: retry_after(reply),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let problem = error.problem();
        match error.kind.row().1 {
            Remedy::Retry => Self::Retry(Later { problem, retry_after_ms: error.retry_after_ms }),
            Remedy::Configure => Self::Misconfigured(problem),
            Remedy::Give => Self::Refused(problem),
        }
    }
}

/// `error.message` and `error.detail`; the detail may be `null` or absent.
fn words(envelope: &Record) -> (String, String) {
    let error = envelope.fields().get("error").cloned().and_then(Record::new).unwrap_or_default();
    (error.text("message").into_owned(), error.text("detail").into_owned())
}

/// KB0534905 and the REST API's response codes; the texts are those that instances send.
fn classify(status: u16, message: &str, detail: &str) -> Kind {
    let says = |words: &str| message.contains(words) || detail.contains(words);
    match status {
        300..=399 => Kind::Redirected,
        401 if says("token endpoint refused the client") => Kind::TokenRefused,
        401 => Kind::CredentialRefused,
        403 if says("Business Rule") => Kind::BusinessRule,
        403 if says("Data Policy") || says("mandatory") => Kind::DataPolicy,
        403 if says("Insufficient rights to query") => Kind::QueryDenied,
        403 if says("ACL Exception") => Kind::AclDenied,
        403 if says("access scope") => Kind::ScopeMissing,
        403 if says("API level ACL") || says("User Not Authorized") => Kind::ApiDenied,
        403 => Kind::Forbidden,
        404 if says("Requested URI") => Kind::ApiMissing,
        404 => Kind::NotFound,
        413 => Kind::BodyTooLarge,
        400 if says("Invalid table") || says("does not exist") => Kind::TableMissing,
        400 if says("Requested URI") => Kind::ApiMissing,
        400 if says("Rejected large REST payload") => Kind::BodyTooLarge,
        429 => Kind::RateLimited,
        502..=504 => Kind::Unavailable,
        500 if says("Transaction cancelled") => Kind::TransactionCancelled,
        500.. => Kind::ServerError,
        _ => Kind::BadRequest,
    }
}

/// `Retry-After` in milliseconds. ServiceNow sends whole seconds, at most an hour of them.
fn retry_after(reply: &Response) -> Option<u64> {
    let seconds: u64 = reply.header("retry-after")?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1000).min(RETRY_AFTER_LIMIT_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Error {
        Error::from_reply(&Response { status, headers: Vec::new(), body: body.into() }, "PATCH change_request")
    }

    #[test]
    fn a_403_is_told_apart_by_its_detail() {
        let forbidden = |detail: &str| {
            let body =
                serde_json::json!({"error": {"message": "Operation Failed", "detail": detail}, "status": "failure"});
            reply(403, &body.to_string()).kind
        };
        assert_eq!(forbidden("ACL Exception Insert Failed due to security constraints"), Kind::AclDenied);
        assert_eq!(forbidden("Operation against file 'x' was aborted by Business Rule 'y^1'."), Kind::BusinessRule);
        assert_eq!(
            forbidden("Data Policy Exception: The following fields are mandatory: Close notes"),
            Kind::DataPolicy
        );
        assert_eq!(forbidden("something new"), Kind::Forbidden);
        let query = r#"{"error":{"message":"Insufficient rights to query records","detail":null},"status":"failure"}"#;
        assert_eq!(reply(403, query).kind, Kind::QueryDenied);
    }

    /// The host tells it as ServiceNow tells its errors.
    #[test]
    fn a_client_without_a_token_is_told_from_a_refused_credential() {
        let told = r#"{"error":{"message":"The token endpoint refused the client","detail":"401 Unauthorized: invalid_client"}}"#;
        let error = reply(401, told);
        assert_eq!(error.kind, Kind::TokenRefused);
        assert!(error.detail.unwrap().contains("invalid_client"));
        assert_eq!(reply(401, r#"{"error":{"message":"User is not authenticated"}}"#).kind, Kind::CredentialRefused);
    }

    #[test]
    fn an_error_body_without_a_detail_or_without_json_is_still_an_error() {
        assert_eq!(reply(400, r#"{"error":{"message":"Invalid table foo"}}"#).kind, Kind::TableMissing);
        assert_eq!(reply(503, "<html>upgrading</html>").kind, Kind::Unavailable);
        assert_eq!(reply(500, "").kind, Kind::ServerError);
    }

    #[test]
    fn what_passes_is_retried_after_the_time_that_servicenow_asks_for() {
        let headers = vec![("retry-after".to_owned(), "42".to_owned())];
        let error = Error::from_reply(&Response { status: 429, headers, body: Vec::new() }, "GET incident");
        assert_eq!(error.retry_after_ms, Some(42_000));
        assert!(matches!(Failure::from(error), Failure::Retry(Later { retry_after_ms: Some(42_000), .. })));
    }

    #[test]
    fn the_words_of_servicenow_are_kept_up_to_a_limit() {
        let body = serde_json::json!({"error": {"message": "Operation Failed", "detail": "x".repeat(5000)}});
        assert_eq!(reply(403, &body.to_string()).detail.unwrap().chars().count(), DETAIL_LIMIT);
    }
}
