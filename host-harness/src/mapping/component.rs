//! The mapping that is looked at: by itself, or as it lies in a plugin's component.

use super::MappingError;
use crate::guest::{Interface, MAPPING, Trial, digest};
use wasmparser::{Parser, Payload};

/// A mapping, ready to be tried, and the component that it came in.
pub struct Subject {
    /// In its sandbox.
    pub trial: Trial,
    /// `sha256:…` of the mapping's own component.
    pub mapping: String,
    /// `sha256:…` of the plugin's component with it; none where it came alone.
    pub component: Option<String>,
}

impl Subject {
    /// Takes the mapping out of a plugin's component; a mapping component is one by itself. `what` names it in messages.
    ///
    /// # Errors
    /// Where it holds no mapping, or one that cannot be tried.
    pub fn of(what: &str, bytes: &[u8]) -> Result<Self, MappingError> {
        let interface = Interface::of(what, bytes)?;
        if interface.exports().iter().any(|export| export == MAPPING) {
            return Ok(Self { trial: Trial::new(what, bytes)?, mapping: digest(bytes), component: None });
        }
        let mapping = inner(bytes).ok_or_else(|| MappingError::NoMapping { what: what.into() })?;
        let trial = Trial::new(&format!("the mapping in {what}"), mapping)?;
        Ok(Self { trial, mapping: digest(mapping), component: Some(digest(bytes)) })
    }
}

/// The part of a composition that exports the mapping, byte for byte as it was plugged in.
fn inner(bytes: &[u8]) -> Option<&[u8]> {
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.ok()? {
            Payload::ComponentSection { unchecked_range, .. } => {
                let part = bytes.get(unchecked_range)?;
                let is_mapping = || Interface::of("a part", part).is_ok_and(|part| part.exports() == [MAPPING]);
                if depth == 0 && is_mapping() {
                    return Some(part);
                }
                depth += 1;
            }
            Payload::ModuleSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
