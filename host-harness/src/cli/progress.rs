//! Progress on standard error, and none when that is no terminal.

use std::io::{IsTerminal, Write};

/// Tells what is being done.
#[derive(Clone, Copy)]
pub struct Progress {
    is_shown: bool,
}

impl Progress {
    /// Shown where somebody looks.
    pub fn new() -> Self {
        Self { is_shown: std::io::stderr().is_terminal() }
    }

    /// One line.
    pub fn tell(self, line: &str) {
        if self.is_shown {
            // Nobody is left to tell of a terminal that went away.
            let _ = writeln!(std::io::stderr(), "· {}", super::printable(line));
        }
    }
}

/// Whether standard output may be coloured.
pub fn is_colourful() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
