//! The credential is the host's alone.

use crate::harness;
use anyhow::Result;
use std::path::Path;

/// A password that nothing else looks like.
const CANARY: &str = "canary-7f1d0c9a4e";

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|window| window == word.as_bytes())
}

#[test]
fn nothing_that_the_demonstration_says_or_leaves_holds_the_credential() -> Result<()> {
    let work = tempfile::tempdir()?;
    let run = harness(["demo", "--password", CANARY, "--output", "out"]).within(work.path()).run()?;
    assert_eq!(run.code, 0, "{run:?}");
    // What is sent for basic authentication, too.
    let header = "c3ZjLmltYWdlZmFjdG9yeTpjYW5hcnktN2YxZDBjOWE0ZQ==";
    let mut left = Vec::new();
    files(&work.path().join("out"), &mut left)?;
    let names: Vec<String> =
        left.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned()).collect();
    for expected in ["report.html", "audit.jsonl", "test-summary.txt"] {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    for secret in [CANARY, header] {
        assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{secret} is printed");
        for path in &left {
            assert!(!holds(&std::fs::read(path)?, secret), "{secret} is in {}", path.display());
        }
    }
    Ok(())
}
