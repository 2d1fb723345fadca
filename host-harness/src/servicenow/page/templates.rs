//! The page's templates, compiled into the binary.

use super::view::View;
use minijinja::{Environment, Error};
use std::sync::OnceLock;

/// Name and text of each.
const TEMPLATES: &[(&str, &str)] = &[
    ("base.html", include_str!("templates/base.html")),
    ("changes.html", include_str!("templates/changes.html")),
    ("change.html", include_str!("templates/change.html")),
    ("incidents.html", include_str!("templates/incidents.html")),
    ("incident.html", include_str!("templates/incident.html")),
    ("items.html", include_str!("templates/items.html")),
    ("item.html", include_str!("templates/item.html")),
    ("requests.html", include_str!("templates/requests.html")),
    ("missing.html", include_str!("templates/missing.html")),
];

/// Renders a page. What it shows is escaped.
pub fn render(template: &str, view: View) -> Result<String, Error> {
    static ENVIRONMENT: OnceLock<Result<Environment<'static>, String>> = OnceLock::new();
    let environment = ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        for (name, text) in TEMPLATES {
            environment.add_template(name, text).map_err(|error| error.to_string())?;
        }
        Ok(environment)
    });
    match environment {
        Ok(environment) => environment.get_template(template)?.render(minijinja::value::Serde(view)),
        Err(error) => Err(Error::new(minijinja::ErrorKind::BadSerialization, error.clone())),
    }
}
