//! What an instance holds, without what differs from run to run: times, and the ids and numbers that the instance gives.

use crate::World;
use std::collections::BTreeMap;

/// The tables that the plugin writes, and those that follow from it.
const TABLES: [&str; 8] = [
    "change_request",
    "cmdb_ci",
    "cmdb_rel_ci",
    "incident",
    "sys_attachment",
    "sys_journal_field",
    "sysapproval_approver",
    "task_ci",
];

/// Columns that tell how often, when and how large, not what.
const VOLATILE: [&str; 8] =
    ["sys_mod_count", "sys_id", "size_bytes", "size_compressed", "hash", "number", "sys_updated_by", "order"];

/// Records by table, each with its fields.
#[derive(Debug, PartialEq)]
pub struct Snapshot(BTreeMap<&'static str, Vec<BTreeMap<String, String>>>);

impl Snapshot {
    /// Of all that the instance holds now.
    pub fn of(world: &World) -> Self {
        // Ids that follow from the event are the same in every run; of what is identified, the name is.
        let mut known: BTreeMap<String, String> = BTreeMap::new();
        for table in ["change_request", "incident"] {
            let made = world.made(table);
            known.extend(made.iter().map(|record| (record.sys_id().to_owned(), record.sys_id().to_owned())));
        }
        for item in world.servicenow.records("cmdb_ci") {
            known.insert(item.sys_id().to_owned(), format!("<{} {}>", item.table(), item.get("name")));
        }
        let url = world.servicenow.url();
        let fields = |record: &host_harness::servicenow::Record| {
            let kept = record.values().filter(|(name, value)| !VOLATILE.contains(name) && !value.is_empty());
            kept.map(|(name, value)| (name.to_owned(), steady(&value.replace(&url, "<url>"), &known))).collect()
        };
        let tables = TABLES.map(|table| {
            let mut records: Vec<BTreeMap<_, _>> = world.servicenow.records(table).iter().map(fields).collect();
            records.sort();
            (table, records)
        });
        Self(BTreeMap::from(tables))
    }

    /// The same where of notes and files that are alike only one counts.
    pub fn once(&self) -> Self {
        let once = self.0.iter().map(|(table, records)| {
            let mut records = records.clone();
            if matches!(*table, "sys_attachment" | "sys_journal_field") {
                records.dedup();
            }
            (*table, records)
        });
        Self(once.collect())
    }

    /// How this differs from what was expected; none where it does not.
    pub fn difference(&self, expected: &Self) -> Option<String> {
        let mut lines = Vec::new();
        for table in TABLES {
            let (here, there) = (&self.0[table], &expected.0[table]);
            lines
                .extend(here.iter().filter(|record| !there.contains(record)).map(|more| format!("+ {table} {more:?}")));
            lines
                .extend(there.iter().filter(|record| !here.contains(record)).map(|less| format!("- {table} {less:?}")));
            if here.len() != there.len() {
                lines.push(format!("{table}: {} records, not {}", here.len(), there.len()));
            }
        }
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// Text without times, foreign ids and numbers.
fn steady(text: &str, known: &BTreeMap<String, String>) -> String {
    let (mut steady, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        if let Some(length) = time(rest) {
            steady.push_str("<time>");
            rest = &rest[length..];
            continue;
        }
        let word = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        if word == 0 {
            steady.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (this, after) = rest.split_at(word);
        let is_id = matches!(this.len(), 32 | 64) && this.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number = ["CHG", "INC", "CTASK"].iter().any(|prefix| {
            this.strip_prefix(prefix)
                .is_some_and(|digits| digits.len() > 3 && digits.bytes().all(|d| d.is_ascii_digit()))
        });
        steady.push_str(match () {
            () if is_id => known.get(this).map_or("<id>", String::as_str),
            () if is_number => "<number>",
            () => this,
        });
        rest = after;
    }
    steady
}

/// The length of a time at the beginning: `2026-11-24 10:00:00`, with `T`, parts of a second or `Z` perhaps.
fn time(text: &str) -> Option<usize> {
    const SHAPE: &[u8] = b"dddd-dd-dd dd:dd:dd";
    let bytes = text.as_bytes().get(..SHAPE.len())?;
    let fits = SHAPE.iter().zip(bytes).all(|(shape, byte)| match shape {
        b'd' => byte.is_ascii_digit(),
        b' ' => matches!(byte, b' ' | b'T'),
        other => other == byte,
    });
    let tail = text[SHAPE.len()..].find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '.' | 'Z')));
    fits.then(|| tail.map_or(text.len(), |tail| SHAPE.len() + tail))
}
