//! `build`: the component, from sources.

use super::{Exit, progress::Progress};
use anyhow::{Context as _, Result};
use clap::Args;
use host_harness::guest::{self, Mapping};
use std::path::PathBuf;

/// Build the plugin, plug a mapping in, and write the component
#[derive(Args)]
pub struct Build {
    /// A mapping component, or a Rust crate of one; the stock mapping without it
    #[arg(long, value_name = "FILE_OR_CRATE")]
    mapping: Option<PathBuf>,
    /// Where to write the component; it stays in target/guest without it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Build {
    /// Runs the command.
    pub fn run(self) -> Result<Exit> {
        let mapping = self.mapping.as_deref().map(Mapping::at).transpose()?.unwrap_or(Mapping::Stock);
        let progress = Progress::new();
        let built = guest::build(&mapping, &|what| progress.tell(&what.to_string()))?;
        let path = match self.output {
            Some(output) => {
                std::fs::copy(&built.path, &output).with_context(|| format!("cannot write {}", output.display()))?;
                output
            }
            None => built.path,
        };
        if self.json {
            let json = serde_json::json!({
                "component": path,
                "size": built.size,
                "digests": {
                    "component": built.digests.component,
                    "plugin": built.digests.plugin,
                    "mapping": built.digests.mapping,
                },
            });
            say!("{json}");
        } else {
            say!("{}  {} KB", path.display(), built.size.div_ceil(1000));
            say!("  component  {}", built.digests.component);
            say!("  plugin     {}", built.digests.plugin);
            say!("  mapping    {}", built.digests.mapping);
        }
        Ok(Exit::Done)
    }
}
