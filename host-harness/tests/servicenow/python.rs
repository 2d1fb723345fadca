//! Clients that nobody here wrote hold a conversation of their own kind: PySNC, pysnow and aiosnow, unmodified.
//!
//! They need a Python that has them: `SERVICENOW_PYTHON` names its interpreter, or `python3` is tried.

use host_harness::servicenow::{Builder, Fault, Instance};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The interpreter to use.
fn python() -> String {
    std::env::var("SERVICENOW_PYTHON").unwrap_or_else(|_| "python3".into())
}

/// Runs a conversation, unless the client it needs is not installed.
async fn converse(module: &str, instance: &Instance) {
    let python = python();
    let known = Command::new(&python)
        .args(["-c", &format!("import {module}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !known.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: {python} has no {module}; install it and name the interpreter in SERVICENOW_PYTHON");
        return;
    }
    let mut certificate = tempfile::NamedTempFile::new().unwrap();
    certificate.write_all(instance.certificate().unwrap_or_default().as_bytes()).unwrap();
    let script = format!("{}/tests/servicenow/python/{module}_talk.py", env!("CARGO_MANIFEST_DIR"));
    let account = instance.account();
    let mut talk = Command::new(&python);
    talk.arg(script)
        .env("SN_URL", instance.url())
        .env("SN_ADDRESS", instance.address().to_string())
        .env("SN_USER", &account.user)
        .env("SN_PASSWORD", &account.password)
        .env("SN_CLIENT_ID", &account.client_id)
        .env("SN_CLIENT_SECRET", &account.client_secret)
        .env("SN_CERTIFICATE", certificate.path())
        // A machine's own certificates and proxies are not the instance's.
        .env("REQUESTS_CA_BUNDLE", certificate.path())
        .env("NO_PROXY", "127.0.0.1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = tokio::task::spawn_blocking(move || talk.output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{module} did not believe it:\n{out}\n{err}");
    assert!(out.trim_end().ends_with("believed"), "{module} stopped early:\n{out}\n{err}");
}

/// These clients delete incidents too, which nobody else may.
fn administrator() -> Builder {
    Instance::builder().integration(|person| person.roles(&["admin"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn pysnc_believes_it() {
    // It speaks TLS only, and asks again after a 503.
    let instance = administrator().tls(true).start().await.unwrap();
    let fault = instance.fault(Fault::on("/api/now/*table/problem").method("GET").nth(1).status(503));
    converse("pysnc", &instance).await;
    assert!(instance.requests().is_empty() || instance.picked(fault) == 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pysnow_believes_it() {
    converse("pysnow", &administrator().start().await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aiosnow_believes_it() {
    converse("aiosnow", &administrator().start().await.unwrap()).await;
}
