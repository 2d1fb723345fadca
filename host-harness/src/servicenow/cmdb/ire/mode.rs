//! How a payload is to be taken: the endpoint and its `options`.

use crate::servicenow::engine::refusal::Refusal;

/// How a payload is to be taken.
#[derive(Debug, Clone, Default)]
pub struct Mode {
    /// `/query…`: nothing is written.
    pub dry_run: bool,
    /// `/enhanced`: its reply says more.
    pub enhanced: bool,
    /// Items that cannot be identified are parked.
    pub partial_payloads: bool,
    /// Good items are kept although others fail.
    pub partial_commits: bool,
    /// Items that are one CI are merged.
    pub deduplicate_payloads: bool,
    /// The reply counts what happened by class.
    pub generate_summary: bool,
}

impl Mode {
    /// Reads `options=partial_payloads:false,…`.
    pub fn with_options(mut self, options: Option<&str>) -> Result<Self, Refusal> {
        let mut partial_payloads = true;
        let mut others = [false; 3];
        for chunk in options.unwrap_or_default().split(',').map(str::trim).filter(|chunk| !chunk.is_empty()) {
            let invalid = || Refusal::Script(format!("Chunk [{chunk}] is not a valid entry"));
            let (name, value) = chunk.split_once(':').ok_or_else(invalid)?;
            let value = value.trim().parse::<bool>().map_err(|_| invalid())?;
            match name.trim() {
                "partial_payloads" => partial_payloads = value,
                "partial_commits" => others[0] = value,
                "deduplicate_payloads" => others[1] = value,
                "generate_summary" => others[2] = value,
                _ => return Err(invalid()),
            }
        }
        // Partial payloads force the two that they build on.
        self.partial_payloads = partial_payloads;
        self.partial_commits = others[0] || partial_payloads;
        self.deduplicate_payloads = others[1] || partial_payloads;
        self.generate_summary = others[2];
        Ok(self)
    }
}
