//! Every command of the README works as it stands there.

use crate::harness;
use anyhow::{Context as _, Result};
use std::path::Path;
use std::process::Command;
use tests::Running;

/// The commands of the README's shell blocks, continued lines joined.
fn commands() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))?;
    let blocks = text.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("sh\n"));
    let lines = blocks.map(|block| block.replace("\\\n", " ")).collect::<Vec<_>>();
    Ok(lines.iter().flat_map(|block| block.lines()).map(str::to_owned).collect())
}

/// Where the README's service listens.
const SERVICE: &str = "http://127.0.0.1:8470";

/// Runs a line of `curl` as the shell does; an error of HTTP is one.
fn ask(line: &str, folder: &Path) -> Result<()> {
    let asked =
        Command::new("sh").args(["-c", &format!("{line} --silent --show-error --fail")]).current_dir(folder).output();
    let asked = asked.context("no shell")?;
    assert!(asked.status.success() && !asked.stdout.is_empty(), "{line}: {asked:?}");
    Ok(())
}

#[test]
fn every_command_of_the_readme_works() -> Result<()> {
    let work = tempfile::tempdir()?;
    std::os::unix::fs::symlink(env!("CARGO_MANIFEST_DIR"), work.path().join("tests"))?;
    std::fs::create_dir(work.path().join("target"))?;
    let (_sim, ready) = harness(["sim", "--listen", "127.0.0.1:0", "--json"]).start()?;
    let url = ready["url"].as_str().context("no url")?;
    let settings = format!("[instance]\nurl = \"{url}\"\ncredential = \"servicenow\"\n");
    std::fs::write(work.path().join("servicenow.toml"), settings)?;

    let mut ran = 0;
    let mut service: Option<(Running, String)> = None;
    for command in commands()? {
        // `cargo test` is this; `sim` runs already; `serve` too runs until it is interrupted.
        if command == "cargo test" || command == "cargo harness sim" {
            continue;
        }
        let secret = ready["credential"].as_str().context("no credential")?;
        if command.starts_with("curl ") {
            let (_, url) = service.as_ref().context("nothing is served yet")?;
            ask(&command.replace(SERVICE, url), work.path())?;
            ran += 1;
            continue;
        }
        let args = command.strip_prefix("cargo harness ").with_context(|| format!("unknown: {command}"))?;
        let run = harness(args.split_whitespace()).env("SERVICENOW", secret).within(work.path());
        if args.starts_with("serve ") {
            let run = run.args(["--listen", "127.0.0.1:0", "--json"]).log_to(&work.path().join("service.log"))?;
            let (running, ready) = run.start()?;
            service = Some((running, ready["url"].as_str().context("no url")?.to_owned()));
            ran += 1;
            continue;
        }
        let run = run.run()?;
        // A new change request waits for its approval; everything else is done.
        let expected = if args.starts_with("call") { 4 } else { 0 };
        assert_eq!(run.code, expected, "{command}: {run:?}");
        ran += 1;
    }
    assert!(ran >= 14, "the README has only {ran} commands");
    Ok(())
}
