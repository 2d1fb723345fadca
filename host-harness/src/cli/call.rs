//! `call`: one hook, with an event from a file.

use super::{Exit, Misuse, given::Given};
use anyhow::Result;
use clap::Args;
use host_harness::evidence::junit;
use host_harness::runtime::{Call as HookCall, EventError, Hook, Reply, limits};
use host_harness::settings::Settings;
use itsm_contract::types::{Failure, Verdict};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Call one hook with an event
#[derive(Args)]
pub struct Call {
    /// on-build-requested, on-build-finished, on-failure, on-deploy, check, describe, validate, test-connection, preview
    #[arg(value_name = "HOOK")]
    hook: String,
    /// The event as JSON; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
    /// Tell each request and what became of it
    #[arg(long, short)]
    verbose: bool,
    /// Show what the hook would do, without doing it
    #[arg(long)]
    dry_run: bool,
}

impl Call {
    /// Runs the command.
    pub async fn run(self) -> Result<Exit> {
        let hook = Hook::parse(&self.hook).map_err(misuse)?;
        let settings = Settings::read(&self.given.settings)?;
        let text = match (hook, &self.event) {
            // The settings that are given are those that are meant.
            (Hook::Validate, None) => settings.to_json(),
            (Hook::Describe | Hook::TestConnection, None) => String::new(),
            (_, None) => return Err(Misuse(format!("`{hook}` takes an event: give it with --event FILE")).into()),
            (_, Some(path)) => read(path)?,
        };
        let mut call = HookCall::from_json(hook, &text, &limits::Limits::default()).map_err(misuse)?;
        if let HookCall::OnBuildFinished(result) = &mut call {
            junit::complete(result).map_err(|error| Misuse(error.to_string()))?;
            if result.gate.is_none() {
                eprintln!("note: the event hands back no `gate`, so its evidence belongs to no change request");
            }
        }
        let call = if self.dry_run { preview(call)? } else { call };
        let credential = match call.hook() {
            // No request is sent.
            Hook::Describe | Hook::Validate => None,
            _ => Some(self.given.credential(&settings)?),
        };
        let component = self.given.component()?;
        let session = self.given.session(&component, &settings, self.verbose).credential(credential);
        let session = session.only_reads(self.dry_run).open().await?;
        let reply = session.call(&call).await?;
        say!("{}", serde_json::to_string_pretty(&reply)?);
        Ok(exit(&reply))
    }
}

fn misuse(error: EventError) -> Misuse {
    Misuse(error.to_string())
}

/// The event, up to one byte over the limit: enough to know that it is too large.
fn read(path: &Path) -> Result<String> {
    let most = limits::EVENT_BYTES as u64 + 1;
    let mut text = String::new();
    let read = match path == Path::new("-") {
        true => std::io::stdin().take(most).read_to_string(&mut text),
        false => std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut text)),
    };
    read.map_err(|error| Misuse(format!("cannot read the event {}: {error}", path.display())))?;
    Ok(text)
}

fn preview(call: HookCall) -> Result<HookCall> {
    let hook = call.hook();
    let event = call.into_event();
    Ok(HookCall::Preview(event.ok_or_else(|| Misuse(format!("`{hook}` changes nothing: leave --dry-run out")))?))
}

/// What the answer says, as an exit code.
fn exit(reply: &Reply) -> Exit {
    let gate = |verdict: &Verdict| match verdict {
        Verdict::Proceed(_) => Exit::Done,
        Verdict::Pause(_) => Exit::Wait,
        Verdict::Cancel(_) => Exit::No,
    };
    let left = |unfinished: &[Failure]| if unfinished.is_empty() { Exit::Done } else { Exit::CouldNot };
    match reply {
        Reply::OnBuildRequested(Ok(answer)) => gate(&answer.verdict),
        Reply::OnDeploy(Ok(deployment)) => match (&deployment.gate, left(&deployment.unfinished)) {
            (Some(answer), Exit::Done) => gate(&answer.verdict),
            (_, exit) => exit,
        },
        Reply::OnBuildFinished(Ok(receipt)) => left(&receipt.unfinished),
        Reply::Check(Ok(review)) if review.moved.iter().any(|moved| moved.answer.is_err()) => Exit::CouldNot,
        Reply::Validate(findings) | Reply::TestConnection(findings) => super::connect::exit(findings),
        Reply::OnBuildRequested(Err(_))
        | Reply::OnFailure(Err(_))
        | Reply::OnDeploy(Err(_))
        | Reply::OnBuildFinished(Err(_))
        | Reply::Check(Err(_))
        | Reply::Preview(Err(_)) => Exit::CouldNot,
        Reply::OnFailure(Ok(_)) | Reply::Check(Ok(_)) | Reply::Describe(_) | Reply::Preview(Ok(_)) => Exit::Done,
    }
}
