//! A query held against a table: which records it finds, and what of it was dropped without a word.

use super::caller::Caller;
use super::dictionary::{Column, Kind};
use super::query::{Alternatives, Operator, Query, Sort, Term};
use super::record::Record;
use super::refusal::Refusal;
use super::{Engine, script};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What of a query was used and what was not, by column.
#[derive(Debug, Clone, Default)]
pub struct Used {
    /// The columns of the terms that were applied.
    pub applied: Vec<String>,
    /// The columns of the terms that were dropped.
    pub ignored: Vec<String>,
}

/// A query whose terms all mean something for one table.
#[derive(Debug, Clone)]
pub struct Filter {
    table: String,
    segments: Vec<Vec<Alternatives>>,
    order: Vec<Sort>,
    /// What was used and what was not.
    pub used: Used,
    nothing: bool,
}

impl Filter {
    /// Holds a query against a table: terms with an unknown column or a value that cannot be evaluated are dropped.
    pub fn new(engine: &Engine, caller: &Caller, table: &str, query: &Query) -> Result<Filter, Refusal> {
        let mut used = Used::default();
        used.ignored.extend(query.dropped.iter().cloned());
        let mut segments = Vec::new();
        for segment in &query.segments {
            let mut kept = Vec::new();
            for group in segment {
                let mut alternatives = Vec::new();
                for term in group {
                    match Self::evaluable(engine, caller, table, term)? {
                        Some(term) => {
                            if !used.applied.contains(&term.field) {
                                used.applied.push(term.field.clone());
                            }
                            alternatives.push(term);
                        }
                        None => used.ignored.push(term.field.clone()),
                    }
                }
                if !alternatives.is_empty() {
                    kept.push(alternatives);
                }
            }
            segments.push(kept);
        }
        let order =
            query.order.iter().filter(|sort| engine.walk(table, &sort.field).is_some()).cloned().collect::<Vec<_>>();
        let nothing = engine.properties.invalid_query_returns_no_rows && !used.ignored.is_empty();
        Ok(Filter { table: table.to_owned(), segments, order, used, nothing })
    }

    /// The terms that were applied, as an encoded query.
    pub fn encoded(&self) -> String {
        let group = |group: &Alternatives| group.iter().map(Term::to_string).collect::<Vec<_>>().join("^OR");
        let segment = |groups: &Vec<Alternatives>| groups.iter().map(group).collect::<Vec<_>>().join("^");
        self.segments.iter().map(segment).collect::<Vec<_>>().join("^NQ")
    }

    /// The term with its scripts evaluated; none where it has to be dropped.
    fn evaluable(engine: &Engine, caller: &Caller, table: &str, term: &Term) -> Result<Option<Term>, Refusal> {
        if term.operator == Operator::TextQuery {
            return Ok(Some(term.clone()));
        }
        let Some(column) = engine.walk(table, &term.field) else { return Ok(None) };
        if !caller.may_read_column(column) {
            return if engine.properties.query_acls { Err(Refusal::QueryAcl) } else { Ok(None) };
        }
        let evaluated = match term.operator {
            Operator::SameAs | Operator::NotSameAs => {
                engine.walk(table, &term.value).is_some().then(|| term.value.clone())
            }
            Operator::InstanceOf => engine.dictionary.table(&term.value).is_some().then(|| term.value.clone()),
            Operator::Between | Operator::On | Operator::NotOn => Self::range(engine, caller, &term.value),
            Operator::RelativeGreater
            | Operator::RelativeLess
            | Operator::RelativeGreaterOrEqual
            | Operator::RelativeLessOrEqual => script::relative(engine.clock.now(), &term.value),
            Operator::Dynamic => script::dynamic(caller, &term.value),
            _ => script::value(engine, caller, &term.value),
        };
        Ok(evaluated.map(|value| {
            let value = match column.kind {
                Kind::Boolean if value == "1" => "true".into(),
                Kind::Boolean if value == "0" => "false".into(),
                _ => value,
            };
            Term { value, ..term.clone() }
        }))
    }

    /// `…@from@to`, its two last parts evaluated.
    fn range(engine: &Engine, caller: &Caller, value: &str) -> Option<String> {
        let mut parts = value.rsplit('@');
        let to = script::value(engine, caller, parts.next()?)?;
        let from = script::value(engine, caller, parts.next()?)?;
        Some(format!("{from}@{to}"))
    }

    /// The records it finds, sorted.
    pub fn find<'a>(&self, engine: &'a Engine) -> Vec<&'a Record> {
        if self.nothing {
            return Vec::new();
        }
        let rows = self.indexed(engine).unwrap_or_else(|| engine.store.scan(&engine.dictionary, &self.table));
        let mut found: Vec<&Record> = rows.into_iter().filter(|record| self.matches(engine, record)).collect();
        if !self.order.is_empty() {
            found.sort_by(|left, right| self.compare(engine, left, right));
        }
        found
    }

    /// The candidates by an index, where one condition is an equality on an indexed column, or a list of values.
    fn indexed<'a>(&self, engine: &'a Engine) -> Option<Vec<&'a Record>> {
        let [segment] = self.segments.as_slice() else { return None };
        if engine.properties.case_insensitive_queries {
            return None;
        }
        segment.iter().find_map(|group| match group.as_slice() {
            [term] if term.operator == Operator::Equal && !term.value.is_empty() => {
                engine.store.lookup(&engine.dictionary, &self.table, &term.field, &term.value)
            }
            // One value after another comes out of order, which an order of its own makes good.
            [term] if term.operator == Operator::In && !self.order.is_empty() => {
                let values: BTreeSet<&str> = term.value.split(',').filter(|value| !value.is_empty()).collect();
                let lookup = |value| engine.store.lookup(&engine.dictionary, &self.table, &term.field, value);
                let found = values.into_iter().map(lookup).collect::<Option<Vec<_>>>()?;
                Some(found.into_iter().flatten().collect())
            }
            _ => None,
        })
    }

    /// Whether a record fulfils it.
    pub fn matches(&self, engine: &Engine, record: &Record) -> bool {
        self.segments.iter().any(|segment| {
            segment.iter().all(|group| group.iter().any(|term| Self::holds(engine, &self.table, record, term)))
        })
    }

    fn holds(engine: &Engine, table: &str, record: &Record, term: &Term) -> bool {
        if term.operator == Operator::TextQuery {
            return Self::holds_text(engine, record, &term.value);
        }
        let Some((column, value)) = engine.read(table, record, &term.field) else { return false };
        let fold = |text: &str| {
            if engine.properties.case_insensitive_queries { text.to_lowercase() } else { text.to_owned() }
        };
        let value = fold(&value);
        let wanted = fold(&term.value);
        let order = |wanted: &str| Self::order_of(&column.kind, &value, wanted);
        let filled = !value.is_empty();
        let shown = || match &column.kind {
            Kind::Reference(target) => fold(&engine.display_of(target, &value)),
            _ => value.clone(),
        };
        match term.operator {
            Operator::Equal => order(&wanted) == Ordering::Equal,
            Operator::NotEqual => order(&wanted) != Ordering::Equal,
            Operator::Less | Operator::RelativeLess => filled && order(&wanted) == Ordering::Less,
            Operator::LessOrEqual | Operator::RelativeLessOrEqual => filled && order(&wanted) != Ordering::Greater,
            Operator::Greater | Operator::RelativeGreater => filled && order(&wanted) == Ordering::Greater,
            Operator::GreaterOrEqual | Operator::RelativeGreaterOrEqual => filled && order(&wanted) != Ordering::Less,
            Operator::In => wanted.split(',').any(|one| one == value),
            Operator::NotIn => !wanted.split(',').any(|one| one == value),
            Operator::Like => shown().contains(&wanted),
            Operator::NotLike => !shown().contains(&wanted),
            Operator::StartsWith => shown().starts_with(&wanted),
            Operator::EndsWith => shown().ends_with(&wanted),
            Operator::IsEmpty | Operator::EmptyString => !filled,
            Operator::IsNotEmpty => filled,
            Operator::Anything => true,
            Operator::SameAs | Operator::NotSameAs => {
                let other = engine.read(table, record, &term.value).map(|(_, value)| fold(&value)).unwrap_or_default();
                (other == value) == (term.operator == Operator::SameAs)
            }
            Operator::Between | Operator::On => Self::within(&column.kind, &value, &wanted),
            Operator::NotOn => filled && !Self::within(&column.kind, &value, &wanted),
            Operator::InstanceOf => engine.dictionary.is_a(&value, &term.value),
            Operator::Dynamic => value == wanted,
            Operator::TextQuery => false,
        }
    }

    fn within(kind: &Kind, value: &str, range: &str) -> bool {
        let Some((from, to)) = range.split_once('@') else { return false };
        !value.is_empty()
            && Self::order_of(kind, value, from) != Ordering::Less
            && Self::order_of(kind, value, to) != Ordering::Greater
    }

    fn holds_text(engine: &Engine, record: &Record, words: &str) -> bool {
        let text: String = engine
            .dictionary
            .columns(record.table())
            .iter()
            .filter(|column| column.kind == Kind::String)
            .map(|column| record.get(&column.element).to_lowercase() + "\n")
            .collect();
        words.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    fn order_of(kind: &Kind, left: &str, right: &str) -> Ordering {
        if *kind == Kind::Integer
            && let (Ok(left), Ok(right)) = (left.parse::<i64>(), right.parse::<i64>())
        {
            return left.cmp(&right);
        }
        left.cmp(right)
    }

    fn compare(&self, engine: &Engine, left: &Record, right: &Record) -> Ordering {
        for sort in &self.order {
            let key = |record: &Record| {
                engine.read(&self.table, record, &sort.field).map(|(column, value)| match &column.kind {
                    Kind::Reference(target) => (column, engine.display_of(target, &value)),
                    _ => (column, value),
                })
            };
            let order = match (key(left), key(right)) {
                (Some((column, left)), Some((_, right))) => Self::order_of(&column.kind, &left, &right),
                _ => Ordering::Equal,
            };
            let order = if sort.descending { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        Ordering::Equal
    }
}

impl Engine {
    /// The column that a field, perhaps dot-walked, ends at.
    pub fn walk(&self, table: &str, field: &str) -> Option<&Column> {
        match field.split_once('.') {
            None => self.dictionary.column(table, field),
            Some((first, rest)) => {
                let target = self.dictionary.column(table, first)?.kind.reference()?;
                self.walk(target, rest)
            }
        }
    }

    /// The column and value that a field, perhaps dot-walked, ends at for a record; an empty value where a reference on
    /// the way is empty.
    pub fn read(&self, table: &str, record: &Record, field: &str) -> Option<(&Column, String)> {
        match field.split_once('.') {
            None => {
                let column = self.dictionary.column(table, field)?;
                let value = if column.kind == Kind::Journal { "" } else { record.get(field) };
                Some((column, value.to_owned()))
            }
            Some((first, rest)) => {
                let target = self.dictionary.column(table, first)?.kind.reference()?;
                let column = self.walk(target, rest)?;
                let value = self
                    .store
                    .get(&self.dictionary, target, record.get(first))
                    .and_then(|record| self.read(target, record, rest))
                    .map(|(_, value)| value);
                Some((column, value.unwrap_or_default()))
            }
        }
    }
}
