//! What the host does, on standard error: lines for people on a terminal, one JSON object a line for machines.

use clap::ValueEnum;
use std::io::IsTerminal as _;
use tracing::Level;

/// How a log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people
    Text,
    /// For machines: one object a line
    Json,
}

/// Writes the log from now on; in which form, the terminal decides where nobody did.
pub fn start(form: Option<Form>) {
    let form = form.unwrap_or(if std::io::stderr().is_terminal() { Form::Text } else { Form::Json });
    let lines = tracing_subscriber::fmt().with_max_level(Level::INFO).with_writer(std::io::stderr);
    // It fails where a log is written already: then that one goes on.
    let _ = match form {
        Form::Text => lines.with_target(false).try_init(),
        Form::Json => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init(),
    };
}
