//! `itsm-harness`, run as a person runs it.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// How a command ended.
#[derive(Debug)]
pub struct Run {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Run {
    /// Its standard output as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON: {self:?}"))
    }
}

/// The command, with its arguments.
pub struct Harness(Command);

impl Harness {
    /// The command at this path, with arguments.
    pub fn new(path: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        let mut command = Command::new(path);
        command.args(args).stdin(Stdio::null());
        Self(command)
    }

    /// One argument more.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.0.arg(arg);
        self
    }

    /// More arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(args);
        self
    }

    /// With a variable of the environment.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    /// What it says on standard error is added to this file.
    pub fn log_to(mut self, file: &Path) -> Result<Self> {
        self.0.stderr(std::fs::OpenOptions::new().create(true).append(true).open(file)?);
        Ok(self)
    }

    /// In this folder.
    pub fn within(mut self, folder: &Path) -> Self {
        self.0.current_dir(folder);
        self
    }

    /// Runs it to its end.
    pub fn run(mut self) -> Result<Run> {
        let output = self.0.output()?;
        Ok(Run {
            code: output.status.code().context("it was killed")?,
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Runs it to its end with this on its standard input.
    pub fn run_with(mut self, input: &str) -> Result<Run> {
        let mut child = self.0.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().context("no input")?.write_all(input.as_bytes())?;
        let output = child.wait_with_output()?;
        Ok(Run {
            code: output.status.code().context("it was killed")?,
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Starts it and waits for nothing. It is killed when dropped.
    pub fn spawn(mut self) -> Result<Running> {
        Ok(Running(self.0.stdout(Stdio::null()).spawn()?))
    }

    /// Starts it and waits for its first line, which is JSON. It is killed when dropped.
    pub fn start(mut self) -> Result<(Running, Value)> {
        let mut child = self.0.stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let running = Running(child);
        Ok((running, serde_json::from_str(&line).with_context(|| format!("no JSON: {line}"))?))
    }
}

/// A command that runs.
pub struct Running(Child);

impl Running {
    /// Asks it to end, as whatever runs services does, and waits until it has; its exit code.
    pub fn terminate(mut self) -> Result<i32> {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status()?;
        ensure!(told.success(), "it cannot be told to end");
        self.0.wait()?.code().context("it was killed")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // SIGKILL: nothing is flushed, closed or said. It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
