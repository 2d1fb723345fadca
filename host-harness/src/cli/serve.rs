//! `serve`: the host as a service, until it is told to stop.

use super::{Exit, Misuse, given::Given, logs};
use anyhow::{Context as _, Result};
use clap::Args;
use host_harness::delivery::{
    self, Backoff, Outbox, Pacing, Sandboxed, SqliteStore, StoreError, SystemClock, Witness, limits,
};
use host_harness::runtime;
use host_harness::service::{Callbacks, GRACE, Options, Service, ServiceError, Token};
use host_harness::settings::Settings;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Run the host as a service: events in by HTTP, answers out
#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    given: Given,
    /// The outbox, which holds every event until it is delivered: a SQLite file, made where there is none
    #[arg(long, value_name = "FILE", default_value = "itsm-outbox.db")]
    outbox: PathBuf,
    /// The instance of this outbox has a new URL: take it on all the same
    #[arg(long)]
    moved: bool,
    /// Where to listen; port 0 takes a free one. Beyond this machine it takes a --token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8470")]
    listen: SocketAddr,
    /// The bearer token that clients must send: env:VARIABLE or file:PATH
    #[arg(long, value_name = "SOURCE")]
    token: Option<String>,
    /// An origin that callbacks may go to, with its scheme and no path; once for each
    #[arg(long = "callback-origin", value_name = "ORIGIN")]
    callback_origins: Vec<String>,
    /// How the log is written to standard error: text on a terminal, JSON otherwise
    #[arg(long, value_name = "FORM")]
    log: Option<logs::Form>,
    /// Print one line of JSON once it listens
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    effort: Effort,
}

#[derive(Args)]
#[command(next_help_heading = "How hard it tries")]
struct Effort {
    /// Calls of the plugin at once
    #[arg(long, value_name = "CALLS", default_value_t = limits::CONCURRENCY)]
    concurrency: usize,
    /// Attempts that fail though ServiceNow is there, until an event is given up
    #[arg(long, value_name = "ATTEMPTS", default_value_t = limits::ATTEMPTS)]
    attempts: u32,
    /// The age at which an event is given up, whatever the reason
    #[arg(long, value_name = "TIME", default_value = "168h", value_parser = time)]
    age: Duration,
    /// The longest wait after the first failure; doubled after each one more
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = time)]
    first_wait: Duration,
    /// The longest wait of all
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time)]
    longest_wait: Duration,
    /// How long an instance that is away is left alone at first; doubled each time it still is
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    first_pause: Duration,
    /// How long it is left alone at most: so late it is noticed that it is back
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = time)]
    longest_pause: Duration,
    /// How long ServiceNow may take to begin a reply
    #[arg(long, value_name = "TIME", default_value = "70s", value_parser = time)]
    reply_timeout: Duration,
}

/// Such as `250ms`, `30s`, `5m`, `168h`.
fn time(text: &str) -> Result<Duration, String> {
    let words = "a time is a number with ms, s, m or h behind it, such as 30s";
    let time: jiff::SignedDuration = text.parse().map_err(|_| words.to_owned())?;
    Duration::try_from(time).ok().filter(|time| !time.is_zero()).ok_or_else(|| format!("{words}, and more than none"))
}

impl Effort {
    fn delivery(&self) -> delivery::Limits {
        let mut limits = delivery::Limits::default();
        limits.concurrency = self.concurrency;
        limits.attempts = self.attempts;
        limits.age = self.age;
        limits.backoff = Backoff { first: self.first_wait, longest: self.longest_wait };
        limits.circuit_pause = Backoff { first: self.first_pause, longest: self.longest_pause };
        limits
    }

    fn runtime(&self) -> runtime::limits::Limits {
        let mut limits = runtime::limits::Limits::default();
        limits.reply_timeout = self.reply_timeout;
        limits
    }
}

impl Serve {
    /// Runs the command.
    pub async fn run(self: Box<Self>) -> Result<Exit> {
        logs::start(self.log);
        let options = self.options()?;
        let settings = Settings::read(&self.given.settings)?;
        let credential = self.given.credential(&settings)?;
        // Before what takes longer: another service may have it.
        let store = self.store(&settings.egress().origin())?;
        let component = self.given.component()?;
        let limits = self.effort.delivery();
        let pacing = Pacing::new(&limits, Arc::new(SystemClock));
        let witness = Witness::new(pacing.clone());
        let session = self.given.session(&component, &settings, false).credential(credential).alone();
        let session = session.observer(witness.clone()).limits(self.effort.runtime()).open().await?;
        let hooks = Sandboxed::new(session.into_plugin(), witness);
        let outbox = Outbox::builder(store, hooks).limits(limits).pacing(pacing);
        // Listened for from here on: whoever stops it at its first breath stops it in order, too.
        let mut stop = Stop::new()?;
        let service = Service::start(options, outbox).await?;
        self.tell(&service, &settings);
        stop.told().await;
        tokio::select! {
            () = service.stop(GRACE) => {}
            // Whoever asks twice does not want to wait; the outbox outlives that, too.
            () = stop.told() => tracing::warn!("stopped at once: what was under way is delivered again"),
        }
        Ok(Exit::Done)
    }

    fn store(&self, origin: &str) -> Result<SqliteStore> {
        let store = SqliteStore::open(&self.outbox)?;
        if self.moved {
            return Ok(store.moved_to(origin)?);
        }
        store.of_instance(origin).map_err(|error| match error {
            StoreError::OtherInstance { theirs, ours } => Misuse(format!(
                "the outbox {} is that of {theirs}, and the settings are for {ours}: give each instance an outbox of its own \
                 with --outbox; where the instance has moved to this URL, start with --moved",
                self.outbox.display()
            ))
            .into(),
            error => error.into(),
        })
    }

    fn options(&self) -> Result<Options> {
        let token = self.token.as_deref().map(Token::read).transpose().map_err(|error| Misuse(error.to_string()))?;
        let mut callbacks = Callbacks::default();
        for origin in &self.callback_origins {
            callbacks.allow(origin).map_err(|error| Misuse(format!("--callback-origin {origin}: {error}")))?;
        }
        let options = Options { listen: self.listen, token, callbacks };
        match options.check() {
            Err(ServiceError::Unguarded(address)) => Err(Misuse(format!(
                "{address} can be reached from other machines, so clients must know a token: make one with \
                 `openssl rand -hex 32`, and name its place with --token env:VARIABLE or --token file:PATH; or listen on \
                 127.0.0.1"
            ))
            .into()),
            checked => checked.context("cannot serve").map(|()| options),
        }
    }

    fn tell(&self, service: &Service, settings: &Settings) {
        let url = format!("http://{}", service.address());
        let depth = service.outbox().depth();
        if self.json {
            let (events, gates) = (depth.queued, depth.gates);
            say!("{}", json!({ "url": url, "instance": settings.url(), "queued": events, "gates-waiting": gates }));
            return;
        }
        let token = self.token.as_deref().map_or_else(
            || "none: this machine alone can reach it".to_owned(),
            |source| format!("from {source}: clients send `Authorization: Bearer …`"),
        );
        say!("The host listens at {url}");
        say!();
        say!("  ServiceNow   {}", super::printable(settings.url()));
        say!("  outbox       {}: {} to deliver, {} at gates", self.outbox.display(), depth.queued, depth.gates);
        say!("  audit log    {}", self.given.audit.display());
        say!("  token        {token}");
        if !self.callback_origins.is_empty() {
            say!("  callbacks    to {}", super::printable(&self.callback_origins.join(", ")));
        }
        say!();
        say!("  POST {url}/v1/events           an event, such as {{\"build-requested\": {{…}}}}");
        say!("  GET  {url}/v1/events/KEY       where it is, and its answer");
        say!("  GET  {url}/v1/gates            what waits for somebody");
        say!("  GET  {url}/v1/events           what was given up");
        say!("  GET  {url}/healthz, /metrics");
        say!();
        say!("Ctrl-C stops it; what is not delivered stays in the outbox.");
    }
}

/// Somebody asks the process to end: Ctrl-C, or SIGTERM from whatever runs it.
struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Stop {
    #[cfg(unix)]
    fn new() -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    #[cfg(unix)]
    async fn told(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn told(&mut self) {
        // It fails where there are no signals at all; then nobody can ask.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Only {
        #[command(flatten)]
        effort: Effort,
    }

    #[test]
    fn the_options_default_to_the_limits_of_the_library() {
        let Only { effort } = Only::parse_from(["serve"]);
        let (ours, theirs) = (effort.delivery(), delivery::Limits::default());
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
        assert_eq!(effort.runtime(), runtime::limits::Limits::default());
    }

    #[test]
    fn a_time_is_read_as_people_write_it() {
        assert_eq!(time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(time("168h"), Ok(limits::AGE));
        for wrong in ["", "7", "-1s", "0s", "soon"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
