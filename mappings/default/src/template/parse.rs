//! Reads templates and conditions: text, blocks, and what stands between braces.

use super::scan::{Parsed, Parser, mistake};
use super::{Condition, Node, Template};
use crate::nearest::did_you_mean;

impl Template {
    /// Reads a template.
    pub fn parse(source: &str) -> Parsed<Self> {
        let mut parser = Parser::new(source);
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
        let mut parser = Parser::new(source);
        let expression = parser.expression()?;
        parser.spaces();
        match parser.rest().chars().next() {
            None => Ok(Self { expression }),
            Some(_) => Err(parser.unexpected("the end of the condition")),
        }
    }
}

/// Where a word such as `endif` stands, and the word.
type End = Option<(usize, String)>;

impl Parser<'_> {
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
}

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
