//! Reads expressions: what stands between braces, and conditions.

use super::filter::FILTERS;
use super::scan::{Parsed, Parser, mistake};
use super::{Comparison, Expression, What};
use crate::nearest::did_you_mean;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        self.deeper(|parser| {
            let then = parser.or()?;
            if !parser.eat_word("if") {
                return Ok(then);
            }
            let condition = Box::new(parser.or()?);
            let otherwise = if parser.eat_word("else") { Some(Box::new(parser.expression()?)) } else { None };
            let at = then.at;
            Ok(Expression { at, what: What::Choose { condition, then: Box::new(then), otherwise } })
        })
    }

    fn or(&mut self) -> Parsed<Expression> {
        let mut left = self.and()?;
        while self.eat_word("or") {
            let right = self.and()?;
            left = self.above(left.at, What::Or(Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Parsed<Expression> {
        let mut left = self.not()?;
        while self.eat_word("and") {
            let right = self.not()?;
            left = self.above(left.at, What::And(Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Parsed<Expression> {
        self.spaces();
        let at = self.at;
        if self.eat_word("not") {
            let what = self.deeper(|parser| Ok(What::Not(Box::new(parser.not()?))))?;
            return Ok(Expression { at, what });
        }
        let left = self.join()?;
        let comparison = match () {
            () if self.eat("==") => Comparison::Equal,
            () if self.eat("!=") => Comparison::Unequal,
            () if self.eat("<=") => Comparison::AtMost,
            () if self.eat(">=") => Comparison::AtLeast,
            () if self.eat("<") => Comparison::Less,
            () if self.eat(">") => Comparison::More,
            () if self.eat_word("in") => Comparison::In,
            () if self.eat_word("not") => {
                if !self.eat_word("in") {
                    return Err(self.unexpected("`in`"));
                }
                Comparison::NotIn
            }
            () if self.eat("=") => return Err(mistake(self.at - 1, "`=` compares nothing: write `==`".into())),
            () => return Ok(left),
        };
        let right = self.join()?;
        Ok(Expression { at: left.at, what: What::Compare(Box::new(left), comparison, Box::new(right)) })
    }

    fn join(&mut self) -> Parsed<Expression> {
        let mut left = self.filtered()?;
        while self.eat("~") {
            let right = self.filtered()?;
            left = self.above(left.at, What::Join(Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn filtered(&mut self) -> Parsed<Expression> {
        let mut value = self.value()?;
        while self.eat("|") {
            self.spaces();
            let at = self.at;
            let name = self.name("a filter's name")?;
            let Some(signature) = FILTERS.iter().find(|signature| signature.name == name) else {
                let known = FILTERS.iter().map(|signature| signature.name);
                return Err(mistake(at, format!("there is no filter `{name}`{}", did_you_mean(&name, known))));
            };
            let arguments = if self.eat("(") { self.deeper(|parser| parser.items(")"))? } else { Vec::new() };
            value = self.above(at, What::Filter(Box::new(value), signature.filter, arguments))?;
        }
        Ok(value)
    }

    /// Expressions with commas between, up to a closing bracket.
    fn items(&mut self, end: &str) -> Parsed<Vec<Expression>> {
        let mut items = Vec::new();
        while !self.eat(end) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }

    fn value(&mut self) -> Parsed<Expression> {
        self.spaces();
        let at = self.at;
        let what = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => What::Text(self.quoted(quote)?),
            Some('0'..='9' | '-') => What::Number(self.number()?),
            Some('[') => {
                self.at += 1;
                What::List(self.deeper(|parser| parser.items("]"))?)
            }
            Some('(') => {
                self.at += 1;
                let inner = self.expression()?;
                self.expect(")")?;
                inner.what
            }
            _ if self.eat_word("true") => What::Flag(true),
            _ if self.eat_word("false") => What::Flag(false),
            _ => What::Variable(self.name("a value")?),
        };
        let mut value = Expression { at, what };
        loop {
            if self.rest().starts_with('.') {
                self.at += 1;
                let at = self.at;
                let name = self.name("the name of a part")?;
                value = self.above(at, What::Member(Box::new(value), name))?;
            } else if self.rest().starts_with('[') {
                self.at += 1;
                let at = self.at;
                let key = self.expression()?;
                self.expect("]")?;
                value = self.above(at, What::Item(Box::new(value), Box::new(key)))?;
            } else if self.rest().starts_with('(') {
                return Err(mistake(self.at, "nothing can be called here: use a filter, as in `value | lower`".into()));
            } else {
                return Ok(value);
            }
        }
    }

    fn quoted(&mut self, quote: char) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        let mut characters = self.rest().char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, escaped)) => text.push(escaped),
                    None => break,
                },
                character if character == quote => {
                    self.at += at + 1;
                    return Ok(text);
                }
                character => text.push(character),
            }
        }
        Err(mistake(start, format!("this text has no end: `{quote}`")))
    }

    fn number(&mut self) -> Parsed<i64> {
        let at = self.at;
        let digits = self.rest().trim_start_matches('-');
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let end = self.rest().len() - digits.len() + end;
        let number = self.rest().get(..end).unwrap_or("");
        self.at += end;
        number.parse().map_err(|_| mistake(at, format!("`{number}` is no whole number that fits")))
    }
}
