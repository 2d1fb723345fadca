//! What a rule sees of an event.
//!
//! The contract's names come with underscores (`build.requested-by` is `build.requested_by`), since a template reads
//! `a-b` as two names. Names that are the customer's own, of labels and identifiers, stay as they are:
//! `labels['cost-center']`. A case is its name (`phase == 'failed'`), and what it carries stands beside it
//! (`phase_failed.why`); an `other` case is its text.
//!
//! The shapes below are the contract's records; a test holds them against the contract itself. They let the rules be
//! checked before any event comes.

use crate::data::Data;

/// What a part of an event is made of.
#[derive(Debug)]
pub enum Shape {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// True or false.
    Flag,
    /// A case: its name, and for some cases what they carry.
    Case(&'static [Member]),
    /// Names of the customer's own; each has a text, or a list where it repeats.
    Open,
    /// Several of one shape.
    List(&'static Shape),
    /// Parts by name.
    Record(&'static [Member]),
}

/// A part, by its name with underscores.
pub type Member = (&'static str, Shape);

use Shape::{Case, Flag, List, Number, Open, Record, Text};

const DELIVERY: Shape = Record(&[("key", Text), ("attempt", Number), ("occurred_at", Text), ("given_up_at", Text)]);

const IMAGE: Shape =
    Record(&[("name", Text), ("version", Text), ("digest", Text), ("format", Text), ("location", Text)]);

const BUILD: Shape =
    Record(&[("id", Text), ("image", IMAGE), ("requested_by", Text), ("source_revision", Text), ("url", Text)]);

const ENVIRONMENT: Shape = Record(&[("name", Text), ("tier", Case(&[]))]);

const SYSTEM: Shape = Record(&[("name", Text), ("kind", Case(&[])), ("identifiers", Open)]);

const SYSTEMS: Shape = List(&SYSTEM);

const TESTS: Shape = Record(&[
    ("passed", Number),
    ("failed", Number),
    ("skipped", Number),
    ("duration_ms", Number),
    ("checks", List(&CHECK)),
    ("report_url", Text),
]);

const CHECK: Shape = Record(&[("name", Text), ("required", Flag), ("outcome", Text), ("detail", Text)]);

const TICKET: Shape = Record(&[("kind", Text), ("id", Text), ("number", Text), ("url", Text), ("key", Text)]);

const WINDOW: Shape = Record(&[("start", Text), ("end", Text)]);

const SCHEDULE: Shape = Case(&[("window", WINDOW), ("first_free", Number)]);

const GATE: Shape = Record(&[
    ("change", TICKET),
    ("verdict", Case(&[("proceed", CLEARANCE), ("pause", PAUSE), ("cancel", Text)])),
    ("approvals", List(&APPROVAL)),
    ("window", WINDOW),
]);

const CLEARANCE: Shape = Record(&[("reason", Text), ("by_policy", Flag), ("seal", Text)]);

const PAUSE: Shape = Record(&[("waiting_for", List(&Text)), ("check_after", Text), ("expires_at", Text)]);

const APPROVAL: Shape = Record(&[("approver", Text), ("decision", Case(&[])), ("comment", Text), ("at", Text)]);

/// What every rule may use.
const ALWAYS: &[Member] =
    &[("kind", Text), ("defaults", Open), ("delivery", DELIVERY), ("build", BUILD), ("labels", Open)];

const BUILD_REQUEST: &[Member] =
    &[("environment", ENVIRONMENT), ("systems", SYSTEMS), ("change_number", Text), ("schedule", SCHEDULE)];

const FAILURE: &[Member] = &[
    ("step", Case(&[])),
    ("thing", Text),
    ("message", Text),
    ("environment", ENVIRONMENT),
    ("systems", SYSTEMS),
    ("tests", TESTS),
    ("change", TICKET),
    ("log_url", Text),
];

const DEPLOY: &[Member] = &[
    ("deployment_id", Text),
    ("environment", ENVIRONMENT),
    ("systems", SYSTEMS),
    ("phase", Case(&[("failed", Record(&[("why", Text), ("received", List(&Text))])), ("cancelled", Text)])),
    ("change_number", Text),
    ("gate", GATE),
    ("schedule", SCHEDULE),
];

const BUILD_RESULT: &[Member] = &[
    ("environment", ENVIRONMENT),
    ("outcome", Case(&[("failed", Text), ("cancelled", Text)])),
    ("thing", Text),
    ("tests", TESTS),
    ("gate", GATE),
    ("files", List(&FILE)),
];

const FILE: Shape = Record(&[
    ("name", Text),
    ("media_type", Text),
    ("digest", Text),
    ("content", Case(&[("bytes", Text), ("link", Text), ("left_out", Text)])),
]);

const ONE_SYSTEM: &[Member] = &[("system", SYSTEM)];

/// A kind of record, as the contract calls it, and the parts that its events can have.
pub const KINDS: &[(&str, &[&[Member]])] = &[
    ("build-change", &[ALWAYS, BUILD_REQUEST]),
    ("deploy-change", &[ALWAYS, DEPLOY]),
    ("incident", &[ALWAYS, FAILURE]),
    ("image", &[ALWAYS, DEPLOY, BUILD_RESULT]),
    ("system", &[ALWAYS, DEPLOY, ONE_SYSTEM]),
];

/// A part of a record, or what a case of one of its parts carries.
pub fn member(members: &'static [Member], name: &str) -> Option<&'static Shape> {
    members.iter().find_map(|(member, shape)| match (name.strip_prefix(member), shape) {
        (Some(""), shape) => Some(shape),
        (Some(rest), Case(cases)) => {
            let case = rest.strip_prefix('_')?;
            cases.iter().find(|(name, _)| *name == case).map(|(_, shape)| shape)
        }
        _ => None,
    })
}

/// An event as rules see it, with the kind of record and the plugin's own fields beside it.
pub fn seen(parts: &[&'static [Member]], kind: &str, event: &Data, defaults: Vec<(String, Data)>) -> Data {
    let mut entries =
        vec![("kind".to_owned(), Data::Text(kind.to_owned())), ("defaults".to_owned(), Data::Map(defaults))];
    for members in parts {
        record(members, event, &mut entries);
    }
    Data::Map(entries)
}

fn record(members: &'static [Member], from: &Data, into: &mut Vec<(String, Data)>) {
    for (name, shape) in members {
        if into.iter().any(|(known, _)| known == name) {
            continue;
        }
        match (shape, from.get(&name.replace('_', "-"))) {
            (_, Data::Nothing) => {}
            (Case(cases), Data::Map(entries)) => {
                let Some((case, carried)) = entries.first() else { continue };
                if case == "other" {
                    into.push(((*name).to_owned(), carried.clone()));
                    continue;
                }
                into.push(((*name).to_owned(), Data::Text(case.clone())));
                let case = case.replace('-', "_");
                if let Some((_, shape)) = cases.iter().find(|(known, _)| *known == case) {
                    into.push((format!("{name}_{case}"), shaped(shape, carried)));
                }
            }
            (shape, data) => into.push(((*name).to_owned(), shaped(shape, data))),
        }
    }
}

fn shaped(shape: &'static Shape, data: &Data) -> Data {
    match (shape, data) {
        (Record(members), Data::Map(_)) => {
            let mut entries = Vec::new();
            record(members, data, &mut entries);
            Data::Map(entries)
        }
        (List(shape), Data::List(items)) => Data::List(items.iter().map(|item| shaped(shape, item)).collect()),
        _ => data.clone(),
    }
}
