//! Cargo inside cargo: compiles guests for WebAssembly, whatever started this process.

use super::Error;
use serde::Deserialize;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What goes on, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A compilation target is missing, and rustup is asked for it.
    AddingTarget(String),
    /// One crate of a guest is compiled.
    Compiled(String),
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddingTarget(target) => write!(f, "adding the Rust target `{target}` with rustup"),
            Self::Compiled(name) => write!(f, "compiled `{name}` for WebAssembly"),
        }
    }
}

/// Who hears of progress.
pub(super) type Listener<'a> = &'a (dyn Fn(Progress) + Sync);

/// Variables by which an outer cargo, or a tool around it, would change what is built here: their settings are for the
/// host's code.
const OUTER: &[&str] = &[
    "CARGO_BIN_",
    "CARGO_BUILD_",
    "CARGO_CFG_",
    "CARGO_CRATE_",
    "CARGO_ENCODED_",
    "CARGO_FEATURE_",
    "CARGO_INCREMENTAL",
    "CARGO_MAKEFLAGS",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "CARGO_UNSTABLE_",
    "CARGO_LLVM_COV",
    "LLVM_PROFILE_FILE",
    "MAKEFLAGS",
    "MFLAGS",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
];

/// One library that cargo built.
pub(super) struct Artifact {
    /// As the crate calls it, such as `servicenow_plugin`.
    pub name: String,
    /// The crate's `Cargo.toml`.
    pub manifest: PathBuf,
    /// The `.wasm` file.
    pub path: PathBuf,
}

/// Runs `cargo build` in a folder and answers the WebAssembly libraries that it built or found fresh.
pub(super) fn build(
    folder: &Path,
    target: &str,
    args: &[&str],
    listener: Listener<'_>,
) -> Result<Vec<Artifact>, Error> {
    add_target(folder, target, listener)?;
    // Under an outer cargo this is the same cargo, of the same toolchain.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.current_dir(folder).args(["build", "--target", target]).args(args);
    command.args(["--message-format", "json-render-diagnostics", "--color", "never"]);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OUTER.iter().any(|outer| name.starts_with(outer))) {
            command.env_remove(name);
        }
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Error::NoTool { tool: cargo.to_string_lossy().into(), source })?;
    let stderr = child.stderr.take();
    let (artifacts, said) = std::thread::scope(|scope| {
        let said = scope.spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut said));
            String::from_utf8_lossy(&said).into_owned()
        });
        let artifacts = child.stdout.take().map(|stdout| read_messages(BufReader::new(stdout), listener));
        (artifacts.unwrap_or_default(), said.join().unwrap_or_default())
    });
    let status = child.wait().map_err(Error::file("cannot wait for cargo in", folder))?;
    if status.success() {
        return Ok(artifacts);
    }
    let command = format!("cd {} && cargo build --target {target} {}", folder.display(), args.join(" "));
    Err(Error::Compile { command, output: said.trim_end().into() })
}

/// The part of cargo's messages that is read here ("Cargo: JSON messages").
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    target: Option<Target>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    #[serde(default)]
    fresh: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

fn read_messages(messages: impl BufRead, listener: Listener<'_>) -> Vec<Artifact> {
    let mut artifacts = Vec::new();
    for line in messages.lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
        let (Some(target), "compiler-artifact") = (message.target, message.reason.as_str()) else { continue };
        if !message.fresh && target.crate_types.iter().any(|kind| kind.ends_with("lib")) {
            listener(Progress::Compiled(target.name.clone()));
        }
        let wasm = message.filenames.into_iter().find(|file| file.extension().is_some_and(|end| end == "wasm"));
        if let Some(path) = wasm {
            artifacts.push(Artifact { name: target.name, manifest: message.manifest_path, path });
        }
    }
    artifacts
}

/// Adds a compilation target where the toolchain that is used in this folder lacks it.
fn add_target(folder: &Path, target: &str, listener: Listener<'_>) -> Result<(), Error> {
    let printed = run(folder, "rustc", &["--print", "target-libdir", "--target", target])
        .map_err(|source| Error::NoTool { tool: "rustc".into(), source })?;
    if printed.status.success() && Path::new(String::from_utf8_lossy(&printed.stdout).trim()).is_dir() {
        return Ok(());
    }
    listener(Progress::AddingTarget(target.into()));
    let refused = |why: String| Error::NoTarget { target: target.into(), why };
    let added = run(folder, "rustup", &["target", "add", target])
        .map_err(|source| refused(format!("rustup cannot be run: {source}")))?;
    if added.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&added.stderr);
        Err(refused(said.lines().last().unwrap_or("rustup said nothing").trim().into()))
    }
}

fn run(folder: &Path, tool: &str, args: &[&str]) -> std::io::Result<Output> {
    Command::new(tool).current_dir(folder).args(args).stdin(Stdio::null()).output()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn only_libraries_of_webassembly_are_taken_and_only_fresh_work_is_told() {
        let messages = concat!(
            r#"{"reason":"build-script-executed","package_id":"x"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/s/Cargo.toml","target":{"name":"serde","crate_types":["lib"]},"filenames":["/t/libserde.rlib"],"fresh":false}"#,
            "\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/m/Cargo.toml","target":{"name":"mapping","crate_types":["cdylib","rlib"]},"filenames":["/t/mapping.wasm","/t/libmapping.rlib"],"fresh":true}"#,
            "\nnot json\n",
        );
        let told = Mutex::new(Vec::new());
        let found = read_messages(messages.as_bytes(), &|progress| told.lock().unwrap().push(progress.to_string()));
        assert_eq!(told.into_inner().unwrap(), ["compiled `serde` for WebAssembly"]);
        let found: Vec<_> = found.iter().map(|a| (a.name.as_str(), a.path.to_str().unwrap())).collect();
        assert_eq!(found, [("mapping", "/t/mapping.wasm")]);
    }

    #[test]
    fn a_target_that_nobody_has_is_refused_with_the_command_to_run() {
        let told = Mutex::new(Vec::new());
        let error =
            add_target(Path::new("."), "wasm99-none", &|progress| told.lock().unwrap().push(progress)).unwrap_err();
        assert_eq!(told.into_inner().unwrap(), [Progress::AddingTarget("wasm99-none".into())]);
        assert!(error.to_string().ends_with("run `rustup target add wasm99-none`"), "{error}");
    }
}
