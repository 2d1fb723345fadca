//! Test Connection: from reaching the instance to what each enabled workflow reads. Each step is one finding; what cannot
//! be looked at because an earlier step is broken is told as skipped.

use super::{broken, ok, skipped};
use crate::incident::close_code;
use crate::plugin::Plugin;
use crate::servicenow::{Error, Kind, Query};
use crate::settings::{ChangeType, Settings};
use crate::transport::Method;
use itsm_contract::answers::{Finding, Health};
use itsm_contract::types::Problem;

/// One step of the test.
struct Step {
    subject: String,
    look: Look,
}

/// What a step looks at.
enum Look {
    /// A table, and the columns that the workflow reads.
    Table(String, &'static str),
    /// An API's resource.
    Resource(String),
    /// A record that the settings name: table, column, name, and the key that names it.
    Named(&'static str, &'static str, String, &'static str),
    /// The data source, a choice of `cmdb_ci.discovery_source`.
    DataSource(String),
    /// The resolution codes.
    CloseCode,
}

/// Every finding, in the order in which the steps depend on each other.
pub fn test(plugin: &Plugin) -> Vec<Finding> {
    let mut findings = reach(plugin);
    let mut is_up = findings.iter().all(|finding| finding.health == Health::Ok);
    for (workflow, is_on, steps) in steps(plugin.settings()) {
        if !is_on {
            findings.push(skipped(workflow, "the settings switch it off"));
            continue;
        }
        for step in steps {
            if !is_up {
                findings.push(skipped(&step.subject, "an earlier step is broken"));
                continue;
            }
            let outcome = look(plugin, &step.look);
            is_up = !matches!(&outcome, Err(Trouble::Request(error)) if ends_it(error.kind));
            findings.push(match outcome {
                Ok(()) => ok(&step.subject),
                Err(Trouble::Request(error)) => broken(&step.subject, error.problem()),
                Err(Trouble::Other(problem)) => broken(&step.subject, problem),
            });
        }
    }
    findings
}

enum Trouble {
    Request(Error),
    Other(Problem),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Request(error)
    }
}

/// Whether the instance answers, and takes the credential. One request tells both.
fn reach(plugin: &Plugin) -> Vec<Finding> {
    let (instance, credential) = ("instance", "credential");
    let error = match plugin.client().list("sys_user", &Query::new(), "sys_id", 1) {
        Ok(_) => return vec![ok(instance), ok(credential)],
        Err(error) => error,
    };
    match error.kind {
        Kind::CredentialRefused | Kind::TokenRefused | Kind::CredentialUnavailable => {
            let reached = match error.kind {
                Kind::CredentialUnavailable => skipped(instance, "without a credential nothing is sent"),
                _ => ok(instance),
            };
            vec![reached, broken(credential, error.problem())]
        }
        kind if ends_it(kind) => {
            vec![broken(instance, error.problem()), skipped(credential, "the instance does not answer")]
        }
        // The instance knows who asks, and lets them read less than this.
        _ => vec![ok(instance), ok(credential)],
    }
}

/// Whether asking on is of no use.
fn ends_it(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::EgressDenied
            | Kind::CredentialUnavailable
            | Kind::CredentialRefused
            | Kind::TokenRefused
            | Kind::Unreachable
            | Kind::TimedOut
            | Kind::Unavailable
            | Kind::Redirected
            | Kind::NotJson
            | Kind::RateLimited
    )
}

/// What each workflow reads.
fn steps(settings: &Settings) -> Vec<(&'static str, bool, Vec<Step>)> {
    let table = |name: &str, fields| Step { subject: format!("table {name}"), look: Look::Table(name.into(), fields) };
    let named = |what: &str, table, column, name: &Option<String>, key| {
        name.as_ref()
            .map(|name| Step { subject: format!("{what} {name}"), look: Look::Named(table, column, name.clone(), key) })
    };
    let mut change = vec![
        table("change_request", "number,state,approval,correlation_id,work_notes"),
        Step {
            subject: "Change Management API".into(),
            look: Look::Resource("/api/sn_chg_rest/change?sysparm_limit=1".into()),
        },
    ];
    let group = &settings.change.assignment_group;
    change.extend(named("group", "sys_user_group", "name", group, "change.assignment-group"));
    if settings.change.kind == ChangeType::Standard {
        let template = &settings.change.template;
        change.extend(named("template", "std_change_producer_version", "name", template, "change.template"));
    }
    let mut incidents = vec![table("incident", "number,state,correlation_id,work_notes,close_code")];
    if settings.incident.resolve {
        incidents.push(Step { subject: "resolution codes".into(), look: Look::CloseCode });
    }
    let group = &settings.incident.assignment_group;
    incidents.extend(named("group", "sys_user_group", "name", group, "incident.assignment-group"));
    incidents.extend(named("caller", "sys_user", "user_name", &settings.incident.caller, "incident.caller"));

    let cmdb = &settings.cmdb;
    let mut classes = vec![&cmdb.image_class, &cmdb.virtual_class, &cmdb.physical_class];
    classes.dedup();
    let mut items: Vec<Step> = classes.into_iter().map(|class| table(class, "name,correlation_id")).collect();
    items.push(table("cmdb_rel_ci", "parent,child,type"));
    items.push(table("sys_object_source", "name,id,source_recency_timestamp"));
    let relation = Some(cmdb.relation.clone());
    items.extend(named("relation", "cmdb_rel_type", "name", &relation, "cmdb.relation"));
    items.push(Step {
        subject: format!("data source {}", cmdb.data_source),
        look: Look::DataSource(cmdb.data_source.clone()),
    });

    let attachments = Look::Resource("/api/now/attachment?sysparm_limit=1".into());
    let on = &settings.workflows;
    vec![
        ("change requests", on.change_requests, change),
        (
            "approval gates",
            on.approval_gates,
            vec![table("sysapproval_approver", "sysapproval,approver,state,comments")],
        ),
        ("incidents", on.incidents, incidents),
        ("cmdb", on.cmdb, items),
        ("evidence", on.evidence, vec![Step { subject: "attachments".into(), look: attachments }]),
    ]
}

fn look(plugin: &Plugin, look: &Look) -> Result<(), Trouble> {
    let client = plugin.client();
    match look {
        Look::Table(table, fields) => {
            let found = client.list(table, &Query::new().ordered_by("sys_id"), fields, 1)?;
            let Some(record) = found.first() else { return Ok(()) };
            // A column that may not be read is not there.
            let hidden: Vec<&str> = fields.split(',').filter(|field| !record.has(field)).collect();
            match hidden.as_slice() {
                [] => Ok(()),
                hidden => Err(other(
                    "servicenow.columns-hidden",
                    format!("the integration user may not read {} of {table}", hidden.join(", ")),
                    "let the integration user read these columns: look at their access rules",
                )),
            }
        }
        Look::Resource(target) => {
            client.call(Method::Get, target.clone(), None, "GET resource")?;
            Ok(())
        }
        Look::Named(table, column, name, key) => match plugin.reference(table, column, name) {
            Ok(_) => Ok(()),
            Err(Error { kind: Kind::NotFound, .. }) => Err(other(
                "settings.unknown-name",
                format!("{table} has nothing that is called `{name}`, or the integration user may not read it"),
                &format!("correct `{key}` in the settings"),
            )),
            Err(error) => Err(error.into()),
        },
        Look::DataSource(name) => {
            let query =
                Query::new().equals("name", "cmdb_ci").equals("element", "discovery_source").equals("value", name);
            let found = client.list("sys_choice", &query, "name,element,value", 10)?;
            match found.iter().any(|choice| choice.text("value") == name.as_str()) {
                true => Ok(()),
                false => Err(other(
                    "cmdb.data-source-unknown",
                    format!("`{name}` is no choice of cmdb_ci.discovery_source"),
                    "set `cmdb.data-source` to one of its choices, or add this one",
                )),
            }
        }
        Look::CloseCode => close_code(plugin).map(drop).map_err(|failure| Trouble::Other(failure.into_problem())),
    }
}

fn other(code: &str, summary: String, remedy: &str) -> Trouble {
    Trouble::Other(Problem { code: code.into(), summary, remedy: remedy.into(), detail: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{SETTINGS, Script};
    use crate::transport::Method::Get;
    use serde_json::{Value, json};

    fn list(rows: &[Value]) -> Value {
        json!({ "result": rows })
    }

    /// Only incidents and evidence.
    fn settings() -> String {
        let workflows = r#"{"workflows":{"change-requests":false,"approval-gates":false,"cmdb":false},"#;
        SETTINGS.replacen('{', workflows, 1)
    }

    fn told(findings: &[Finding]) -> Vec<(&str, Health)> {
        findings.iter().map(|finding| (finding.subject.as_str(), finding.health)).collect()
    }

    #[test]
    fn every_step_of_an_enabled_workflow_is_a_finding_and_a_disabled_one_is_skipped() {
        let choice = json!({"name": "incident", "element": "close_code", "value": "Solution provided"});
        let incident = json!({"sys_id": "1", "number": "", "state": "1", "correlation_id": "", "close_code": ""});
        let script = Script::new()
            .on(Get, "sys_user", 200, list(&[]))
            .on(Get, "table/incident limit=1", 200, list(&[incident]))
            .on(Get, "sys_choice", 200, list(&[choice]))
            .on(
                Get,
                "/api/now/attachment",
                403,
                json!({"error": {"message": "User Not Authorized", "detail": "Failed API level ACL Validation"}}),
            );
        let findings = script.run(&settings(), test);
        assert_eq!(
            told(&findings),
            [
                ("instance", Health::Ok),
                ("credential", Health::Ok),
                ("change requests", Health::Skipped),
                ("approval gates", Health::Skipped),
                ("table incident", Health::Broken),
                ("resolution codes", Health::Ok),
                ("cmdb", Health::Skipped),
                ("attachments", Health::Broken),
            ]
        );
        let problem = |index: usize| findings[index].problem.clone().unwrap();
        assert_eq!(problem(4).summary, "the integration user may not read work_notes of incident");
        assert_eq!(problem(7).code, "servicenow.api-denied");
    }

    #[test]
    fn after_an_instance_that_does_not_answer_nothing_more_is_asked() {
        let findings = Script::new().lost(Get, "sys_user").run(&settings(), test);
        assert_eq!(told(&findings)[0], ("instance", Health::Broken));
        assert!(findings[1..].iter().all(|finding| finding.health == Health::Skipped));
    }

    #[test]
    fn a_refused_credential_is_told_apart_from_an_instance_that_is_away() {
        let refused =
            json!({"error": {"message": "User Not Authenticated", "detail": "Required to provide Auth information"}});
        let findings = Script::new().on(Get, "sys_user", 401, refused).run(&settings(), test);
        assert_eq!(told(&findings)[..2], [("instance", Health::Ok), ("credential", Health::Broken)]);
    }
}
