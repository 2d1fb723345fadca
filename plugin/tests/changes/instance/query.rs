//! Encoded queries, as far as the plugin asks them.

use super::Row;
use std::collections::HashSet;

/// One term of an encoded query.
pub struct Term<'q> {
    field: &'q str,
    operator: &'q str,
    value: &'q str,
    values: HashSet<&'q str>,
}

impl<'q> Term<'q> {
    /// None for one that is not understood: it is dropped.
    pub fn parse(term: &'q str, columns: &Row) -> Option<Self> {
        ["STARTSWITH", ">=", ">", "=", "IN"].into_iter().find_map(|operator| {
            let (field, value) = term.split_once(operator)?;
            let values = if operator == "IN" { value.split(',').collect() } else { HashSet::new() };
            columns.contains_key(field).then_some(Self { field, operator, value, values })
        })
    }

    pub fn holds(&self, row: &Row) -> bool {
        let own = row[self.field].as_str();
        match self.operator {
            "STARTSWITH" => own.starts_with(self.value),
            ">=" => own >= self.value,
            ">" => own > self.value,
            "=" => own == self.value,
            _ => self.values.contains(own),
        }
    }
}
