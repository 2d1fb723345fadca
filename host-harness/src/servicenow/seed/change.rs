//! The change management of a new instance: models, a standard change template, who approves what.

use super::people::{CAB, keep};
use crate::servicenow::change::approvals::{ApprovalPolicy, Approvers, WaitFor};
use crate::servicenow::change::model::AUTHORIZE;
use crate::servicenow::engine::Engine;
use crate::servicenow::engine::record::Record;

/// The stock model of normal changes.
pub const NORMAL_MODEL: &str = "007c4001c343101035ae3f52c1d3aeb2";

/// Models: name, `sys_id`, type.
const MODELS: &[(&str, &str, &str)] = &[
    ("Normal", NORMAL_MODEL, "normal"),
    ("Emergency", "62db9a5dc343101035ae3f52c1d3ae53", "emergency"),
    ("Standard", "e55d0bfec343101035ae3f52c1d3ae49", "standard"),
];

/// The template *Publish golden image*: its record producer, for `POST /change/standard/{id}`.
pub const TEMPLATE: &str = "92b8544047810200e90d87e8dee490b0";
/// Its version, for `std_change_producer_version` through the Table API: another `sys_id`.
pub const TEMPLATE_VERSION: &str = "6d07efd897d146104546f027f053af1f";

/// What the template fills in.
const TEMPLATE_VALUES: &str = "category=System Software^assignment_group=287ebd7da9fe198100f92cc8d1d2154e^risk=4^\
impact=3^short_description=Publish golden image^description=A golden image is published from the image factory.^\
implementation_plan=The factory publishes the image and deploys it.^\
backout_plan=The image before it is published again.^test_plan=The factory verifies each system.^EQ";

/// Adds them.
pub fn add(engine: &mut Engine) {
    for (name, sys_id, kind) in MODELS {
        keep(
            engine,
            Record::new("chg_model")
                .with("sys_id", *sys_id)
                .with("name", *name)
                .with("active", "true")
                .with("default_change_model", (*kind == "normal").to_string())
                .with("record_preset", format!("type={kind}^EQ")),
        );
    }
    keep(
        engine,
        Record::new("std_change_record_producer")
            .with("sys_id", TEMPLATE)
            .with("sys_name", "Publish golden image")
            .with("name", "Publish golden image")
            .with("short_description", "Publish golden image")
            .with("current_version", TEMPLATE_VERSION)
            .with("template", TEMPLATE_VALUES),
    );
    keep(
        engine,
        Record::new("std_change_producer_version")
            .with("sys_id", TEMPLATE_VERSION)
            .with("version", "1")
            .with("std_change_producer", TEMPLATE),
    );
}

/// Who approves what on a new instance: the CAB authorizes, the first answer decides. Nobody has to be asked in
/// Assess, so a normal change goes through it to Authorize.
pub fn policies() -> Vec<ApprovalPolicy> {
    vec![ApprovalPolicy {
        name: "CAB Approval".into(),
        types: vec!["normal".into(), "emergency".into()],
        state: AUTHORIZE,
        approvers: Approvers::Group(CAB.into()),
        wait_for: WaitFor::FirstResponse,
        condition: String::new(),
    }]
}
