//! Which code of a component is the mapping's, so that a trap can be told to be the mapping's or the plugin's.
//!
//! A composed component holds the plugin's component and the mapping's, one after the other, each with its core modules; a
//! frame of a backtrace says where in the whole its code lies. Names would not do: both may call their modules what they
//! like. What wasmtime puts between the two, to carry values across, lies nowhere and has no name. It traps over an answer
//! that is none, or over a question that is none; it counts as the mapping's, since the plugin's questions are made by the
//! same tools as its host's, and a plugin that asks none is the next that is tried.

use crate::guest::MAPPING;
use std::ops::Range;
use wasmparser::{ComponentExternalKind, KnownCustom, Name, Parser, Payload};

/// The parts of a component that are the mapping's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MappingCode {
    mappings: Vec<Range<usize>>,
    /// Modules of the plugin's that have no name either.
    nameless: Vec<Range<usize>>,
}

/// A component or a module that is being read.
#[derive(Default)]
struct Part {
    is_module: bool,
    bytes: Range<usize>,
    is_named: bool,
    is_mapping: bool,
    nameless: Vec<Range<usize>>,
}

impl MappingCode {
    /// Reads a component. What cannot be read has none: it will not be loaded either.
    pub(super) fn of(bytes: &[u8]) -> Self {
        // The component itself, and whatever within it is open where the reader is.
        let mut open = vec![Part::default()];
        let mut code = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let Ok(payload) = payload else { return Self::default() };
            match payload {
                Payload::ModuleSection { unchecked_range, .. } => {
                    open.push(Part { is_module: true, bytes: unchecked_range, ..Part::default() });
                }
                Payload::ComponentSection { unchecked_range, .. } => {
                    open.push(Part { bytes: unchecked_range, ..Part::default() });
                }
                Payload::CustomSection(section) => {
                    if let (KnownCustom::Name(names), Some(part)) = (section.as_known(), open.last_mut()) {
                        part.is_named |= names.into_iter().flatten().any(|name| matches!(name, Name::Module { .. }));
                    }
                }
                Payload::ComponentExportSection(exports) => {
                    let mut exports = exports.into_iter().flatten();
                    let is_mapping = exports
                        .any(|export| export.kind == ComponentExternalKind::Instance && export.name.name == MAPPING);
                    if let Some(part) = open.last_mut() {
                        part.is_mapping |= is_mapping;
                    }
                }
                Payload::End(_) => {
                    let Some(part) = open.pop() else { break };
                    let depth = open.len();
                    let Some(outer) = open.last_mut() else { continue };
                    match part {
                        Part { is_module: true, is_named: false, bytes, .. } => outer.nameless.push(bytes),
                        Part { is_module: true, .. } => {}
                        // Parts of parts count for the part that the composition is made of.
                        _ if depth > 1 => outer.nameless.extend(part.nameless),
                        Part { is_mapping: true, bytes, .. } => code.mappings.push(bytes),
                        _ => code.nameless.extend(part.nameless),
                    }
                }
                _ => {}
            }
        }
        code
    }

    /// Whether code at this place of the component, in a module of this name, is the mapping's.
    pub(super) fn contains(&self, name: Option<&str>, offset: Option<usize>) -> bool {
        let within = |ranges: &[Range<usize>]| offset.is_some_and(|at| ranges.iter().any(|range| range.contains(&at)));
        let is_between = || name.is_none() && !self.mappings.is_empty() && !within(&self.nameless);
        within(&self.mappings) || is_between()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::tests::scene::hostile;

    #[test]
    fn the_mappings_code_is_told_from_the_plugins_by_its_place() {
        let code = MappingCode::of(hostile());
        let [Range { start, end }] = code.mappings[..] else { panic!("{code:?}") };
        for (name, at) in [(Some("main"), start), (Some("main"), end - 1), (None, start), (None, 0)] {
            assert!(code.contains(name, Some(at)), "{name:?} at {at} in {code:?}");
        }
        for at in [0, start - 1, end] {
            assert!(!code.contains(Some("main"), Some(at)), "{at} in {code:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_none() {
        for bytes in [&b""[..], b"hello", &hostile()[..1000]] {
            assert_eq!(MappingCode::of(bytes), MappingCode::default());
        }
    }
}
