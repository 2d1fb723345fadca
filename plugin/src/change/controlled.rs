//! Which work needs a change request.

use super::Work;
use crate::settings::Settings;
use itsm_contract::types::Tier;

/// Whether this work needs a change request. Every list in the settings that is not empty must hold a match.
///
/// # Errors
/// Not an error: why it needs none, in words for a person.
pub fn is_controlled(settings: &Settings, work: Work) -> Result<(), String> {
    if !settings.workflows.change_requests {
        return Err("change requests are switched off".into());
    }
    let controlled = &settings.change.controlled;
    let (is_asked, what) = match work {
        Work::Build(_) => (controlled.builds, "builds are not controlled"),
        Work::Deployment(_) => (controlled.deployments, "deployments are not controlled"),
    };
    if is_asked == Some(false) {
        return Err(what.into());
    }
    let environment = work.environment();
    let name = environment.map(|environment| environment.name.as_str());
    if !holds(&controlled.environments, |pattern| name.is_some_and(|name| matches(pattern, name))) {
        return Err(match name {
            Some(name) => format!("the environment {name} is not controlled"),
            None => "no environment is known yet, and only some are controlled".into(),
        });
    }
    let tier = environment.map(|environment| tier_name(&environment.tier));
    if !holds(&controlled.tiers, |wanted| tier == Some(wanted)) {
        return Err(match tier {
            Some(tier) => format!("the tier {tier} is not controlled"),
            None => "no tier is known yet, and only some are controlled".into(),
        });
    }
    if !holds(&controlled.labels, |wanted| work.labels().iter().any(|(name, value)| is_label(wanted, name, value))) {
        return Err("it carries no label that is controlled".into());
    }
    let image = &work.build().image.name;
    if !holds(&controlled.images, |pattern| matches(pattern, image)) {
        return Err(format!("the image {image} is not controlled"));
    }
    Ok(())
}

/// The contract's name of a tier.
pub fn tier_name(tier: &Tier) -> &str {
    match tier {
        Tier::Development => "development",
        Tier::Test => "test",
        Tier::Staging => "staging",
        Tier::Production => "production",
        Tier::Other(name) => name,
    }
}

fn holds(list: &[String], is_match: impl Fn(&str) -> bool) -> bool {
    list.is_empty() || list.iter().any(|entry| is_match(entry))
}

/// `name` or `name=value`.
fn is_label(wanted: &str, name: &str, value: &str) -> bool {
    match wanted.split_once('=') {
        Some((wanted_name, wanted_value)) => wanted_name.trim() == name && wanted_value.trim() == value,
        None => wanted.trim() == name,
    }
}

/// Whether `text` is what `pattern` says, `*` standing for any run of characters. Linear in the text for each `*`.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, expected) in [
            ("prod-*", "prod-eu-1", true),
            ("prod-*", "preprod-1", false),
            ("*", "", true),
            ("*-eu-*", "prod-eu-1", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "acb", false),
            ("ab*b", "ab", false),
            ("prod", "prod", true),
            ("prod", "prod-1", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_label_is_matched_by_name_or_by_name_and_value() {
        assert!(is_label("controlled", "controlled", "yes"));
        assert!(is_label("controlled=yes", "controlled", "yes"));
        assert!(!is_label("controlled=no", "controlled", "yes"));
    }
}
