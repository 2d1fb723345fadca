//! What an instance would not keep of what a mapping says.

use super::record::parse;
use super::said::{Content, Said, complaint, of_produced, of_records, of_rules};
use super::schema::{Column, Schema, Table, is_sys_id};
use super::{MappingError, Recorded, records};
use crate::grant::Grant;
use crate::guest::Trial;
use itsm_contract::is_reserved;
use serde::Serialize;
use std::collections::BTreeMap;

/// The longest column that the database cuts: longer ones are `mediumtext`, whatever `max_length` says (KB0685779).
const VARCHAR: usize = 255;

/// What would become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The record is not made: the plugin or the instance refuses it.
    Refused,
    /// The field is dropped without a word, and the record is made without it.
    Dropped,
    /// The field is stored empty, or refers to nothing.
    Emptied,
    /// The text is cut, with an ellipsis.
    Cut,
}

/// One thing that an instance would not keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// What would become of it.
    pub outcome: Outcome,
    /// Where the record is made.
    pub table: String,
    /// The column; none where it is the whole record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What is said; none where it is any value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Why, and what would be right.
    pub why: String,
    /// Of `build-change`, `deploy-change`, `incident`, `image` and `system` those that it happens to.
    pub kinds: Vec<String>,
    /// The rules and the events that say so.
    pub from: Vec<String>,
}

/// Holds what a mapping says, by its rules and of these events, against the instance of a grant. Empty where the instance
/// keeps all of it. `settings` are the whole settings as JSON.
///
/// # Errors
/// Where the rules or the settings are wrong, the mapping gives no answer, or the instance's schema cannot be read.
pub async fn against(
    grant: &Grant,
    settings: &str,
    trial: &Trial,
    events: &[Recorded],
) -> Result<Vec<Finding>, MappingError> {
    let parsed = parse(settings)?;
    let rules = serde_json::Value::Object(parsed.mapping.rules.clone()).to_string();
    let produced = trial.check_rules(&rules)?.map_err(|complaints| match complaints.first() {
        Some(first) => complaint(&first.path, first.line, first.column, &first.message),
        None => complaint("", None, None, "the rules are wrong"),
    })?;
    let mut said = of_produced(&produced, &parsed.cmdb);
    // A mapping that follows the rules as the stock one does says what stands in them.
    if let Ok(possible) = default_mapping::possible(&rules)
        && is_the_same(&produced, &rules)
    {
        said = of_rules(&possible, &parsed.cmdb);
    }
    let mut findings = Findings::default();
    for recorded in events {
        let made = records(settings, trial, recorded)?;
        said.extend(of_records(&recorded.name, &made));
        for record in &made {
            if let Err(why) = &record.after {
                let whole = About { table: &record.table, field: None, value: None };
                findings.add(Outcome::Refused, whole, why.clone(), (&record.kind, &recorded.name));
            }
        }
    }
    let schema = Schema::read(grant, &said).await?;
    for one in &said {
        findings.judge(&schema, one);
    }
    Ok(findings.sorted())
}

fn is_the_same(produced: &[crate::guest::trial::Produced], rules: &str) -> bool {
    let Ok(stock) = default_mapping::check_rules(rules) else { return false };
    let sorted = |kind: &str, fields: &[String]| {
        let mut fields = fields.to_vec();
        fields.sort();
        (kind.to_owned(), fields)
    };
    let of = |kind: &default_mapping::Produced| (sorted(&kind.kind, &kind.fields), kind.open);
    let found: Vec<_> = produced.iter().map(|kind| (sorted(&kind.kind, &kind.fields), kind.open)).collect();
    found == stock.iter().map(of).collect::<Vec<_>>()
}

/// What a finding is about: a table, a column of it, a value of that.
#[derive(Clone, Copy)]
struct About<'a> {
    table: &'a str,
    field: Option<&'a str>,
    value: Option<&'a str>,
}

/// Each once, with all that says so.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, outcome: Outcome, about: About<'_>, why: String, (kind, from): (&str, &str)) {
        let finding = Finding {
            outcome,
            table: about.table.to_owned(),
            field: about.field.map(str::to_owned),
            value: about.value.map(str::to_owned),
            why,
            kinds: Vec::new(),
            from: Vec::new(),
        };
        let is_it = |known: &Finding| Finding { kinds: Vec::new(), from: Vec::new(), ..known.clone() } == finding;
        let at = self.0.iter().position(is_it).unwrap_or_else(|| {
            self.0.push(finding);
            self.0.len() - 1
        });
        let Some(known) = self.0.get_mut(at) else { return };
        for (list, one) in [(&mut known.kinds, kind), (&mut known.from, from)] {
            if list.iter().all(|known| known != one) {
                list.push(one.to_owned());
            }
        }
    }

    /// The worst first; of each record together.
    fn sorted(mut self) -> Vec<Finding> {
        let key = |finding: &Finding| (finding.outcome, finding.table.clone(), finding.field.clone());
        self.0.sort_by_key(key);
        self.0
    }

    fn judge(&mut self, schema: &Schema, said: &Said) {
        let Said { kind, table, field, content, from } = said;
        let value = match content {
            Content::Text(text) | Content::Named(text) => Some(text.as_str()),
            Content::Something | Content::Nothing | Content::Class => None,
        };
        let whole = About { table, field: None, value: None };
        let about = About { field: Some(field), value, ..whole };
        let from = (kind.as_str(), from.as_str());
        let Some(known) = schema.tables.get(table) else {
            return self.add(Outcome::Refused, whole, format!("there is no table {table}"), from);
        };
        if *content == Content::Class {
            return;
        }
        if is_reserved(field) {
            let why = "it is the plugin's own, as are all fields of identity, state and approval: leave it out";
            return self.add(Outcome::Refused, about, why.into(), from);
        }
        if known.is_forbidden {
            let why = format!("the integration user may not read {table}: give it a role that may");
            return self.add(Outcome::Refused, whole, why, from);
        }
        let Some(column) = known.columns.get(field) else {
            // What is not there need not be left out.
            if *content != Content::Nothing {
                self.add(Outcome::Dropped, about, missing(known, table, field), from);
            }
            return;
        };
        if *content == Content::Nothing {
            if column.is_mandatory {
                let why = "it is mandatory here: a record without it is refused";
                self.add(Outcome::Refused, about, why.into(), from);
            }
            return;
        }
        if column.is_read_only {
            return self.add(Outcome::Dropped, about, "it is read-only".into(), from);
        }
        if known.hidden.contains(field) {
            let why = "an access rule keeps it from the integration user: what is written to it is passed over";
            return self.add(Outcome::Dropped, about, why.into(), from);
        }
        if let Some((outcome, why)) = judged(schema, said, column) {
            self.add(outcome, about, why, from);
        }
    }
}

fn missing(table: &Table, name: &str, field: &str) -> String {
    let near = table.columns.keys().map(|known| (strsim::osa_distance(field, known), known)).min();
    let hint = match near {
        Some((distance, known)) if distance <= 3 && distance < known.len() => format!("; the nearest is `{known}`"),
        _ => String::new(),
    };
    format!("{name} has no such column{hint}")
}

/// What becomes of a value in a column that is there.
fn judged(schema: &Schema, said: &Said, column: &Column) -> Option<(Outcome, String)> {
    let found = || schema.referred(said).map(|key| (schema.records.get(&key).copied().unwrap_or_default(), key));
    match &said.content {
        Content::Something | Content::Nothing | Content::Class => None,
        Content::Named(_) if column.reference.is_empty() => {
            Some((Outcome::Refused, format!("it is no reference but a {}: write a text", column.kind)))
        }
        Content::Named(_) => match found() {
            Some((0, (table, by, _))) => {
                Some((Outcome::Refused, format!("no record of {table} that the integration user sees has this {by}")))
            }
            Some((2.., (table, by, _))) => {
                Some((Outcome::Refused, format!("several records of {table} have this {by}: give the sys_id of one")))
            }
            _ => None,
        },
        Content::Text(text) if !column.reference.is_empty() && column.kind != "glide_list" => match found() {
            Some((1.., _)) => None,
            Some((0, (table, ..))) => {
                Some((Outcome::Emptied, format!("no record of {table} that the integration user sees has this sys_id")))
            }
            None => Some((
                Outcome::Emptied,
                format!("it refers to a record of {}: write `{{ named = \"…\" }}` or a sys_id", column.reference),
            ))
            .filter(|_| !is_sys_id(text)),
        },
        Content::Text(text) => chosen(text, column).or_else(|| typed(text, column)).or_else(|| {
            let is_cut =
                column.max_length > 0 && column.max_length <= VARCHAR && text.chars().count() > column.max_length;
            is_cut.then(|| {
                (
                    Outcome::Cut,
                    format!("it holds {} characters, and this has {}", column.max_length, text.chars().count()),
                )
            })
        }),
    }
}

/// A choice that is none is stored as nothing.
fn chosen(text: &str, column: &Column) -> Option<(Outcome, String)> {
    let choices = column.choices.as_ref().filter(|choices| !choices.is_empty())?;
    if choices.iter().any(|(value, _)| value == text) {
        return None;
    }
    let why = match choices.iter().find(|(_, label)| label.eq_ignore_ascii_case(text)) {
        Some((value, _)) => format!("that is a choice's label: write its value, `{value}`"),
        None => {
            let values: BTreeMap<&str, ()> = choices.iter().map(|(value, _)| (value.as_str(), ())).collect();
            format!("it is none of the choices {}", values.into_keys().collect::<Vec<_>>().join(", "))
        }
    };
    Some((Outcome::Emptied, why))
}

/// A text that is no value of the column's type is stored as nothing.
fn typed(text: &str, column: &Column) -> Option<(Outcome, String)> {
    let is_time = |text: &str| servicenow_plugin::servicenow::datetime::parse(text).is_some();
    let (is_right, wanted) = match column.kind.as_str() {
        "integer" | "longint" | "decimal" | "float" => (text.parse::<f64>().is_ok(), "a number"),
        "boolean" => (matches!(text, "true" | "false" | "1" | "0"), "true or false"),
        "glide_date_time" | "due_date" => (is_time(text), "a time, such as 2026-11-24 09:30:00 in UTC"),
        "glide_date" => (is_time(&format!("{text} 00:00:00")), "a day, such as 2026-11-24"),
        _ => return None,
    };
    (!is_right).then(|| (Outcome::Emptied, format!("it holds {wanted}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(kind: &str) -> Column {
        Column { kind: kind.into(), max_length: 40, ..Column::default() }
    }

    fn becomes(content: Content, column: Column) -> Option<Outcome> {
        judged_in(Schema::default(), content, column).map(|finding| finding.outcome)
    }

    fn judged_in(mut schema: Schema, content: Content, column: Column) -> Option<Finding> {
        let columns = [("u_it".to_owned(), column)].into();
        schema.tables.insert("incident".into(), Table { columns, ..Table::default() });
        let said = Said {
            kind: "incident".into(),
            table: "incident".into(),
            field: "u_it".into(),
            content,
            from: "a rule".into(),
        };
        let mut findings = Findings::default();
        findings.judge(&schema, &said);
        findings.0.into_iter().next()
    }

    #[test]
    fn a_value_of_another_type_is_emptied() {
        let text = |text: &str| Content::Text(text.into());
        for (kind, right, wrong) in [
            ("integer", "-12", "many"),
            ("boolean", "true", "yes"),
            ("glide_date_time", "2026-11-24 09:30:00", "2026-11-24T09:30:00Z"),
            ("glide_date", "2026-11-24", "24.11.2026"),
        ] {
            assert_eq!(becomes(text(right), column(kind)), None, "{kind}");
            assert_eq!(becomes(text(wrong), column(kind)), Some(Outcome::Emptied), "{kind}");
        }
    }

    #[test]
    fn a_text_is_cut_where_the_database_cuts_and_nowhere_else() {
        let long = |length: usize| Content::Text("x".repeat(length));
        assert_eq!(becomes(long(40), column("string")), None);
        assert_eq!(becomes(long(41), column("string")), Some(Outcome::Cut));
        assert_eq!(becomes(long(5000), Column { max_length: 4000, ..column("string") }), None);
    }

    #[test]
    fn a_choice_is_compared_by_value_and_a_label_is_told() {
        let choices = Some(vec![("1".to_owned(), "Hoch".to_owned()), ("2".to_owned(), "Mittel".to_owned())]);
        let column = Column { choices, ..column("integer") };
        assert_eq!(becomes(Content::Text("2".into()), column.clone()), None);
        assert_eq!(
            chosen("Hoch", &column),
            Some((Outcome::Emptied, "that is a choice's label: write its value, `1`".into()))
        );
        assert_eq!(chosen("4", &column), Some((Outcome::Emptied, "it is none of the choices 1, 2".into())));
    }

    #[test]
    fn whatever_it_is_a_column_must_be_there_and_writable() {
        let read_only = Column { is_read_only: true, ..column("string") };
        assert_eq!(becomes(Content::Something, read_only), Some(Outcome::Dropped));
        let mandatory = Column { is_mandatory: true, ..column("string") };
        assert_eq!(becomes(Content::Nothing, mandatory.clone()), Some(Outcome::Refused));
        assert_eq!(becomes(Content::Something, mandatory), None);
        assert_eq!(becomes(Content::Named("x".into()), column("string")), Some(Outcome::Refused));
    }

    #[test]
    fn a_text_in_a_reference_is_emptied_and_a_name_that_nothing_has_is_refused() {
        let reference = Column { reference: "cmn_location".into(), ..column("reference") };
        assert_eq!(becomes(Content::Text("Prague".into()), reference.clone()), Some(Outcome::Emptied));
        assert_eq!(becomes(Content::Named("Prague".into()), reference.clone()), Some(Outcome::Refused));
        let known = |count| {
            let mut schema = Schema::default();
            let key = ("cmn_location".to_owned(), "name".to_owned(), "Prague".to_owned());
            schema.records.insert(key, count);
            judged_in(schema, Content::Named("Prague".into()), reference.clone()).map(|finding| finding.why)
        };
        assert_eq!(known(1), None);
        let several = "several records of cmn_location have this name: give the sys_id of one";
        assert_eq!(known(2).as_deref(), Some(several));
    }
}
