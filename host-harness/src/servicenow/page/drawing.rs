//! Relations drawn: items as boxes in columns, each to the left of those that it is the parent of.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Relations drawn at most; more is a tangle.
pub const MOST_EDGES: usize = 40;
/// Columns at most; what lies deeper shares the last.
const MOST_COLUMNS: usize = 5;
const WIDTH: usize = 190;
const HEIGHT: usize = 48;
const GAP_X: usize = 150;
const GAP_Y: usize = 22;
const MARGIN: usize = 12;
/// Characters of a name that fit into a box.
const NAME_LENGTH: usize = 24;

/// A relation: parent and child as (`sys_id`, name, class), and its type's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The parent.
    pub parent: (String, String, String),
    /// The child.
    pub child: (String, String, String),
    /// `Parent descriptor::Child descriptor`.
    pub kind: String,
}

impl Edge {
    /// The relation in words.
    pub fn told(&self) -> Value {
        let verb = self.kind.split("::").next().unwrap_or_default();
        json!({
            "parent": { "sys_id": self.parent.0, "name": self.parent.1 },
            "verb": verb,
            "child": { "sys_id": self.child.0, "name": self.child.1 },
        })
    }
}

/// A box.
struct Node<'a> {
    name: &'a str,
    class: &'a str,
    column: usize,
    row: usize,
}

/// The drawing as SVG; empty where there is nothing to draw. The item of `focus` is marked.
pub fn draw(edges: &[Edge], focus: &str) -> String {
    if edges.is_empty() {
        return String::new();
    }
    let mut nodes: BTreeMap<&str, Node<'_>> = BTreeMap::new();
    for (id, name, class) in edges.iter().flat_map(|edge| [&edge.parent, &edge.child]) {
        nodes.entry(id).or_insert(Node { name, class, column: 0, row: 0 });
    }
    // A child stands right of its parents. Circles end since there is a last column.
    for _ in 0..MOST_COLUMNS {
        for edge in edges {
            let parent = nodes.get(edge.parent.0.as_str()).map_or(0, |node| node.column);
            if let Some(child) = nodes.get_mut(edge.child.0.as_str()) {
                child.column = child.column.max((parent + 1).min(MOST_COLUMNS - 1));
            }
        }
    }
    let mut filled = [0usize; MOST_COLUMNS];
    for node in nodes.values_mut() {
        if let Some(rows) = filled.get_mut(node.column) {
            node.row = *rows;
            *rows += 1;
        }
    }
    let columns = filled.iter().rposition(|rows| *rows > 0).map_or(1, |last| last + 1);
    let rows = filled.iter().copied().max().unwrap_or(1);
    let width = MARGIN * 2 + columns * WIDTH + (columns - 1) * GAP_X;
    let height = MARGIN * 2 + rows * HEIGHT + rows.saturating_sub(1) * GAP_Y;
    let mut svg = format!(
        "<svg class=\"drawing\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"Relations between configuration items; the list below says the same\">"
    );
    for edge in edges {
        let (Some(parent), Some(child)) = (nodes.get(edge.parent.0.as_str()), nodes.get(edge.child.0.as_str())) else {
            continue;
        };
        let (x1, y1) = (left(parent) + WIDTH, top(parent) + HEIGHT / 2);
        let (x2, y2) = (left(child), top(child) + HEIGHT / 2);
        let verb = escape(edge.kind.split("::").next().unwrap_or_default());
        // Writing into a string does not fail.
        let _ = write!(
            svg,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/><text class=\"verb\" x=\"{}\" y=\"{}\">{verb}</text>",
            x1.midpoint(x2),
            y1.midpoint(y2).saturating_sub(4),
        );
    }
    for (id, node) in &nodes {
        let (x, y) = (left(node), top(node));
        let class = if *id == focus { "box focus" } else { "box" };
        let _ = write!(
            svg,
            "<a href=\"/ci/{}\"><rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             rx=\"6\"/><text class=\"name\" x=\"{}\" y=\"{}\">{}</text><text class=\"class\" x=\"{}\" y=\"{}\">{}</text></a>",
            escape(id),
            x + 10,
            y + 20,
            escape(&shortened(node.name)),
            x + 10,
            y + 37,
            escape(&shortened(node.class)),
        );
    }
    svg.push_str("</svg>");
    svg
}

fn left(node: &Node<'_>) -> usize {
    MARGIN + node.column * (WIDTH + GAP_X)
}

fn top(node: &Node<'_>) -> usize {
    MARGIN + node.row * (HEIGHT + GAP_Y)
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME_LENGTH {
        return name.to_owned();
    }
    name.chars().take(NAME_LENGTH - 1).chain(['…']).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(parent: &str, child: &str) -> Edge {
        let node = |name: &str| (name.to_owned(), name.to_owned(), "Server".to_owned());
        Edge { parent: node(parent), child: node(child), kind: "Runs on::Runs".into() }
    }

    #[test]
    fn a_name_cannot_break_out_of_the_drawing() {
        let svg = draw(&[edge("<script>alert(1)</script>", "b\"c")], "");
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"));
    }

    #[test]
    fn a_circle_is_drawn_too() {
        assert!(draw(&[edge("a", "b"), edge("b", "a")], "a").contains("focus"));
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(draw(&[], ""), "");
    }
}
