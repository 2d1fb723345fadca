//! Checks the settings and the mapping's rules alone, without a network.

use super::broken;
use crate::settings::Settings;
use crate::transport::{Complaint, Mapping};
use itsm_contract::answers::Finding;
use itsm_contract::is_reserved;
use itsm_contract::types::Problem;

/// What is wrong; empty where nothing is.
pub fn validate(settings: &str, mapping: &dyn Mapping) -> Vec<Finding> {
    let settings = match Settings::parse(settings) {
        Ok(settings) => settings,
        Err(error) => {
            return vec![broken(
                "settings",
                Problem {
                    code: "settings.invalid".into(),
                    summary: error.to_string(),
                    remedy: format!("correct `{}` in the settings", error.path),
                    detail: None,
                },
            )];
        }
    };
    let rules = serde_json::Value::Object(settings.mapping.rules.clone()).to_string();
    match mapping.check_rules(&rules) {
        Err(complaints) => complaints.iter().map(complained).collect(),
        Ok(produced) => {
            let fields = produced.iter().flat_map(|kind| kind.fields.iter().map(move |field| (&kind.kind, field)));
            fields.filter(|(_, field)| is_reserved(field)).map(|(kind, field)| reserved(kind, field)).collect()
        }
    }
}

fn complained(complaint: &Complaint) -> Finding {
    let place = complaint.position.map(|(line, column)| format!(", line {line}, column {column}")).unwrap_or_default();
    broken(
        "mapping",
        Problem {
            code: "mapping.invalid".into(),
            summary: format!("mapping.{}{place}: {}", complaint.path, complaint.message),
            remedy: format!("correct `mapping.{}` in the settings", complaint.path),
            detail: None,
        },
    )
}

fn reserved(kind: &str, field: &str) -> Finding {
    broken(
        "mapping",
        Problem {
            code: "mapping.reserved-field".into(),
            summary: format!("`{field}` of {kind} is not the mapping's to set"),
            remedy: "take it out of the mapping's rules: identity, state and approval are the plugin's own".into(),
            detail: None,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SETTINGS;
    use crate::transport::{Field, Mapped, Produced};

    struct Fake(Result<Vec<Produced>, Vec<Complaint>>);

    impl Mapping for Fake {
        fn check_rules(&self, _: &str) -> Result<Vec<Produced>, Vec<Complaint>> {
            self.0.clone()
        }

        fn apply(&self, _: &str, _: &str, _: &str, fields: Vec<Field>) -> Result<Mapped, Complaint> {
            Ok(Mapped { class_name: None, fields })
        }
    }

    fn summaries(settings: &str, mapping: &Fake) -> Vec<String> {
        validate(settings, mapping).into_iter().map(|finding| finding.problem.unwrap().summary).collect()
    }

    #[test]
    fn nothing_is_found_where_nothing_is_wrong() {
        assert_eq!(validate(SETTINGS, &Fake(Ok(Vec::new()))), []);
    }

    #[test]
    fn every_complaint_and_every_reserved_field_is_a_finding() {
        let wrong = SETTINGS.replacen('{', r#"{"incident":{"severity":{"production":{"impact":4,"urgency":1}}},"#, 1);
        assert_eq!(
            summaries(&wrong, &Fake(Ok(Vec::new()))),
            ["incident.severity.production.impact: 4 is no grade: write 1 for high, 2 for medium or 3 for low"]
        );
        let path = "incident.fields.short_description".to_owned();
        let complaint = Complaint { path, position: Some((2, 5)), message: "unknown variable `imag`".into() };
        assert_eq!(
            summaries(SETTINGS, &Fake(Err(vec![complaint]))),
            ["mapping.incident.fields.short_description, line 2, column 5: unknown variable `imag`"]
        );
        let produced = Produced { kind: "incident".into(), fields: vec!["impact".into(), "state".into()], open: false };
        assert_eq!(summaries(SETTINGS, &Fake(Ok(vec![produced]))), ["`state` of incident is not the mapping's to set"]);
    }
}
