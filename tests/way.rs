//! The way to an instance in an enterprise's network, by the command's options and by the environment.

use crate::harness;
use anyhow::{Context as _, Result};
use host_harness::grant::{Addresses, audit::entries};
use host_harness::guest;
use host_harness::servicenow::Instance;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tests::Run;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

/// A proxy that leads where it is asked to, and remembers what it was asked.
struct Proxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let asking = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(lead(connection, Arc::clone(&asking)));
            }
        });
        Ok(Self { address, asked })
    }

    /// The URL of one that answers everybody so.
    async fn refusing(status: &'static str) -> Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match connection.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                let _ = connection.write_all(reply.as_bytes()).await;
            }
        });
        Ok(url)
    }

    /// What it was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

async fn lead(mut connection: TcpStream, asked: Arc<Mutex<Vec<String>>>) -> Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
    asked.lock().unwrap().push(head);
    let mut beyond = TcpStream::connect(target).await?;
    connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    tokio::io::copy_bidirectional(&mut connection, &mut beyond).await?;
    Ok(())
}

/// An instance with a certificate of its own, behind a proxy.
struct Site {
    instance: Instance,
    proxy: Proxy,
    work: TempDir,
}

impl Site {
    async fn start() -> Result<Self> {
        let instance = Instance::builder().tls(true).start().await?;
        let work = TempDir::new()?;
        let settings = format!("[instance]\nurl = \"{}\"\ncredential = \"sn\"\n", instance.url());
        std::fs::write(work.path().join("sn.toml"), settings)?;
        std::fs::write(work.path().join("ca.pem"), instance.certificate().unwrap_or_default())?;
        Ok(Self { instance, proxy: Proxy::start().await?, work })
    }

    /// Test Connection, with options and variables.
    async fn connect(&self, options: &[&str], variables: &[(&str, &str)]) -> Result<Run> {
        self.run(&["connect"], options, variables).await
    }

    async fn run(&self, command: &[&str], options: &[&str], variables: &[(&str, &str)]) -> Result<Run> {
        let account = self.instance.account();
        let credential = json!({"user": account.user, "password": account.password}).to_string();
        let mut command = harness(command)
            .args(["--settings", "sn.toml", "--credential", "sn=env:SN"])
            .args(options)
            .env("SN", &credential)
            .within(self.work.path());
        for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"] {
            command = command.env(name, "");
        }
        for (name, value) in variables {
            command = command.env(name, value);
        }
        tokio::task::spawn_blocking(|| command.run()).await?
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_and_the_certificates_come_from_options_or_from_the_environment() -> Result<()> {
    let site = Site::start().await?;
    let url = format!("http://user:pw@{}", site.proxy.address);
    let bundle = ["--ca-bundle", "ca.pem"];
    let reached = |run: &Run| assert!(run.stdout.contains("ok       instance"), "{run:?}");

    // Each of the ways in which a proxy is named.
    let with_option = [&bundle[..], &["--proxy", &url]].concat();
    for (options, variables) in [
        (&with_option[..], &[][..]),
        (&bundle, &[("HTTPS_PROXY", url.as_str())]),
        (&bundle, &[("all_proxy", &url)]),
        (&bundle, &[("HTTPS_PROXY", &url), ("NO_PROXY", ".0.0.1,10.0.0.0/8,127.0.0.1:1,[::1]")]),
    ] {
        reached(&site.connect(options, variables).await?);
        let asked = site.proxy.asked();
        let tunnel = format!("CONNECT {} HTTP/1.1\r\n", site.instance.address());
        assert!(asked.iter().all(|head| head.starts_with(&tunnel)) && !asked.is_empty(), "{asked:?}");
        assert!(asked[0].contains("Basic dXNlcjpwdw=="), "its password goes to the proxy: {asked:?}");
    }
    // And of those in which it is not taken.
    let direct = [&bundle[..], &["--proxy", "none"]].concat();
    for (options, variables) in [
        (&direct[..], &[("HTTPS_PROXY", url.as_str())][..]),
        (&bundle, &[("HTTPS_PROXY", &url), ("NO_PROXY", "localhost,127.0.0.1")]),
        (&bundle, &[("HTTPS_PROXY", &url), ("NO_PROXY", &site.instance.address().to_string())]),
        (&bundle, &[("HTTPS_PROXY", &url), ("no_proxy", "::1 127.0.0.0/8")]),
        (&bundle, &[("HTTPS_PROXY", &url), ("NO_PROXY", "*")]),
        (&bundle, &[("HTTP_PROXY", &url)]),
    ] {
        reached(&site.connect(options, variables).await?);
        assert!(site.proxy.asked().is_empty());
    }

    // What is wrong with the way is said in words.
    let run = site.connect(&[], &[]).await?;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.stdout.contains("because: its certificate is not trusted: a CA bundle"), "{run:?}");
    let run = site.connect(&["--ca-bundle", "sn.toml"], &[]).await?;
    assert_eq!((run.code, run.stderr.contains("the CA bundle holds no certificate")), (2, true), "{run:?}");
    let run = site.connect(&["--proxy", "socks5://a:1"], &[]).await?;
    assert_eq!(
        (run.code, run.stderr.contains("http://proxy.example:3128; SOCKS is not supported")),
        (2, true),
        "{run:?}"
    );
    let away = format!("http://{}", site.proxy.address).replace("127.0.0.1", "127.0.0.9");
    let run = site.connect(&[&bundle[..], &["--proxy", &away]].concat(), &[]).await?;
    assert_eq!((run.code, run.stdout.contains("or the proxy is not available")), (1, true), "{run:?}");
    assert_eq!(run.stderr.matches("the proxy cannot be reached").count(), 1, "{run:?}");
    let refusing = Proxy::refusing("407 Proxy Authentication Required").await?;
    let run = site.connect(&[&bundle[..], &["--proxy", &refusing]].concat(), &[]).await?;
    assert!(run.stderr.contains("the proxy asks for another user name and password"), "{run:?}");
    let refusing = Proxy::refusing("403 Forbidden").await?;
    let run = site.connect(&[&bundle[..], &["--proxy", &refusing]].concat(), &[]).await?;
    assert!(run.stderr.contains("the proxy lets nobody through to this host"), "{run:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_is_checked_on_the_same_way_as_events_go() -> Result<()> {
    let site = Site::start().await?;
    let settings = site.work.path().join("sn.toml");
    let text = std::fs::read_to_string(&settings)?;
    std::fs::write(&settings, format!("{text}[mapping.incident.fields]\nurgency = \"1\"\n"))?;
    let check = ["mapping", "check"];
    let run = site.run(&check, &[], &[]).await?;
    assert_eq!((run.code, run.stderr.contains("certificate")), (3, true), "{run:?}");
    let proxy = format!("http://{}", site.proxy.address);
    let run = site.run(&check, &["--ca-bundle", "ca.pem", "--proxy", &proxy, "--private-network"], &[]).await?;
    assert_eq!((run.code, run.stdout.contains("keeps all that the mapping says")), (0, true), "{run:?}");
    assert!(!site.proxy.asked().is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_all_that_was_granted_but_no_password() -> Result<()> {
    let site = Site::start().await?;
    let proxy = format!("http://svc:hunter22@{}", site.proxy.address);
    let run = site.connect(&["--ca-bundle", "ca.pem", "--proxy", &proxy], &[]).await?;
    assert_eq!(run.code, 0, "{run:?}");
    let log = site.work.path().join("itsm-audit.jsonl");
    let made = entries(&log)?.next().context("an empty log")??;
    assert_eq!(made.action, "grant.made");
    let bundle = guest::digest(&std::fs::read(site.work.path().join("ca.pem"))?);
    let granted: Vec<_> = made.details.iter().map(|(name, value)| (name.as_str(), value.as_str())).skip(1).collect();
    assert_eq!(
        granted,
        [
            ("origin", site.instance.url().as_str()),
            ("methods", "GET, POST"),
            ("paths", "/api/"),
            ("posts-to", "/api/now/identifyreconcile/query, /api/now/identifyreconcile/queryEnhanced"),
            ("addresses", "this machine's"),
            ("proxy", &format!("http://{}", site.proxy.address)),
            ("ca-bundle", &bundle),
            ("credential", "sn"),
        ]
    );
    assert!(!std::fs::read_to_string(&log)?.contains("hunter22"));
    Ok(())
}

/// This machine's own name leads to an address that no grant of a name leads to: to the machine itself, or to a private
/// network.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_says_why_a_name_is_not_reached_and_the_log_too() -> Result<()> {
    let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") else {
        return skipped("names that are not reached", "this machine says no name");
    };
    let name = name.trim().to_ascii_lowercase();
    let found: Vec<_> = match tokio::net::lookup_host((name.as_str(), 0)).await {
        Ok(found) => found.collect(),
        Err(error) => return skipped("names that are not reached", error),
    };
    if name == "localhost" || found.is_empty() || found.iter().any(|found| Addresses::Public.judge(found.ip()).is_ok())
    {
        return skipped("names that are not reached", format!("{name} leads to {found:?}"));
    }
    let site = Site::start().await?;
    let settings =
        format!("[instance]\nurl = \"https://{name}:{}\"\ncredential = \"sn\"\n", site.instance.address().port());
    std::fs::write(site.work.path().join("sn.toml"), settings)?;
    let run = site.connect(&["--ca-bundle", "ca.pem"], &[]).await?;
    let denied = run.stderr.lines().filter(|line| line.contains(" was denied: ")).collect::<Vec<_>>();
    assert_eq!((run.code, denied.len()), (1, 1), "once for each reason: {run:?}");
    assert!(denied[0].contains(&format!(" was denied: {name} leads to ")), "{run:?}");
    let log = entries(&site.work.path().join("itsm-audit.jsonl"))?.collect::<Result<Vec<_>, _>>()?;
    assert!(log.iter().any(|entry| entry.action == "egress.denied"), "{log:?}");
    Ok(())
}

fn skipped(what: &str, why: impl std::fmt::Display) -> Result<()> {
    tests::skipped(what, why);
    Ok(())
}
