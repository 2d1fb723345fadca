//! Encoded queries: `state=-5^assigned_toISEMPTY^ORDERBYDESCsys_created_on`.
//!
//! `^` joins by and, `^OR` adds an alternative to the term right before it, `^NQ` starts a new query whose rows are added.
//! What cannot be understood is dropped, and the rest goes on without it: a typo widens a query (see
//! [`Query::dropped`]).

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are ServiceNow's operators, by name")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Like,
    NotLike,
    StartsWith,
    EndsWith,
    IsEmpty,
    IsNotEmpty,
    EmptyString,
    Anything,
    SameAs,
    NotSameAs,
    Between,
    InstanceOf,
    On,
    NotOn,
    RelativeGreater,
    RelativeLess,
    RelativeGreaterOrEqual,
    RelativeLessOrEqual,
    Dynamic,
    TextQuery,
}

/// The operators as they are written, those that begin like another before it.
const OPERATORS: &[(&str, Operator)] = &[
    ("INSTANCEOF", Operator::InstanceOf),
    ("ISNOTEMPTY", Operator::IsNotEmpty),
    ("ISEMPTY", Operator::IsEmpty),
    ("EMPTYSTRING", Operator::EmptyString),
    ("ANYTHING", Operator::Anything),
    ("NSAMEAS", Operator::NotSameAs),
    ("SAMEAS", Operator::SameAs),
    ("STARTSWITH", Operator::StartsWith),
    ("ENDSWITH", Operator::EndsWith),
    ("BETWEEN", Operator::Between),
    ("NOT LIKE", Operator::NotLike),
    ("NOT IN", Operator::NotIn),
    ("NOTLIKE", Operator::NotLike),
    ("NOTIN", Operator::NotIn),
    ("NOTON", Operator::NotOn),
    ("LIKE", Operator::Like),
    ("RELATIVEGT", Operator::RelativeGreater),
    ("RELATIVELT", Operator::RelativeLess),
    ("RELATIVEGE", Operator::RelativeGreaterOrEqual),
    ("RELATIVELE", Operator::RelativeLessOrEqual),
    ("DYNAMIC", Operator::Dynamic),
    ("IN", Operator::In),
    ("ON", Operator::On),
    ("!=", Operator::NotEqual),
    ("!*", Operator::NotLike),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=", Operator::Equal),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("*", Operator::Like),
    ("%", Operator::EndsWith),
];

/// Full text: `123TEXTQUERY321=words`.
const TEXT_QUERY: &str = "123TEXTQUERY321=";

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The column, perhaps reached through references (`caller_id.company.name`).
    pub field: String,
    /// The comparison.
    pub operator: Operator,
    /// What it is compared with.
    pub value: String,
}

impl Term {
    fn parse(text: &str) -> Option<Term> {
        if let Some(words) = text.strip_prefix(TEXT_QUERY) {
            return Some(Term { field: String::new(), operator: Operator::TextQuery, value: words.to_owned() });
        }
        let end = text
            .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.'))
            .unwrap_or(text.len());
        let (field, rest) = text.split_at_checked(end)?;
        if field.is_empty() {
            return None;
        }
        OPERATORS.iter().find_map(|(written, operator)| {
            let value = rest.strip_prefix(written)?;
            Some(Term { field: field.to_owned(), operator: *operator, value: value.to_owned() })
        })
    }
}

impl std::fmt::Display for Term {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.operator == Operator::TextQuery {
            return write!(formatter, "{TEXT_QUERY}{}", self.value);
        }
        let written = OPERATORS.iter().find(|(_, operator)| *operator == self.operator).map_or("", |known| known.0);
        write!(formatter, "{}{written}{}", self.field, self.value)
    }
}

/// Alternatives, of which one must hold.
pub type Alternatives = Vec<Term>;

/// How rows are sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// By this column.
    pub field: String,
    /// The greatest first.
    pub descending: bool,
}

/// An encoded query, parsed but not yet held against a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// The queries whose rows are put together; in each, every group must hold.
    pub segments: Vec<Vec<Alternatives>>,
    /// How the rows are sorted, the first first.
    pub order: Vec<Sort>,
    /// What could not be read as a term.
    pub dropped: Vec<String>,
}

impl Query {
    /// Reads an encoded query. Nothing is refused: what cannot be read is in [`Query::dropped`].
    pub fn parse(text: &str) -> Query {
        let mut query = Query { segments: vec![Vec::new()], ..Query::default() };
        for (position, piece) in text.split('^').enumerate() {
            query.read(piece, position == 0);
        }
        query
    }

    fn read(&mut self, piece: &str, first: bool) {
        let sort = piece.strip_prefix("ORDERBYDESC").map(|field| (field, true));
        if let Some((field, descending)) = sort.or_else(|| piece.strip_prefix("ORDERBY").map(|field| (field, false))) {
            self.order.push(Sort { field: field.to_owned(), descending });
            return;
        }
        if piece.is_empty() || piece == "EQ" || piece.starts_with("GROUPBY") {
            return;
        }
        if let Some(rest) = piece.strip_prefix("NQ")
            && !first
        {
            self.segments.push(Vec::new());
            self.add(rest, false);
        } else if let Some(rest) = piece.strip_prefix("OR")
            && !first
        {
            self.add(rest, true);
        } else {
            self.add(piece, false);
        }
    }

    fn add(&mut self, text: &str, alternative: bool) {
        if text.is_empty() {
            return;
        }
        let Some(term) = Term::parse(text) else {
            self.dropped.push(text.to_owned());
            return;
        };
        let Some(segment) = self.segments.last_mut() else { return };
        match segment.last_mut() {
            Some(group) if alternative => group.push(term),
            _ => segment.push(vec![term]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Vec<Vec<Vec<String>>> {
        let term = |term: &Term| format!("{} {:?} {}", term.field, term.operator, term.value);
        let group = |group: &Alternatives| group.iter().map(term).collect();
        Query::parse(text).segments.iter().map(|segment| segment.iter().map(group).collect()).collect()
    }

    #[test]
    fn an_or_binds_to_the_term_right_before_it() {
        assert_eq!(shape("a=1^ORa=2^b=3"), vec![vec![vec!["a Equal 1", "a Equal 2"], vec!["b Equal 3"]]]);
    }

    #[test]
    fn a_new_query_has_terms_of_its_own() {
        assert_eq!(shape("a=1^b=2^NQc=3"), vec![vec![vec!["a Equal 1"], vec!["b Equal 2"]], vec![vec!["c Equal 3"]]]);
    }

    #[test]
    fn an_order_is_no_alternative() {
        let query = Query::parse("a=1^ORDERBYb^ORDERBYDESCc");
        assert_eq!(query.segments[0].len(), 1);
        assert_eq!(query.order[0], Sort { field: "b".into(), descending: false });
        assert_eq!(query.order[1], Sort { field: "c".into(), descending: true });
        assert_eq!(Query::parse("ORDERBYnumber").order.len(), 1);
    }

    #[test]
    fn operators_are_told_from_one_another() {
        for (text, operator, value) in [
            ("stateIN1,2", Operator::In, "1,2"),
            ("stateNOT IN1,2", Operator::NotIn, "1,2"),
            ("sys_class_nameINSTANCEOFcmdb_ci", Operator::InstanceOf, "cmdb_ci"),
            ("aISEMPTY", Operator::IsEmpty, ""),
            ("aISNOTEMPTY", Operator::IsNotEmpty, ""),
            ("a<=2", Operator::LessOrEqual, "2"),
            ("a!=", Operator::NotEqual, ""),
            ("a!*x", Operator::NotLike, "x"),
            ("numberSTARTSWITHCHG", Operator::StartsWith, "CHG"),
            ("sys_created_onONToday@javascript:a@javascript:b", Operator::On, "Today@javascript:a@javascript:b"),
        ] {
            let term = Term::parse(text).unwrap();
            assert_eq!((term.operator, term.value.as_str()), (operator, value), "{text}");
        }
    }

    #[test]
    fn what_is_no_term_is_dropped() {
        assert_eq!(Query::parse("a=1^nonsense^b=2").dropped, ["nonsense"]);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange_to_be_read(text in "(\\^|OR|NQ|ORDERBY|IN|=|javascript:|[a-z_.]{0,5}|\\PC){0,20}") {
            let query = Query::parse(&text);
            proptest::prop_assert!(!query.segments.is_empty());
        }

        #[test]
        fn a_term_is_written_as_it_was_read(
            field in "[a-z_]{1,12}",
            operator in proptest::sample::select(&["=", "!=", "<=", "IN", "NOT IN", "LIKE", "STARTSWITH", "BETWEEN"][..]),
            value in "[A-Z0-9 ,@]{0,10}",
        ) {
            let written = format!("{field}{operator}{value}");
            let term = Term::parse(&written).unwrap();
            proptest::prop_assert_eq!(term.to_string(), written);
            proptest::prop_assert_eq!((term.field, term.value), (field, value));
        }
    }
}
