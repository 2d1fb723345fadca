//! The way to the instance: what an enterprise's network asks for, and what is seen of each request on it.

use super::Misuse;
use super::words::line;
use anyhow::Result;
use clap::Args;
use host_harness::file;
use host_harness::grant::{Barred, Builder, Egress, Exchange, Observer, Outcome, Prohibited, Reason, Route};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Bytes of a CA bundle. That of a whole operating system has 250 KB.
const BUNDLE_BYTES: usize = 4 * 1024 * 1024;

/// How the instance is reached.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "The way to the instance")]
pub struct Way {
    /// The proxy to take, or `none`. Without it, HTTPS_PROXY, ALL_PROXY and NO_PROXY count; a proxy that asks for a
    /// password is better named there, where no list of processes shows it
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Certificates in PEM form to trust beside the system's
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,
    /// Let the instance be in a private network; where clouds keep a machine's metadata stays out of reach
    #[arg(long)]
    private_network: bool,
}

impl Way {
    /// Where requests may go, of what the settings say.
    pub fn egress(&self, egress: Egress) -> Egress {
        if self.private_network { egress.in_private_network() } else { egress }
    }

    /// Adds the way to a grant.
    pub fn add_to(&self, mut grant: Builder) -> Result<Builder> {
        grant = match self.proxy.as_deref() {
            None => grant,
            Some("none") => grant.route(Route::Direct),
            Some(url) => grant.route(Route::Through(url.to_owned())),
        };
        if let Some(path) = &self.ca_bundle {
            let unreadable = |error| Misuse(format!("cannot read the CA bundle {}: {error}", path.display()));
            grant = grant.ca_bundle(file::read(path, BUNDLE_BYTES).map_err(unreadable)?);
        }
        Ok(grant)
    }
}

/// A line on standard error, if anybody listens there: what is seen of a request must not decide what becomes of it.
fn whisper(words: &str) {
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// Tells why the host refused a request or the proxy did, once for each reason: the plugin never learns more than that.
#[derive(Default)]
pub struct Denials(Mutex<BTreeSet<String>>);

impl Denials {
    fn is_new(&self, why: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(why.to_owned())
    }
}

impl Observer for Denials {
    fn exchanged(&self, exchange: &Exchange) {
        if let Outcome::Failed(why) = &exchange.outcome
            && why.contains("the proxy ")
            && self.is_new(why)
        {
            whisper(&format!("no answer: {}", line(why)));
        }
        if let Outcome::Denied(denial) = &exchange.outcome {
            let remedy = match denial.why {
                Reason::Address(Prohibited { why: Barred::Private, .. }) => ": say --private-network",
                _ => "",
            };
            if self.is_new(&denial.why.to_string()) {
                whisper(&format!("{}{remedy}", line(&denial.to_string())));
            }
        }
    }
}

/// `--verbose`: tells each request on standard error, with the reply's header fields as the plugin sees them.
pub struct Aloud;

impl Observer for Aloud {
    fn exchanged(&self, exchange: &Exchange) {
        let became = match &exchange.outcome {
            Outcome::Answered { status, headers, bytes } => {
                let fields = headers
                    .iter()
                    .map(|(name, value)| format!("\n    {name}: {}", line(&String::from_utf8_lossy(value.as_bytes()))));
                format!("{status}, {bytes} bytes{}", fields.collect::<String>())
            }
            Outcome::Denied(denial) => line(&denial.to_string()),
            Outcome::Failed(why) => format!("no answer: {}", line(why)),
        };
        let Exchange { method, target, took, .. } = exchange;
        whisper(&format!("{method} {}\n  {} ms: {became}", line(target), took.as_millis()));
    }

    fn mapping_failed(&self, hook: &str, why: &str) {
        whisper(&format!("{}: the mapping failed, and is left out: {}", line(hook), line(why)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host_harness::grant::{AuditLog, Grant};
    use std::sync::Arc;

    #[test]
    fn a_ca_bundle_that_is_larger_than_any_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("all.pem");
        std::fs::File::create(&bundle).unwrap().set_len(BUNDLE_BYTES as u64 + 1).unwrap();
        let audit = Arc::new(AuditLog::open(&folder.path().join("audit.jsonl")).unwrap());
        let grant = Grant::builder(String::new(), Egress::to("https://dev.service-now.com").unwrap(), audit);
        let way = Way { ca_bundle: Some(bundle), ..Way::default() };
        let error = way.add_to(grant).err().unwrap();
        assert!(error.to_string().ends_with("it is larger than 4194304 bytes"), "{error}");
    }
}
