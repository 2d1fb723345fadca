//! The story on a terminal.

use super::story::{Act, Mark, Step, Story};
use crate::cli::words::line;
use std::fmt::Write;

/// Where the marks and names of a step end and its words begin.
const NAME_WIDTH: usize = 16;

/// Renders the story for people; `colour` only where a terminal shows it.
pub fn render(story: &Story, colour: bool) -> String {
    let mut text = String::new();
    for (number, act) in story.acts.iter().enumerate() {
        let _ = writeln!(text, "\n{}", paint(colour, "1", &format!("{}. {}", number + 1, act.title)));
        render_act(&mut text, act, colour);
    }
    text
}

fn render_act(text: &mut String, act: &Act, colour: bool) {
    let mut last = "";
    for step in &act.steps {
        let who = if step.who == last { "" } else { step.who.as_str() };
        last = &step.who;
        let _ = writeln!(
            text,
            "  {}  {} {}  {}{}",
            paint(colour, "2", &clock(step)),
            mark(step, colour),
            paint(colour, "36", &format!("{:<NAME_WIDTH$}", line(who))),
            line(&step.what),
            numbers(step, colour),
        );
        for words in &step.lines {
            let _ = writeln!(text, "  {:10}{:NAME_WIDTH$}   {}", "", "", paint(colour, "2", &line(words)));
        }
        if let Some(surprise) = &step.surprise {
            let _ = writeln!(text, "  {:10}{:NAME_WIDTH$}   {}", "", "", paint(colour, "1;31", &line(surprise)));
        }
    }
}

/// Hours, minutes and seconds, UTC.
fn clock(step: &Step) -> String {
    let time = itsm_contract::json::time::text(step.at).unwrap_or_default();
    time.split_once('T').map(|(_, time)| time.chars().take(8).collect()).unwrap_or_default()
}

fn mark(step: &Step, colour: bool) -> String {
    match (step.mark, step.surprise.is_some()) {
        (_, true) => paint(colour, "1;31", "!"),
        (Mark::Go, _) => paint(colour, "32", "✓"),
        (Mark::Wait, _) => paint(colour, "33", "◷"),
        (Mark::Stop, _) => paint(colour, "31", "✗"),
    }
}

fn numbers(step: &Step, colour: bool) -> String {
    let numbers: Vec<String> = step.tickets.iter().map(|ticket| line(&ticket.number)).collect();
    if numbers.is_empty() { String::new() } else { format!("  {}", paint(colour, "35", &numbers.join(" "))) }
}

fn paint(colour: bool, code: &str, text: &str) -> String {
    if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
