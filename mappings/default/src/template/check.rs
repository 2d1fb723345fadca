//! Checks a template against the shape of the events that it will see.
//!
//! What passes cannot fail when it is printed: every name is there, every filter gets what it takes, and only what can be
//! printed is.

use super::filter::Takes;
use super::{Comparison, Condition, Expression, Mistake, Node, Template, What};
use crate::event::{Member, Shape, member};
use crate::nearest::did_you_mean;

/// What a template may speak of.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The parts that its events can have.
    pub parts: &'a [&'static [Member]],
    /// The names of the rules' tables.
    pub tables: &'a [&'a str],
}

/// A shape where it can be told without an event.
type Known = Option<&'static Shape>;

impl Template {
    /// Every mistake in this template.
    pub fn check(&self, scope: Scope<'_>) -> Vec<Mistake> {
        let mut checker = Checker { scope, items: Vec::new(), mistakes: Vec::new() };
        checker.nodes(&self.nodes);
        checker.mistakes
    }
}

impl Condition {
    /// Every mistake in this condition.
    pub fn check(&self, scope: Scope<'_>) -> Vec<Mistake> {
        let mut checker = Checker { scope, items: Vec::new(), mistakes: Vec::new() };
        checker.expression(&self.expression);
        checker.mistakes
    }
}

struct Checker<'a> {
    scope: Scope<'a>,
    /// The names of the `for` blocks around, innermost last.
    items: Vec<(&'a str, Known)>,
    mistakes: Vec<Mistake>,
}

impl<'a> Checker<'a> {
    fn wrong(&mut self, at: usize, message: String) -> Known {
        self.mistakes.push(Mistake { at, message });
        None
    }

    fn nodes(&mut self, nodes: &'a [Node]) {
        for node in nodes {
            match node {
                Node::Text(_) => {}
                Node::Print(expression) => self.printed(expression),
                Node::If { branches, otherwise } => {
                    for (condition, body) in branches {
                        self.expression(condition);
                        self.nodes(body);
                    }
                    self.nodes(otherwise);
                }
                Node::For { name, list, body } => {
                    let item = match self.expression(list) {
                        Some(Shape::List(item)) => Some(*item),
                        None => None,
                        Some(other) => {
                            self.wrong(list.at, format!("{} is not a list: `for` has nothing to go through", a(other)))
                        }
                    };
                    self.items.push((name, item));
                    self.nodes(body);
                    self.items.pop();
                }
            }
        }
    }

    /// An expression that is to be text.
    fn printed(&mut self, expression: &'a Expression) {
        let shape = self.expression(expression);
        let Some(shape @ (Shape::Record(_) | Shape::Open | Shape::List(Shape::Record(_)))) = shape else { return };
        let example = match shape {
            Shape::Record(parts) | Shape::List(Shape::Record(parts)) => {
                parts.first().map(|(name, _)| format!(", such as `.{name}`")).unwrap_or_default()
            }
            _ => ", such as `['owner']`".to_owned(),
        };
        self.wrong(expression.at, format!("{} cannot be printed: take a part of it{example}", a(shape)));
    }

    fn expression(&mut self, expression: &'a Expression) -> Known {
        let at = expression.at;
        match &expression.what {
            What::Text(_) => Some(&Shape::Text),
            What::Number(_) => Some(&Shape::Number),
            What::Flag(_) => Some(&Shape::Flag),
            What::List(items) => {
                for item in items {
                    self.printed(item);
                }
                Some(&Shape::List(&Shape::Text))
            }
            What::Variable(name) => self.variable(at, name),
            What::Member(of, name) => {
                let of = self.expression(of);
                self.part(at, of, name)
            }
            What::Item(of, key) => {
                let of = self.expression(of);
                let key_shape = self.expression(key);
                self.item(key.at, of, key_shape)
            }
            What::Not(inner) => {
                self.expression(inner);
                Some(&Shape::Flag)
            }
            What::And(left, right) | What::Or(left, right) => {
                let (left, right) = (self.expression(left), self.expression(right));
                same(left, right)
            }
            What::Compare(left, comparison, right) => {
                self.compare(at, left, *comparison, right);
                Some(&Shape::Flag)
            }
            What::Join(left, right) => {
                self.printed(left);
                self.printed(right);
                Some(&Shape::Text)
            }
            What::Choose { condition, then, otherwise } => {
                self.expression(condition);
                let then = self.expression(then);
                match otherwise {
                    Some(otherwise) => {
                        let otherwise = self.expression(otherwise);
                        same(then, otherwise)
                    }
                    None => then,
                }
            }
            What::Filter(value, filter, arguments) => {
                let value = self.expression(value);
                let signature = filter.signature()?;
                let name = signature.name;
                let wanted = match signature.takes {
                    Takes::Anything => true,
                    Takes::Text => !matches!(value, Some(Shape::List(_) | Shape::Record(_) | Shape::Open)),
                    Takes::List => matches!(value, None | Some(Shape::List(_))),
                    Takes::TextOrList => !matches!(value, Some(Shape::Record(_) | Shape::Open)),
                };
                if let (false, Some(shape)) = (wanted, value) {
                    let takes = if signature.takes == Takes::List { "a list" } else { "a text" };
                    self.wrong(at, format!("`{name}` takes {takes}, and this is {}", a(shape)));
                }
                self.arguments(at, name, signature.arguments, arguments);
                match signature.gives {
                    Some(shape) => Some(shape),
                    None => match value {
                        Some(Shape::List(item)) if signature.takes == Takes::List => Some(*item),
                        // `default` gives its argument where there is nothing.
                        Some(Shape::Text | Shape::Case(_)) => Some(&Shape::Text),
                        _ => None,
                    },
                }
            }
        }
    }

    fn arguments(&mut self, at: usize, name: &str, wanted: &[&'static Shape], found: &'a [Expression]) {
        if wanted.len() != found.len() {
            let wanted = match wanted.len() {
                0 => "nothing in brackets".to_owned(),
                1 => "one value in brackets".to_owned(),
                number => format!("{number} values in brackets"),
            };
            self.wrong(at, format!("`{name}` takes {wanted}"));
        }
        for (wanted, argument) in wanted.iter().zip(found) {
            let shape = self.expression(argument);
            let number = matches!(wanted, Shape::Number);
            if matches!(shape, Some(Shape::Record(_) | Shape::Open | Shape::List(_)))
                || (number && matches!(shape, Some(Shape::Text | Shape::Case(_) | Shape::Flag)))
            {
                self.wrong(argument.at, format!("`{name}` takes {} here", a(wanted)));
            }
            if name == "lookup" {
                self.table(argument);
            }
        }
    }

    fn table(&mut self, argument: &Expression) {
        let What::Text(table) = &argument.what else {
            self.wrong(argument.at, "`lookup` takes a table's name in quotes".into());
            return;
        };
        if !self.scope.tables.contains(&table.as_str()) {
            let hint = did_you_mean(table, self.scope.tables.iter().copied());
            self.wrong(argument.at, format!("there is no table `{table}` in `lookups`{hint}"));
        }
    }

    fn variable(&mut self, at: usize, name: &str) -> Known {
        if let Some((_, shape)) = self.items.iter().rev().find(|(item, _)| *item == name) {
            return *shape;
        }
        if let Some(shape) = self.scope.parts.iter().find_map(|members| member(members, name)) {
            return Some(shape);
        }
        let known = self.scope.parts.iter().flat_map(|members| members.iter().map(|(name, _)| *name));
        let hint = did_you_mean(name, known.chain(self.items.iter().map(|(item, _)| *item)));
        self.wrong(at, format!("there is no `{name}` in this event{hint}"))
    }

    fn part(&mut self, at: usize, of: Known, name: &str) -> Known {
        match of {
            None | Some(Shape::Open) => None,
            Some(Shape::Record(members)) => match member(members, name) {
                Some(shape) => Some(shape),
                None => {
                    let hint = did_you_mean(name, members.iter().map(|(name, _)| *name));
                    self.wrong(at, format!("there is no part `{name}` here{hint}"))
                }
            },
            // A part of a list is the list of that part of each.
            Some(Shape::List(Shape::Record(members))) => match member(members, name) {
                Some(Shape::Text | Shape::Case(_)) => Some(&Shape::List(&Shape::Text)),
                Some(_) => None,
                None => {
                    let hint = did_you_mean(name, members.iter().map(|(name, _)| *name));
                    self.wrong(at, format!("there is no part `{name}` in these{hint}"))
                }
            },
            Some(shape) => self.wrong(at, format!("{} has no part `{name}`", a(shape))),
        }
    }

    fn item(&mut self, at: usize, of: Known, key: Known) -> Known {
        match (of, key) {
            (None, _) | (Some(Shape::Open), None | Some(Shape::Text | Shape::Case(_))) => None,
            (Some(Shape::List(item)), None | Some(Shape::Number)) => Some(*item),
            (Some(Shape::Open), Some(_)) => {
                self.wrong(at, "labels and identifiers are taken by name: `['owner']`".into())
            }
            (Some(Shape::List(_)), Some(_)) => self.wrong(at, "items of a list are taken by number, from 0".into()),
            (Some(Shape::Record(_)), _) => self.wrong(at, "parts are taken with a dot: `build.id`".into()),
            (Some(shape), _) => self.wrong(at, format!("{} has no items", a(shape))),
        }
    }

    fn compare(&mut self, at: usize, left: &'a Expression, comparison: Comparison, right: &'a Expression) {
        let (l, r) = (self.expression(left), self.expression(right));
        let (Some(l), Some(r)) = (l, r) else { return };
        match comparison {
            Comparison::In | Comparison::NotIn
                if matches!(r, Shape::List(_) | Shape::Text | Shape::Case(_) | Shape::Open) => {}
            Comparison::In | Comparison::NotIn => {
                self.wrong(right.at, format!("{} holds nothing: `in` takes a list or a text", a(r)));
            }
            _ if kind(l) != kind(r) => {
                self.wrong(at, format!("{} is never {}", a(l), a(r)));
            }
            Comparison::Equal | Comparison::Unequal => {}
            _ if !matches!(l, Shape::Number | Shape::Text | Shape::Case(_)) => {
                self.wrong(at, format!("{} has no order", a(l)));
            }
            _ => {}
        }
    }
}

fn same(left: Known, right: Known) -> Known {
    match (left, right) {
        (Some(l), Some(r)) if kind(l) == kind(r) => left,
        _ => None,
    }
}

/// Shapes that compare.
fn kind(shape: &Shape) -> u8 {
    match shape {
        Shape::Text | Shape::Case(_) => 0,
        Shape::Number => 1,
        Shape::Flag => 2,
        Shape::List(_) => 3,
        Shape::Open | Shape::Record(_) => 4,
    }
}

fn a(shape: &Shape) -> &'static str {
    match shape {
        Shape::Text | Shape::Case(_) => "a text",
        Shape::Number => "a number",
        Shape::Flag => "true or false",
        Shape::List(_) => "a list",
        Shape::Open => "a set of names and values",
        Shape::Record(_) => "a record",
    }
}
