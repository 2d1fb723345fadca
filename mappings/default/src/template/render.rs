//! Prints templates and tries conditions. Neither can fail.

use super::{Comparison, Condition, Expression, Node, Template, What};
use crate::data::Data;

/// The rules' tables, from a key or a pattern to a value.
#[derive(Debug, Default)]
pub struct Lookups {
    /// By name.
    pub tables: Vec<(String, Vec<(String, String)>)>,
}

impl Lookups {
    /// What a table has for a key: the key itself, else the pattern that says most about it.
    pub fn find(&self, table: &str, key: &str) -> Option<&str> {
        let (_, entries) = self.tables.iter().find(|(name, _)| name == table)?;
        let exact = entries.iter().find(|(known, _)| known == key);
        exact.or_else(|| most_specific(entries, key).pop()).map(|(_, value)| value.as_str())
    }
}

/// The entries whose name is a pattern that this text has, those that say most last.
pub fn most_specific<'a, T>(entries: &'a [(String, T)], text: &str) -> Vec<&'a (String, T)> {
    let says = |entry: &(String, T)| (!entry.0.contains('*'), entry.0.len());
    let mut matching: Vec<&(String, T)> = Vec::new();
    for entry in entries.iter().filter(|(pattern, _)| glob(pattern, text)) {
        let says_less = |other: &&(String, T)| (says(other), &other.0) < (says(entry), &entry.0);
        matching.insert(matching.partition_point(says_less), entry);
    }
    matching
}

/// Whether a text has a pattern, in which each `*` stands for any text.
pub fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

impl Template {
    /// Prints the template over an event.
    pub fn print(&self, event: &Data, lookups: &Lookups) -> String {
        let mut printer = Printer { event, lookups, items: Vec::new(), text: String::new() };
        printer.nodes(&self.nodes);
        printer.text
    }
}

impl Condition {
    /// Whether the condition holds for an event.
    pub fn holds(&self, event: &Data, lookups: &Lookups) -> bool {
        let printer = Printer { event, lookups, items: Vec::new(), text: String::new() };
        printer.value(&self.expression).holds()
    }
}

struct Printer<'a> {
    event: &'a Data,
    lookups: &'a Lookups,
    items: Vec<(&'a str, Data)>,
    text: String,
}

impl<'a> Printer<'a> {
    fn nodes(&mut self, nodes: &'a [Node]) {
        for node in nodes {
            match node {
                Node::Text(text) => self.text.push_str(text),
                Node::Print(expression) => {
                    let value = self.value(expression);
                    self.text.push_str(&value.text());
                }
                Node::If { branches, otherwise } => {
                    let branch = branches.iter().find(|(condition, _)| self.value(condition).holds());
                    self.nodes(branch.map_or(otherwise, |(_, body)| body));
                }
                Node::For { name, list, body } => {
                    let items = match self.value(list) {
                        Data::List(items) => items,
                        Data::Nothing => Vec::new(),
                        one => vec![one],
                    };
                    for item in items {
                        self.items.push((name, item));
                        self.nodes(body);
                        self.items.pop();
                    }
                }
            }
        }
    }

    fn value(&self, expression: &Expression) -> Data {
        match &expression.what {
            What::Text(text) => Data::Text(text.clone()),
            What::Number(number) => Data::Number(*number),
            What::Flag(flag) => Data::Flag(*flag),
            What::List(items) => Data::List(items.iter().map(|item| self.value(item)).collect()),
            What::Variable(name) => match self.items.iter().rev().find(|(item, _)| item == name) {
                Some((_, item)) => item.clone(),
                None => self.event.get(name).clone(),
            },
            What::Member(of, name) => match self.value(of) {
                Data::List(items) => Data::List(items.iter().map(|item| item.get(name).clone()).collect()),
                of => of.get(name).clone(),
            },
            What::Item(of, key) => match (self.value(of), self.value(key)) {
                (Data::List(items), Data::Number(number)) => {
                    usize::try_from(number).ok().and_then(|number| items.into_iter().nth(number)).unwrap_or_default()
                }
                (of, key) => of.get(&key.text()).clone(),
            },
            What::Not(inner) => Data::Flag(!self.value(inner).holds()),
            What::And(left, right) => {
                let left = self.value(left);
                if left.holds() { self.value(right) } else { left }
            }
            What::Or(left, right) => {
                let left = self.value(left);
                if left.holds() { left } else { self.value(right) }
            }
            What::Compare(left, comparison, right) => {
                Data::Flag(compare(&self.value(left), *comparison, &self.value(right)))
            }
            What::Join(left, right) => {
                let mut text = self.value(left).text().into_owned();
                text.push_str(&self.value(right).text());
                Data::Text(text)
            }
            What::Choose { condition, then, otherwise } => match (self.value(condition).holds(), otherwise) {
                (true, _) => self.value(then),
                (false, Some(otherwise)) => self.value(otherwise),
                (false, None) => Data::Nothing,
            },
            What::Filter(value, filter, arguments) => {
                let arguments: Vec<_> = arguments.iter().map(|argument| self.value(argument)).collect();
                filter.apply(self.value(value), &arguments, self.lookups)
            }
        }
    }
}

fn compare(left: &Data, comparison: Comparison, right: &Data) -> bool {
    let order = match (left, right) {
        (Data::Number(left), Data::Number(right)) => Some(left.cmp(right)),
        (Data::Text(left), Data::Text(right)) => Some(left.cmp(right)),
        _ => None,
    };
    match comparison {
        Comparison::Equal => left == right,
        Comparison::Unequal => left != right,
        Comparison::Less => order.is_some_and(|order| order.is_lt()),
        Comparison::AtMost => order.is_some_and(|order| order.is_le()),
        Comparison::More => order.is_some_and(|order| order.is_gt()),
        Comparison::AtLeast => order.is_some_and(|order| order.is_ge()),
        Comparison::In => contains(right, left),
        Comparison::NotIn => !contains(right, left),
    }
}

fn contains(whole: &Data, part: &Data) -> bool {
    match whole {
        Data::List(items) => items.contains(part),
        Data::Text(text) => *part != Data::Nothing && text.contains(&*part.text()),
        Data::Map(entries) => entries.iter().any(|(name, _)| *name == part.text()),
        _ => false,
    }
}
