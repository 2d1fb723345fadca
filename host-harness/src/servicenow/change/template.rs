//! Standard change templates: what a pre-approved change is filled in with.

use crate::servicenow::engine::Engine;
use crate::servicenow::engine::query::Query;
use crate::servicenow::engine::record::Record;
use crate::servicenow::engine::refusal::Refusal;

/// The columns that a template decides, whatever was sent beside it.
pub const FIXED: &[&str] = &["description", "implementation_plan", "backout_plan", "test_plan"];

/// Fills a new change in from the version of a template that it names. The template's plans win over what was sent;
/// its other values stand where nothing was sent.
pub(super) fn apply(engine: &Engine, change: &mut Record) -> Result<(), Refusal> {
    let version = engine.get("std_change_producer_version", change.get("std_change_producer_version"));
    let Some(version) = version.filter(|version| version.is("active")) else {
        change.set("std_change_producer_version", "");
        return Ok(());
    };
    let template = engine.get("std_change_record_producer", version.get("std_change_producer"));
    let Some(template) = template else { return Ok(()) };
    for term in Query::parse(template.get("template")).segments.into_iter().flatten().flatten() {
        let Some(column) = engine.dictionary.column("change_request", &term.field) else { continue };
        let untouched = change.get(&term.field) == column.default;
        if untouched || FIXED.contains(&term.field.as_str()) {
            change.set(&term.field, term.value);
        }
    }
    Ok(())
}
