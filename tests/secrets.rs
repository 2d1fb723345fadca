//! The credential is the host's alone: a secret of each kind goes through whatever can happen, and is looked for in
//! everything that anybody says or leaves. Guests' memories are looked through where they are, beside the runtime.

use crate::harness;
use anyhow::{Context as _, Result, ensure};
use host_harness::delivery::{Outbox, State};
use host_harness::servicenow::{Account, Action, Fault};
use itsm_contract::answers::Event;
use itsm_contract::events::BuildResult;
use itsm_contract::types::Gate;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tests::spellings::{basic, echoes, in_json, percent, spellings};
use tests::{Nobody, World, eager, event};

/// A password that nothing else looks like, with all that spellings escape.
const CANARY: &str = r#"canary&=/+<>'"%\é7f1d"#;

/// One that is wrong.
const WRONG: &str = r#"canary&=/+<>'"%\é-wrong"#;

/// An API key travels in a header field as it is, which takes no letters beyond ASCII.
const KEY: &str = r#"canary&=/+<>'"%\55e0"#;
const WRONG_KEY: &str = r#"canary&=/+<>'"%\wrong"#;

/// Until an event must have come to its end.
const LONGEST: Duration = Duration::from_secs(60);

/// A kind of credential: what the host reads, and what it reads once it is wrong.
struct Kind {
    right: String,
    wrong: String,
    /// What is sent of it, and could come back.
    sent: Vec<String>,
    /// What else is secret.
    others: Vec<String>,
}

fn account() -> Account {
    Account {
        user: "svc.canary".into(),
        password: CANARY.into(),
        client_id: "canary-client".into(),
        client_secret: CANARY.into(),
        api_key: KEY.into(),
    }
}

fn kinds() -> [Kind; 3] {
    let Account { user, password, client_id, client_secret, api_key } = account();
    [
        Kind {
            right: json!({"user": user, "password": password}).to_string(),
            wrong: json!({"user": user, "password": WRONG}).to_string(),
            sent: vec![password.clone(), basic(&user, &password)],
            others: vec![WRONG.into(), basic(&user, WRONG)],
        },
        Kind {
            right: json!({"client-id": client_id, "client-secret": client_secret}).to_string(),
            wrong: json!({"client-id": client_id, "client-secret": WRONG}).to_string(),
            sent: vec![client_secret],
            others: vec![WRONG.into()],
        },
        Kind {
            right: json!({"api-key": api_key}).to_string(),
            wrong: json!({"api-key": WRONG_KEY}).to_string(),
            sent: vec![api_key],
            others: vec![WRONG_KEY.into()],
        },
    ]
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
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

/// Looks for secrets, however they are spelled, in what was said, and in every file of a folder but the credential's own.
fn found_nowhere(secrets: &[String], said: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut left = Vec::new();
    files(folder, &mut left)?;
    left.retain(|path| path.file_name().is_none_or(|name| name != "credential.json"));
    let contents: Vec<_> = left.iter().map(std::fs::read).collect::<Result<_, _>>()?;
    for spelling in secrets.iter().flat_map(|secret| spellings(secret)) {
        ensure!(!said.contains(&spelling), "{spelling} was said: {said}");
        for (path, content) in left.iter().zip(&contents) {
            ensure!(!holds(content, &spelling), "{spelling} is in {}", path.display());
        }
    }
    Ok(left)
}

/// The token that the instance gives this client: the same until it expires.
async fn token(world: &World) -> Result<String> {
    let Account { client_id, client_secret, .. } = account();
    let client_secret = percent(&client_secret, |_| false);
    let body = format!("grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}");
    let reply = reqwest::Client::new()
        .post(format!("{}/oauth_token.do", world.servicenow.url()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
        .send()
        .await?
        .text()
        .await?;
    let reply: serde_json::Value = serde_json::from_str(&reply)?;
    Ok(reply["access_token"].as_str().context("no token")?.to_owned())
}

/// What an instance that repeats all it was sent says, in each of the ways in which servers spell it.
struct Echo {
    /// For a page, or for JSON that is yet to be written.
    text: String,
    /// For a string of JSON as it is.
    json: String,
    /// For a header field.
    field: String,
}

impl Echo {
    fn of(sent: &[String]) -> Self {
        let all = |spell: fn(&str) -> Vec<String>| sent.iter().flat_map(|secret| spell(secret)).collect::<Vec<_>>();
        let (text, json) = (all(echoes), all(in_json));
        let field: Vec<_> = text.iter().filter(|spelling| spelling.is_ascii()).cloned().collect();
        Self { text: text.join(" "), json: json.join(" "), field: field.join(" ") }
    }
}

/// What goes wrong: each once at the first request of an event.
fn mishaps(echo: &Echo) -> Vec<Action> {
    let Echo { text, json, field } = echo;
    let headers =
        || BTreeMap::from([("x-echo".to_owned(), field.to_owned()), ("set-cookie".to_owned(), field.to_owned())]);
    let status = |status, body: String| Action::Status { status, headers: headers(), body, applied: false };
    let error = json!({"error": {"message": text, "detail": text}, "status": "failure"}).to_string();
    let written = format!(r#"{{"error": {{"message": "{json}", "detail": "{json}"}}, "status": "failure"}}"#);
    vec![
        status(500, format!("<html>{text}</html>")),
        status(500, written.clone()),
        status(503, error.clone()),
        status(429, error.clone()),
        status(200, json!({"result": [{"sys_id": text, "number": text}]}).to_string()),
        status(200, format!(r#"{{"result": [{{"sys_id": "{json}", "number": "{json}"}}]}}"#)),
        Action::Redirect {
            location: format!("/login.do?{}", percent(text, |letter| letter.is_ascii())).replace(' ', "+"),
        },
        Action::Html,
        Action::ResetAfter,
        status(401, error.clone()),
        status(403, error),
        status(403, written),
        // From here on another token is sent.
        Action::ExpiredToken,
    ]
}

async fn settled(outbox: &Outbox, key: &str) -> Result<String> {
    let wait = async {
        loop {
            let status = outbox.status(key).await?.context("the event is lost")?;
            if status.is_settled() || status.state == State::Waiting.name() {
                return anyhow::Ok(format!("{status:?}"));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(LONGEST, wait).await.with_context(|| format!("{key} comes to no end"))?
}

async fn through_everything(kind: &Kind) -> Result<()> {
    let world = World::builder()
        .settings("[approval]\ninterval = \"1s\"\n")
        .instance(|instance| instance.account(account()))
        .credential(&kind.right)
        .start()
        .await?;
    let mut sent = kind.sent.clone();
    if kind.right.contains("client-secret") {
        sent.push(token(&world).await?);
    }
    let secrets = [sent.as_slice(), &kind.others].concat();
    let outbox = world.outbox("outbox", eager()).await?;
    let mut said = String::new();

    // Through the gate, with evidence, so that there is something of everything.
    let key = outbox.accept(Event::BuildRequested(event("build-requested")?), None).await?.status().key.clone();
    said += &settled(&outbox, &key).await?;
    let answer = outbox.status(&key).await?.and_then(|status| status.answer).context("no answer")?;
    let gate: Gate = serde_json::from_value(answer)?;
    world.person("beth.anglin")?.approve(&gate.change.context("no change")?.id, "go").await?;
    let status = outbox.wait(&key, LONGEST).await?.context("the event is lost")?;
    ensure!(status.state == State::Done.name(), "{status:?}");
    let mut result: BuildResult = event("build-finished")?;
    result.gate = Some(serde_json::from_value(status.answer.context("no answer")?)?);
    let key = outbox.accept(Event::BuildFinished(result), None).await?.status().key.clone();
    outbox.wait(&key, LONGEST).await?;
    said += &settled(&outbox, &key).await?;
    ensure!(!world.made("change_request").is_empty(), "it was sent somewhere");

    // An instance that repeats all it was sent, in every way in which a request can fail.
    let echo = Echo::of(&sent);
    for (number, action) in mishaps(&echo).into_iter().enumerate() {
        world.servicenow.fault(Fault::on("/api/*").user(&account().user).times(1).action(action));
        let mut failed: itsm_contract::events::FailureEvent = event("failure")?;
        failed.delivery.key = format!("evt-mishap-{number}");
        failed.build.id = format!("build-mishap-{number}");
        let key = outbox.accept(Event::Failed(failed), None).await?.status().key.clone();
        said += &settled(&outbox, &key).await?;
        said += &format!("{:?}", world.plugin.test_connection().await);
    }
    // A token endpoint in trouble.
    let page = format!("<html>{}</html>", echo.text);
    let error = json!({"error": echo.text, "error_description": echo.text}).to_string();
    for (status, body) in [(500, page), (200, echo.text.clone()), (401, echo.text.clone()), (401, error)] {
        let headers = BTreeMap::from([("x-echo".into(), echo.field.clone())]);
        let action = Action::Status { status, headers, body, applied: false };
        let id = world.servicenow.fault(Fault::on("/oauth_token.do").action(action));
        world.servicenow.fault(Fault::on("/api/*").user(&account().user).times(1).action(Action::ExpiredToken));
        said += &format!("{:?}", world.plugin.test_connection().await);
        world.servicenow.remove_fault(id);
    }
    // A secret that is wrong, and one that is none.
    for secret in [kind.wrong.as_str(), &format!("{}{}", kind.right, kind.wrong)] {
        std::fs::write(world.folder().join("credential.json"), secret)?;
        world.servicenow.fault(Fault::on("/api/*").user(&account().user).times(1).action(Action::ExpiredToken));
        let other = world.another("other", Arc::new(Nobody))?;
        said += &format!("{:?}", other.test_connection().await);
        said += &format!("{:?}", other.on_build_requested(&event("build-requested")?).await);
    }
    said += &format!("{:?} {:?} {}", world.plugin, world.plugin.grant(), outbox.metrics());
    for table in ["change_request", "incident", "sys_attachment", "sys_journal_field"] {
        said += &format!("{:?}", world.servicenow.records(table));
    }

    // Once while the outbox is open, with what is in its write-ahead log alone, and once more when it is closed.
    let left = found_nowhere(&secrets, &said, world.folder())?;
    let names: Vec<_> = left.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy()).collect();
    for expected in ["audit.jsonl", "audit-outbox.jsonl", "outbox.db", "outbox.db-wal"] {
        ensure!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    outbox.stop(Duration::from_secs(1)).await;
    found_nowhere(&secrets, "", world.folder())?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_whatever_becomes_of_the_requests_that_carry_it() -> Result<()> {
    for kind in &kinds() {
        through_everything(kind).await?;
    }
    Ok(())
}

#[test]
fn nothing_that_the_demonstration_says_or_leaves_holds_the_credential() -> Result<()> {
    let work = tempfile::tempdir()?;
    let run = harness(["demo", "--password", CANARY, "--output", "out"]).within(work.path()).run()?;
    assert_eq!(run.code, 0, "{run:?}");
    let secrets = [CANARY.to_owned(), basic("svc.imagefactory", CANARY)];
    let left = found_nowhere(&secrets, &format!("{}{}", run.stdout, run.stderr), &work.path().join("out"))?;
    let names: Vec<_> = left.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy()).collect();
    for expected in ["report.html", "audit.jsonl", "test-summary.txt"] {
        assert!(names.iter().any(|name| name == expected), "{expected} in {names:?}");
    }
    Ok(())
}

/// The commands say more with `--verbose`, and no more of this.
#[test]
fn nothing_that_the_commands_say_or_leave_holds_the_credential() -> Result<()> {
    let (_sim, ready) = harness(["sim", "--listen", "127.0.0.1:0", "--json"]).start()?;
    let url = ready["url"].as_str().context("no url")?;
    let secrets: Vec<String> = ["password", "client-secret"]
        .into_iter()
        .filter_map(|name| ready[name].as_str().map(str::to_owned))
        .chain([WRONG, WRONG_KEY].map(str::to_owned))
        .chain([basic(ready["user"].as_str().unwrap_or_default(), WRONG)])
        .collect();
    let work = tempfile::tempdir()?;
    std::fs::write(work.path().join("sn.toml"), format!("[instance]\nurl = \"{url}\"\ncredential = \"sn\"\n"))?;
    let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
    let credentials = [
        json!({"user": text("user"), "password": text("password")}),
        json!({"client-id": text("client-id"), "client-secret": text("client-secret")}),
        json!({"user": text("user"), "password": WRONG}),
        json!({"client-id": text("client-id"), "client-secret": WRONG}),
        json!({"api-key": WRONG_KEY}),
        json!({"password": WRONG}),
    ];
    let event = tests::folder("events").join("build-requested.json");
    let mut said = String::new();
    for credential in credentials {
        let shared = ["--settings", "sn.toml", "--credential", "sn=env:SN", "--verbose"];
        for command in [&["connect", "--json"][..], &["connect"], &["call", "on-build-requested", "--event"]] {
            let mut run = harness(command);
            if command[0] == "call" {
                run = run.arg(&event);
            }
            let run = run.args(shared).env("SN", &credential.to_string()).within(work.path()).run()?;
            said += &format!("{}{}", run.stdout, run.stderr);
        }
    }
    assert!(said.contains("GET /api/now/table/sys_user"), "it is told what was sent: {said}");
    assert!(said.contains("servicenow.token-refused"), "{said}");
    assert!(said.contains("servicenow.credential-refused"), "{said}");
    let left = found_nowhere(&secrets, &said, work.path())?;
    assert!(left.iter().any(|path| path.ends_with("itsm-audit.jsonl")));
    Ok(())
}
