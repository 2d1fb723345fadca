//! A custom mapping in Rust.
//!
//! It says in code what `../rules.toml` says in rules. The crate is an ordinary one for `wasm32-wasip2`; what that
//! target's standard library asks of WASI is inert, and a host links it empty.

use exports::openfactory::itsm_mapping::mapping::{Complaint, Field, Guest, Mapped, Produced, Value};
use serde::Deserialize;

wit_bindgen::generate!({ path: "../../../wit/deps/itsm-mapping", world: "custom-mapping" });

/// The parts of an event that these rules read. What else an event has is passed over.
#[derive(Deserialize)]
struct Event {
    build: Build,
    environment: Option<Environment>,
    #[serde(default)]
    labels: serde_json::Map<String, serde_json::Value>,
    message: Option<String>,
    step: Option<serde_json::Value>,
    tests: Option<Tests>,
    system: Option<System>,
}

#[derive(Deserialize)]
struct Build {
    image: Image,
}

#[derive(Deserialize)]
struct Image {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Environment {
    tier: serde_json::Value,
}

#[derive(Deserialize)]
struct Tests {
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    outcome: String,
    detail: Option<String>,
}

#[derive(Deserialize)]
struct System {
    kind: serde_json::Value,
}

struct Acme;

impl Guest for Acme {
    /// There are no rules to check: they are this code.
    fn check_rules(_rules: String) -> Result<Vec<Produced>, Vec<Complaint>> {
        let produced = |kind: &str, fields: &[&str]| Produced {
            kind: kind.into(),
            fields: fields.iter().map(|name| (*name).to_owned()).collect(),
            open: false,
        };
        let change = ["category", "assignment_group", "u_cost_center", "cab_required"];
        Ok(vec![
            produced("build-change", &change),
            produced("deploy-change", &change),
            produced("incident", &["assignment_group", "description", "urgency"]),
            produced("image", &["short_description"]),
            produced("system", &["short_description", "location"]),
        ])
    }

    fn apply(_rules: String, kind: String, event: String, defaults: Vec<Field>) -> Result<Mapped, Complaint> {
        let event: Event = serde_json::from_str(&event).map_err(|error| complaint(error.to_string()))?;
        let mut record = Record(Mapped { class_name: None, fields: defaults });
        match kind.as_str() {
            "build-change" | "deploy-change" => record.change(&event),
            "incident" => record.incident(&event),
            "image" => {
                let Image { name, version } = &event.build.image;
                record.text("short_description", format!("{} {version}", name.to_uppercase()));
            }
            "system" => record.system(&event),
            other => return Err(complaint(format!("these rules know no `{other}`"))),
        }
        Ok(record.0)
    }
}

/// A record while it is written.
struct Record(Mapped);

impl Record {
    fn change(&mut self, event: &Event) {
        self.text("category", "System Software");
        self.team(event);
        if let Some(center) = event.labels.get("cost-center").and_then(|center| center.as_str()) {
            self.text("u_cost_center", center);
        }
        if event.is_production() {
            self.text("cab_required", "true");
        }
    }

    fn incident(&mut self, event: &Event) {
        self.team(event);
        let mut description = event.message.clone().unwrap_or_default();
        for check in event.tests.iter().flat_map(|tests| &tests.checks).filter(|check| check.outcome == "failed") {
            let detail = check.detail.as_deref().unwrap_or("no detail");
            description.push_str(&format!("\n- {}: {detail}", check.name));
        }
        self.text("description", description);
        self.0.fields.retain(|field| field.name != "impact");
        if event.is_production() && event.step.as_ref().is_some_and(|step| step == "verification") {
            self.text("urgency", "1");
        }
    }

    fn system(&mut self, event: &Event) {
        let Image { name, version } = &event.build.image;
        self.text("short_description", format!("Runs {name} {version}"));
        if event.system.as_ref().is_some_and(|system| system.kind == "physical") {
            self.0.class_name = Some("cmdb_ci_server".into());
            self.set("location", Value::Named("Prague".into()));
        }
    }

    /// The team of an image's family; where there is none, the default stays.
    fn team(&mut self, event: &Event) {
        let teams = [("rhel-", "Linux Platform"), ("win-", "Windows Platform")];
        if let Some((_, team)) = teams.iter().find(|(family, _)| event.build.image.name.starts_with(family)) {
            self.set("assignment_group", Value::Named((*team).into()));
        }
    }

    fn text(&mut self, name: &str, text: impl Into<String>) {
        self.set(name, Value::Text(text.into()));
    }

    fn set(&mut self, name: &str, value: Value) {
        self.0.fields.retain(|field| field.name != name);
        self.0.fields.push(Field { name: name.into(), value });
    }
}

impl Event {
    fn is_production(&self) -> bool {
        self.environment.as_ref().is_some_and(|environment| environment.tier == "production")
    }
}

fn complaint(message: String) -> Complaint {
    Complaint { path: String::new(), line: None, column: None, message }
}

export!(Acme);
