//! Which core modules of a component are the mapping's, so that a trap can be told to be the mapping's or the plugin's.
//!
//! A composed component holds the plugin's component and the mapping's, each with its core modules; a frame of a
//! backtrace says the name of its module. What wasmtime puts between the two, to carry values across, has no name. It traps
//! over an answer that is none, or over a question that is none; it counts as the mapping's, since the plugin's questions are
//! made by the same tools as its host's, and a plugin that asks none is the next that is tried.

use crate::guest::MAPPING;
use std::collections::BTreeSet;
use wasmparser::{ComponentExternalKind, KnownCustom, Name, Parser, Payload};

/// Names of core modules; none for one without a name.
type Names = BTreeSet<Option<String>>;

/// The name of what is between plugin and mapping.
const BETWEEN: Option<String> = None;

/// The modules that are the mapping's and not the plugin's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct MappingModules(Names);

/// A component or a module that is being read.
#[derive(Default)]
struct Part {
    is_module: bool,
    name: Option<String>,
    modules: Names,
    is_mapping: bool,
}

impl MappingModules {
    /// Reads a component. What cannot be read has none: it will not be loaded either.
    pub(super) fn of(bytes: &[u8]) -> Self {
        // The component itself, and whatever within it is open where the reader is.
        let mut open = vec![Part::default()];
        let (mut mappings, mut others) = (Names::new(), Names::new());
        for payload in Parser::new(0).parse_all(bytes) {
            let Ok(payload) = payload else { return Self::default() };
            match payload {
                Payload::ModuleSection { .. } => open.push(Part { is_module: true, ..Part::default() }),
                Payload::ComponentSection { .. } => open.push(Part::default()),
                Payload::CustomSection(section) => {
                    if let (KnownCustom::Name(names), Some(part)) = (section.as_known(), open.last_mut()) {
                        part.name = names.into_iter().flatten().find_map(|name| match name {
                            Name::Module { name, .. } => Some(name.to_owned()),
                            _ => None,
                        });
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
                    if part.is_module {
                        outer.modules.insert(part.name);
                    } else if depth == 1 {
                        if part.is_mapping { &mut mappings } else { &mut others }.extend(part.modules);
                    } else {
                        // Parts of parts count for the part that the composition is made of.
                        outer.modules.extend(part.modules);
                    }
                }
                _ => {}
            }
        }
        if !mappings.is_empty() {
            mappings.insert(BETWEEN);
        }
        mappings.retain(|name| !others.contains(name) && !name.as_deref().is_some_and(is_shim));
        Self(mappings)
    }

    /// Whether code of a module with this name is the mapping's.
    pub(super) fn contain(&self, name: Option<&str>) -> bool {
        self.0.contains(&name.map(str::to_owned))
    }
}

/// What the tools put between modules has a name of its own, in every component the same.
pub(super) fn is_shim(name: &str) -> bool {
    name.starts_with("wit-component:")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::tests::scene::hostile;

    #[test]
    fn the_mappings_modules_are_told_from_the_plugins() {
        let modules = MappingModules::of(hostile());
        for name in [Some("hostile-mapping"), None] {
            assert!(modules.contain(name), "{name:?} in {modules:?}");
        }
        for name in [Some("hostile-plugin"), Some("wit-component:shim")] {
            assert!(!modules.contain(name), "{name:?} in {modules:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_none() {
        for bytes in [&b""[..], b"hello", &hostile()[..1000]] {
            assert_eq!(MappingModules::of(bytes), MappingModules::default());
        }
    }
}
