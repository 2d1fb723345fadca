//! Templates: text with values of the event in it.
//!
//! The syntax is Jinja's, as far as it goes: `{{ value | filter }}`, `{% if … %}`, `{% for … in … %}`, `{# comment #}`. Two
//! things are stricter. A template is checked against the event's shape before any event comes, so a misspelt name is
//! an error with its line and column, and not an empty text on a Sunday night. And printing cannot fail: what is not
//! there prints nothing.
//!
//! It is our own because an engine of the ecosystem does not fit: `minijinja` with two filters is 440 KB of the 450 that
//! the whole component may have, `upon` 165 KB without comparisons or positions of names.

mod check;
mod expression;
mod filter;
mod known;
mod parse;
mod render;
mod scan;

pub use check::Scope;
pub use render::{Lookups, most_specific};

use filter::Filter;

/// A template that has been read.
#[derive(Debug)]
pub struct Template {
    nodes: Vec<Node>,
}

/// A condition that has been read.
#[derive(Debug)]
pub struct Condition {
    expression: Expression,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Offset in bytes.
    pub at: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Line and column of an offset, counted from 1, the column in characters.
pub fn position(source: &str, at: usize) -> (u32, u32) {
    let before = source.get(..at).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or(before);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    (count(before.matches('\n').count() + 1), count(line.chars().count() + 1))
}

#[derive(Debug)]
enum Node {
    Text(String),
    Print(Expression),
    If { branches: Vec<(Expression, Vec<Node>)>, otherwise: Vec<Node> },
    For { name: String, list: Expression, body: Vec<Node> },
}

#[derive(Debug)]
struct Expression {
    at: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Text(String),
    Number(i64),
    Flag(bool),
    List(Vec<Expression>),
    Variable(String),
    Member(Box<Expression>, String),
    Item(Box<Expression>, Box<Expression>),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Box<Expression>, Comparison, Box<Expression>),
    Join(Box<Expression>, Box<Expression>),
    Choose { condition: Box<Expression>, then: Box<Expression>, otherwise: Option<Box<Expression>> },
    Filter(Box<Expression>, Filter, Vec<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
    NotIn,
}
