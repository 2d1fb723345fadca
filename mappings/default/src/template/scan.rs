//! Reads words and signs, one after the other, and counts how deep it is.

use super::{Expression, Mistake, What};

/// How deep brackets, filters' arguments and blocks may nest: enough for any rule a person can read, and little enough for
/// the guest's stack.
pub const MAX_DEPTH: usize = 32;

/// How many operators, filters and parts one expression may have, for the same reasons: each hangs below the next.
pub const MAX_OPERATORS: usize = 256;

pub(super) type Parsed<T> = Result<T, Mistake>;

pub(super) fn mistake(at: usize, message: String) -> Mistake {
    Mistake { at, message }
}

/// Stands somewhere in a source.
pub(super) struct Parser<'a> {
    pub(super) source: &'a str,
    pub(super) at: usize,
    depth: usize,
    pub(super) operators: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, at: 0, depth: 0, operators: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or("")
    }

    pub(super) fn spaces(&mut self) {
        self.at = self.source.len() - self.rest().trim_start().len();
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        self.spaces();
        let eaten = self.rest().starts_with(token);
        if eaten {
            self.at += token.len();
        }
        eaten
    }

    /// Eats a whole word.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        self.spaces();
        let eaten = self.peek_word() == word;
        if eaten {
            self.at += word.len();
        }
        eaten
    }

    pub(super) fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or("")
    }

    pub(super) fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { Err(self.unexpected(&format!("`{token}`"))) }
    }

    pub(super) fn unexpected(&mut self, wanted: &str) -> Mistake {
        self.spaces();
        let word = self.peek_word();
        let found = match (word, self.rest().chars().next()) {
            ("", None) => "the end".to_owned(),
            ("", Some(other)) => format!("`{other}`"),
            (word, _) => format!("`{word}`"),
        };
        mistake(self.at, format!("{found} stands where {wanted} belongs"))
    }

    pub(super) fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return Err(mistake(self.at, format!("nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    /// Hangs an expression below a new one.
    pub(super) fn above(&mut self, at: usize, what: What) -> Parsed<Expression> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return Err(mistake(at, format!("this expression has more than {MAX_OPERATORS} operators")));
        }
        Ok(Expression { at, what })
    }

    pub(super) fn name(&mut self, wanted: &str) -> Parsed<String> {
        self.spaces();
        let word = self.peek_word();
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) || RESERVED.contains(&word) {
            return Err(self.unexpected(wanted));
        }
        self.at += word.len();
        Ok(word.to_owned())
    }
}

/// Words that name nothing.
const RESERVED: &[&str] = &["and", "else", "false", "if", "in", "not", "or", "true"];
