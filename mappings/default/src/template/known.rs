//! What a template can print, as far as that stands in it: texts, the branches of a choice, the values of a table.

use super::filter::Filter;
use super::{Expression, Lookups, Node, Template, What};

/// Texts that are put together before it is too much to tell: a rule that can say more is judged by events alone.
const TEXTS_LIMIT: usize = 200;

/// Texts that may be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Each once or more; an empty one where nothing is printed.
    pub texts: Vec<String>,
    /// Others may be, by the event.
    pub is_open: bool,
}

impl Default for Known {
    /// Nothing at all is printed.
    fn default() -> Self {
        Self::only("")
    }
}

impl Known {
    fn only(text: &str) -> Self {
        Self { texts: vec![text.to_owned()], is_open: false }
    }

    /// Whatever the event says.
    fn open() -> Self {
        Self { texts: Vec::new(), is_open: true }
    }

    /// One or the other.
    fn or(mut self, other: Self) -> Self {
        self.texts.extend(other.texts);
        self.is_open |= other.is_open;
        self.bounded()
    }

    /// One after the other.
    fn then(self, other: &Self) -> Self {
        let mut texts = Vec::new();
        for one in &self.texts {
            texts.extend(other.texts.iter().take(TEXTS_LIMIT + 1).map(|text| format!("{one}{text}")));
            if texts.len() > TEXTS_LIMIT {
                break;
            }
        }
        Self { texts, is_open: self.is_open || other.is_open }.bounded()
    }

    fn map(mut self, change: impl Fn(&str) -> String) -> Self {
        self.texts = self.texts.iter().map(|text| change(text)).collect();
        self
    }

    fn bounded(mut self) -> Self {
        if self.texts.len() > TEXTS_LIMIT {
            self.texts.truncate(TEXTS_LIMIT);
            self.is_open = true;
        }
        self
    }
}

impl Template {
    /// What it can print.
    pub fn known(&self, lookups: &Lookups) -> Known {
        nodes(&self.nodes, lookups)
    }
}

fn nodes(all: &[Node], lookups: &Lookups) -> Known {
    all.iter().fold(Known::default(), |before, node| {
        let printed = match node {
            Node::Text(text) => Known::only(text),
            Node::Print(expression) => known(expression, lookups),
            Node::If { branches, otherwise } => {
                branches.iter().fold(nodes(otherwise, lookups), |known, (_, body)| known.or(nodes(body, lookups)))
            }
            Node::For { .. } => Known::open(),
        };
        before.then(&printed)
    })
}

fn known(expression: &Expression, lookups: &Lookups) -> Known {
    match &expression.what {
        What::Text(text) => Known::only(text),
        What::Number(number) => Known::only(&number.to_string()),
        What::Flag(flag) => Known::only(if *flag { "true" } else { "false" }),
        What::Choose { then, otherwise, .. } => {
            let otherwise = otherwise.as_ref().map(|otherwise| known(otherwise, lookups)).unwrap_or_default();
            known(then, lookups).or(otherwise)
        }
        What::And(left, right) | What::Or(left, right) => known(left, lookups).or(known(right, lookups)),
        What::Join(left, right) => known(left, lookups).then(&known(right, lookups)),
        What::Filter(value, filter, arguments) => match (filter, arguments.first()) {
            (Filter::Default, Some(default)) => known(value, lookups).or(known(default, lookups)),
            (Filter::Lookup, Some(Expression { what: What::Text(table), .. })) => {
                let table = lookups.tables.iter().find(|(name, _)| name == table);
                let texts = table.into_iter().flat_map(|(_, entries)| entries).map(|(_, text)| text.clone());
                // A key that the table lacks gives nothing.
                Known { texts: texts.chain([String::new()]).collect(), is_open: false }
            }
            (Filter::Lower, _) => known(value, lookups).map(str::to_ascii_lowercase),
            (Filter::Upper, _) => known(value, lookups).map(str::to_ascii_uppercase),
            (Filter::Trim, _) => known(value, lookups).map(|text| text.trim().to_owned()),
            _ => Known::open(),
        },
        _ => Known::open(),
    }
}
