//! What must be done about an item that identification and reconciliation did not store.

use crate::servicenow::Record;
use itsm_contract::types::{Failure, Later, Problem};
use serde_json::Value;

/// Neither stored nor refused: kept aside (`INSERT_AS_PARTIAL`, `INSERT_AS_INCOMPLETE`), or without a record.
pub fn parked(item: &Record, operation: &str) -> Failure {
    let warnings = item.fields().get("warnings").and_then(Value::as_array).cloned().unwrap_or_default();
    let warning = warnings.into_iter().find_map(Record::new).unwrap_or_default();
    let (code, summary, remedy) = match operation {
        "INSERT_AS_PARTIAL" => (
            "cmdb.partial",
            "ServiceNow keeps it aside as partial: what identifies it is missing",
            "give the system a serial number or a name that its class identifies by",
        ),
        "INSERT_AS_INCOMPLETE" => (
            "cmdb.incomplete",
            "ServiceNow keeps it aside as incomplete",
            "check `cmdb.data-source`, and what the class depends on",
        ),
        _ => ("cmdb.no-record", "ServiceNow names no record for it", "look at the identification rules of its class"),
    };
    let detail = format!("{operation} {}", warning.text("message"));
    Failure::Refused(problem(code, summary, remedy, detail.trim().to_owned()))
}

/// Not looked at, because others failed.
pub fn abandoned() -> Failure {
    let problem = problem(
        "cmdb.abandoned",
        "ServiceNow left it undone because of others",
        "nothing to do: the event is delivered again",
        String::new(),
    );
    Failure::Retry(Later { problem, retry_after_ms: None })
}

/// Two systems of one deployment would be one item. `detail` is what they have in common.
pub fn same_item(detail: &str) -> Failure {
    Failure::Refused(problem(
        "cmdb.same-item",
        "two systems of this deployment are one item in the CMDB",
        "give each system identifiers of its own",
        detail.to_owned(),
    ))
}

/// What must be done about each of the engine's errors (Identification engine error messages).
pub fn refused(code: &str, message: String) -> Failure {
    let detail = format!("{code}: {message}");
    match code {
        "LOCK_TIMEOUT" => {
            let problem = problem(
                "cmdb.locked",
                "another update of the same item takes too long",
                "nothing to do: the event is delivered again",
                detail,
            );
            Failure::Retry(Later { problem, retry_after_ms: None })
        }
        "MISSING_DEPENDENCY" | "MULTIPLE_DEPENDENCIES" | "NO_LOOKUP_RULES_FOR_DEPENDENT_CI" => {
            Failure::Misconfigured(problem(
                "cmdb.dependency",
                "items of this class exist only beside another that hosts them",
                "choose a class that identifies independently in the `cmdb` settings",
                detail,
            ))
        }
        "IDENTIFICATION_RULE_MISSING" | "METADATA_RULE_MISSING" | "QUALIFICATION_LOOP" => {
            Failure::Misconfigured(problem(
                "cmdb.rule-missing",
                "ServiceNow has no rule that identifies items of this class",
                "add an identification rule, or choose another class in the `cmdb` settings",
                detail,
            ))
        }
        "INVALID_INPUT_DATA" if detail.contains("invalid data source") => Failure::Misconfigured(problem(
            "cmdb.data-source-unknown",
            "this instance knows no such data source",
            "set `cmdb.data-source` to a choice of cmdb_ci.discovery_source, or add this one",
            detail,
        )),
        "INSERT_NOT_ALLOWED_FOR_SOURCE" | "RECLASSIFICATION_NOT_ALLOWED" => Failure::Misconfigured(problem(
            "cmdb.source-not-allowed",
            "ServiceNow does not let this data source do this",
            "look at the reconciliation rules for `cmdb.data-source`",
            detail,
        )),
        "MULTIPLE_DUPLICATE_RECORDS" | "MULTI_MATCH" => Failure::Refused(problem(
            "cmdb.duplicates",
            "the CMDB has several items that this could be",
            "work off the de-duplication task in ServiceNow",
            detail,
        )),
        "DUPLICATE_PAYLOAD_RECORDS" | "DUPLICATE_RELATED_PAYLOAD" | "DUPLICATE_LOOKUP_PAYLOAD" => same_item(&detail),
        "MISSING_MATCHING_ATTRIBUTES" | "REQUIRED_ATTRIBUTE_EMPTY" => Failure::Refused(problem(
            "cmdb.identifier-missing",
            "what identifies it is missing",
            "give the system the identifier that the detail names",
            detail,
        )),
        _ => Failure::Refused(problem(
            "cmdb.refused",
            "ServiceNow did not take it into the CMDB",
            "read ServiceNow's own words in the detail",
            detail,
        )),
    }
}

fn problem(code: &str, summary: &str, remedy: &str, detail: String) -> Problem {
    let detail = (!detail.is_empty()).then_some(detail);
    Problem { code: code.into(), summary: summary.into(), remedy: remedy.into(), detail }
}
