//! A mapping in Python: a folder with a `mapping.py`, made a component by `componentize-py`.

use super::workspace::{Workspace, write_whole};
use super::{Error, digest};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The module that holds the class `Mapping`.
const MODULE: &str = "mapping.py";

/// The tool that makes components of Python, and takes its interpreter along.
const TOOL: &str = "componentize-py";

/// Whether a folder holds a mapping in Python.
pub(super) fn is_mapping(folder: &Path) -> bool {
    folder.join(MODULE).is_file()
}

/// The folder's mapping as a component that asks for nothing. A folder that has not changed is not built again: the
/// tool takes twenty seconds.
pub(super) fn componentize(workspace: &Workspace, folder: &Path) -> Result<Vec<u8>, Error> {
    let tool = run(folder, &["--version"])?;
    let wit = match folder.join("wit") {
        own if own.is_dir() => own,
        _ => workspace.root().join("wit/deps/itsm-mapping"),
    };
    let mut content = tool.stdout;
    for path in sources(folder)?.into_iter().chain(sources(&wit)?) {
        content.extend_from_slice(path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().as_bytes());
        content.extend_from_slice(&std::fs::read(&path).map_err(Error::file("cannot read", &path))?);
    }
    let key = digest(&content);
    let kept = workspace.target().join("python").join(format!("{}.wasm", key.trim_start_matches("sha256:")));
    if let Ok(bytes) = std::fs::read(&kept) {
        return Ok(bytes);
    }
    let scratch = tempfile::tempdir().map_err(Error::file("cannot create a folder in", std::env::temp_dir()))?;
    let output = scratch.path().join("mapping.wasm");
    let (wit, output) = (wit.to_string_lossy(), output.to_string_lossy());
    let args = ["-d", &*wit, "-w", "custom-mapping", "componentize", "--stub-wasi", "mapping", "-o", &*output];
    let built = run(folder, &args)?;
    if !built.status.success() {
        let said = [built.stdout, built.stderr].concat();
        return Err(Error::Compile {
            command: format!("cd {} && {TOOL} {}", folder.display(), args.join(" ")),
            output: String::from_utf8_lossy(&said).trim().to_owned(),
        });
    }
    let bytes = std::fs::read(&*output).map_err(Error::file("cannot read", &*output))?;
    write_whole(&kept, &bytes)?;
    Ok(bytes)
}

/// Every Python and WIT file of a folder, sorted.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::file("cannot read", &folder))? {
            let path = entry.map_err(Error::file("cannot read", &folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "py" || end == "wit") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn run(folder: &Path, args: &[&str]) -> Result<Output, Error> {
    Command::new(TOOL)
        .current_dir(folder)
        .args(args)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(Error::NoComponentizePy)
}
