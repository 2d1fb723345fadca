//! Reads templates and conditions.

use super::filter::FILTERS;
use super::{Comparison, Condition, Expression, Mistake, Node, Template, What};
use crate::nearest::did_you_mean;

/// How deep brackets, filters' arguments and blocks may nest: enough for any rule a person can read, and little enough for
/// the guest's stack.
pub const MAX_DEPTH: usize = 32;

/// How many operators, filters and parts one expression may have, for the same reasons: each hangs below the next.
pub const MAX_OPERATORS: usize = 256;

type Parsed<T> = Result<T, Mistake>;

impl Template {
    /// Reads a template.
    pub fn parse(source: &str) -> Parsed<Self> {
        let mut parser = Parser { source, at: 0, depth: 0, operators: 0 };
        let (nodes, end) = parser.nodes()?;
        match end {
            None => Ok(Self { nodes }),
            Some((at, word)) => Err(mistake(at, format!("`{word}` ends nothing here"))),
        }
    }
}

impl Condition {
    /// Reads a condition: an expression without braces.
    pub fn parse(source: &str) -> Parsed<Self> {
        if source.trim_start().starts_with("{{") || source.trim_start().starts_with("{%") {
            return Err(mistake(0, "a condition is written without braces".into()));
        }
        let mut parser = Parser { source, at: 0, depth: 0, operators: 0 };
        let expression = parser.expression()?;
        parser.spaces();
        match parser.rest().chars().next() {
            None => Ok(Self { expression }),
            Some(_) => Err(parser.unexpected("the end of the condition")),
        }
    }
}

fn mistake(at: usize, message: String) -> Mistake {
    Mistake { at, message }
}

/// Where a word such as `endif` stands, and the word.
type End = Option<(usize, String)>;

struct Parser<'a> {
    source: &'a str,
    at: usize,
    depth: usize,
    operators: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn spaces(&mut self) {
        self.at = self.source.len() - self.rest().trim_start().len();
    }

    fn eat(&mut self, token: &str) -> bool {
        self.spaces();
        let eaten = self.rest().starts_with(token);
        if eaten {
            self.at += token.len();
        }
        eaten
    }

    /// Eats a whole word.
    fn eat_word(&mut self, word: &str) -> bool {
        self.spaces();
        let eaten = self.peek_word() == word;
        if eaten {
            self.at += word.len();
        }
        eaten
    }

    fn peek_word(&self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        rest.get(..end).unwrap_or("")
    }

    fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.eat(token) { Ok(()) } else { Err(self.unexpected(&format!("`{token}`"))) }
    }

    fn unexpected(&mut self, wanted: &str) -> Mistake {
        self.spaces();
        let word = self.peek_word();
        let found = match (word, self.rest().chars().next()) {
            ("", None) => "the end".to_owned(),
            ("", Some(other)) => format!("`{other}`"),
            (word, _) => format!("`{word}`"),
        };
        mistake(self.at, format!("{found} stands where {wanted} belongs"))
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return Err(mistake(self.at, format!("nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let parsed = inner(self);
        self.depth -= 1;
        parsed
    }

    /// Hangs an expression below a new one.
    fn above(&mut self, at: usize, what: What) -> Parsed<Expression> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            return Err(mistake(at, format!("this expression has more than {MAX_OPERATORS} operators")));
        }
        Ok(Expression { at, what })
    }

    /// Nodes up to the end or to a word that ends a block, which is eaten without its closing `%}`.
    fn nodes(&mut self) -> Parsed<(Vec<Node>, End)> {
        let mut nodes = Vec::new();
        loop {
            let rest = self.rest();
            let starts_line =
                self.source.get(..self.at).is_some_and(|before| before.is_empty() || before.ends_with('\n'));
            let tag = ["{{", "{%", "{#"].iter().filter_map(|tag| rest.find(tag)).min();
            let text = rest.get(..tag.unwrap_or(rest.len())).unwrap_or("");
            let Some(tag) = tag else {
                self.at = self.source.len();
                push_text(&mut nodes, text);
                return Ok((nodes, None));
            };
            let start = self.at + tag;
            self.at = start + 2;
            let kind = self.source.as_bytes().get(start + 1).copied();
            let trims = self.rest().starts_with('-');
            self.at += usize::from(trims);
            let indents = kind != Some(b'{');
            push_text(&mut nodes, before(text, trims, indents, starts_line));
            match kind {
                Some(b'{') => {
                    self.operators = 0;
                    let expression = self.expression()?;
                    self.close("}}", false)?;
                    nodes.push(Node::Print(expression));
                }
                Some(b'#') => {
                    let Some(end) = self.rest().find("#}") else {
                        return Err(mistake(start, "this comment has no end: `#}`".into()));
                    };
                    self.at += end;
                    self.close("#}", true)?;
                }
                _ => {
                    self.spaces();
                    self.operators = 0;
                    let at = self.at;
                    let word = self.peek_word();
                    self.at += word.len();
                    match word {
                        "if" => nodes.push(self.deeper(|parser| parser.condition(at))?),
                        "for" => nodes.push(self.deeper(|parser| parser.repetition(at))?),
                        "elif" | "else" | "endif" | "endfor" => return Ok((nodes, Some((at, word.to_owned())))),
                        "" => return Err(self.unexpected("`if` or `for`")),
                        word => {
                            let message = format!("`{word}` is no block{}", did_you_mean(word, ["if", "for"]));
                            return Err(mistake(at, message));
                        }
                    }
                }
            }
        }
    }

    /// The end of a tag, and of the line after a block, so that blocks leave no empty lines.
    fn close(&mut self, end: &str, block: bool) -> Parsed<()> {
        let trims = self.eat("-");
        self.expect(end)?;
        if trims {
            self.spaces();
        } else if block {
            let rest = self.rest();
            let line = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
            self.at = self.source.len() - line.len();
        }
        Ok(())
    }

    /// After `{% if`.
    fn condition(&mut self, start: usize) -> Parsed<Node> {
        let mut branches = Vec::new();
        loop {
            let condition = self.expression()?;
            self.close("%}", true)?;
            let (body, end) = self.nodes()?;
            branches.push((condition, body));
            let Some((at, word)) = end else {
                return Err(mistake(start, "this `if` has no `{% endif %}`".into()));
            };
            match word.as_str() {
                "elif" => {}
                "endif" => {
                    self.close("%}", true)?;
                    return Ok(Node::If { branches, otherwise: Vec::new() });
                }
                "else" => {
                    self.close("%}", true)?;
                    let (otherwise, end) = self.nodes()?;
                    match end {
                        Some((_, word)) if word == "endif" => {}
                        Some((at, word)) => {
                            return Err(mistake(at, format!("`{word}` stands where `endif` belongs")));
                        }
                        None => return Err(mistake(start, "this `if` has no `{% endif %}`".into())),
                    }
                    self.close("%}", true)?;
                    return Ok(Node::If { branches, otherwise });
                }
                word => return Err(mistake(at, format!("`{word}` stands where `endif` belongs"))),
            }
        }
    }

    /// After `{% for`.
    fn repetition(&mut self, start: usize) -> Parsed<Node> {
        let name = self.name("a name for each item")?;
        if !self.eat_word("in") {
            return Err(self.unexpected("`in`"));
        }
        let list = self.expression()?;
        self.close("%}", true)?;
        let (body, end) = self.nodes()?;
        match end {
            Some((_, word)) if word == "endfor" => {}
            Some((at, word)) => return Err(mistake(at, format!("`{word}` stands where `endfor` belongs"))),
            None => return Err(mistake(start, "this `for` has no `{% endfor %}`".into())),
        }
        self.close("%}", true)?;
        Ok(Node::For { name, list, body })
    }

    fn name(&mut self, wanted: &str) -> Parsed<String> {
        self.spaces();
        let word = self.peek_word();
        if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) || RESERVED.contains(&word) {
            return Err(self.unexpected(wanted));
        }
        self.at += word.len();
        Ok(word.to_owned())
    }

    fn expression(&mut self) -> Parsed<Expression> {
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

/// Words that name nothing.
const RESERVED: &[&str] = &["and", "else", "false", "if", "in", "not", "or", "true"];

/// The text before a tag: trimmed where the tag says so, and without the indentation of a block.
fn before(text: &str, trims: bool, indents: bool, starts_line: bool) -> &str {
    if trims {
        return text.trim_end();
    }
    let line = text.trim_end_matches([' ', '\t']);
    if indents && (line.ends_with('\n') || (line.is_empty() && starts_line)) { line } else { text }
}

fn push_text(nodes: &mut Vec<Node>, text: &str) {
    if !text.is_empty() {
        nodes.push(Node::Text(text.to_owned()));
    }
}
