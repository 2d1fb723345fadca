//! Encoded queries. A value can hold nothing that would become a term of its own.

use std::fmt::Write;

/// An encoded query under construction: terms joined by `^`, which binds as AND.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query(String);

impl Query {
    /// Every record.
    pub fn new() -> Self {
        Self::default()
    }

    /// `field=value`.
    pub fn equals(self, field: &str, value: &str) -> Self {
        self.term(field, "=", value)
    }

    /// `field>=value`.
    pub fn at_least(self, field: &str, value: &str) -> Self {
        self.term(field, ">=", value)
    }

    /// `fieldINa,b`. A comma within a value cannot be told from one between values, so such values are left out.
    pub fn one_of<'v>(self, field: &str, values: impl IntoIterator<Item = &'v str>) -> Self {
        let values: Vec<&str> = values.into_iter().filter(|value| !value.contains(',')).collect();
        self.term(field, "IN", &values.join(","))
    }

    /// Any operator of the encoded-query grammar.
    pub fn term(mut self, field: &str, operator: &str, value: &str) -> Self {
        if !self.0.is_empty() {
            self.0.push('^');
        }
        self.0.push_str(field);
        self.0.push_str(operator);
        // A `^` in a value starts the next term, and there is no way to quote one; `javascript:` is evaluated.
        let value = value.replace('^', " ");
        match value.strip_prefix("javascript:") {
            Some(rest) => {
                let _ = write!(self.0, "javascript {rest}");
            }
            None => self.0.push_str(&value),
        }
        self
    }

    /// Whatever any of these finds: they are joined by `^NQ`, which separates whole queries.
    pub fn any(queries: impl IntoIterator<Item = Self>) -> Self {
        let queries: Vec<String> = queries.into_iter().map(|query| query.0).collect();
        Self(queries.join("^NQ"))
    }

    /// Sorts, ascending; repeated, the first counts most.
    pub fn ordered_by(mut self, field: &str) -> Self {
        let _ = write!(self.0, "^ORDERBY{field}");
        self
    }

    /// Sorts, descending.
    pub fn ordered_down_by(mut self, field: &str) -> Self {
        let _ = write!(self.0, "^ORDERBYDESC{field}");
        self
    }

    /// As text, not yet percent-encoded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terms_are_joined_and_sorted() {
        let query = Query::new().equals("correlation_id", "a").one_of("state", ["1", "2"]).ordered_by("sys_created_on");
        assert_eq!(query.as_str(), "correlation_id=a^stateIN1,2^ORDERBYsys_created_on");
        assert_eq!(percent_encode("a=1^b"), "a%3D1%5Eb");
    }

    #[test]
    fn a_value_is_not_evaluated() {
        assert_eq!(Query::new().equals("name", "javascript:gs.x()").as_str(), "name=javascript gs.x()");
    }

    proptest! {
        #[test]
        fn no_value_becomes_a_second_term(value in ".{0,60}") {
            let query = Query::new().equals("name", &value);
            prop_assert!(!query.as_str().contains('^'));
            prop_assert!(percent_encode(query.as_str()).is_ascii());
        }
    }
}
