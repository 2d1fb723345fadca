//! The checked composition of a plugin with a mapping.

use super::Error;
use super::difference::difference;
use super::interface::{Interface, MAPPING, is_inert};
use sha2::{Digest, Sha256};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

/// What was put together, told by content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// `sha256:…` of the plugin's component before anything was plugged into it.
    pub plugin: String,
    /// `sha256:…` of the mapping's component.
    pub mapping: String,
    /// `sha256:…` of the whole.
    pub component: String,
}

/// A plugin with a mapping in it.
#[derive(Clone, Debug)]
pub struct Plugged {
    /// The component.
    pub bytes: Vec<u8>,
    /// What it was made of.
    pub digests: Digests,
}

/// `sha256:` and the digest in hexadecimal.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Plugs a mapping component into a plugin component, and proves that the result is what was meant.
///
/// The mapping exports [`MAPPING`] and no other interface of a package, with the plugin's own types, and imports nothing or inert WASI. Afterwards the
/// plugin's exports are the result's, its imports too, but for [`MAPPING`], which is gone, and the inert ones.
///
/// `what` names the mapping in messages.
///
/// # Errors
/// Says which of these does not hold, and names what differs.
pub fn plug(plugin: &[u8], what: &str, mapping: &[u8]) -> Result<Plugged, Error> {
    let socket = Interface::of("the plugin", plugin)?;
    let wanted = socket
        .imported(MAPPING)
        .ok_or_else(|| Error::NoSocket { what: "the plugin".into(), wanted: MAPPING.into() })?;
    let offered = Interface::of(what, mapping)?;
    check_exports(what, &offered)?;
    check_imports(what, &offered)?;
    if let Some(found) = offered.exported(MAPPING)
        && let Some(difference) = difference((&socket, wanted), (&offered, found))
    {
        return Err(Error::MappingType { what: what.into(), wanted: MAPPING.into(), difference });
    }
    let bytes =
        compose(plugin, mapping).map_err(|error| Error::Plug { what: what.into(), why: format!("{error:#}") })?;
    check_result(what, &socket, &offered, &Interface::of("the composition", &bytes)?)?;
    let digests = Digests { plugin: digest(plugin), mapping: digest(mapping), component: digest(&bytes) };
    Ok(Plugged { bytes, digests })
}

/// A mapping is the interface that a mapping exports. What a language's tools export beside it for themselves has no
/// package, and nothing of the plugin's can be meant by it.
pub(super) fn check_exports(what: &str, mapping: &Interface) -> Result<(), Error> {
    let found = mapping.exports();
    let packaged: Vec<_> = found.iter().filter(|export| export.contains(':')).collect();
    let unversioned = |name: &str| name.split_once('@').map_or(name, |(name, _)| name).to_owned();
    match packaged.as_slice() {
        [only] if *only == MAPPING => Ok(()),
        [other] if unversioned(other) == unversioned(MAPPING) => {
            Err(Error::MappingVersion { what: what.into(), wanted: MAPPING.into(), found: (*other).clone() })
        }
        _ => Err(Error::NotAMapping { what: what.into(), wanted: MAPPING.into(), found }),
    }
}

pub(super) fn check_imports(what: &str, mapping: &Interface) -> Result<(), Error> {
    let imports: Vec<_> = mapping.imports().into_iter().filter(|import| !is_inert(import)).collect();
    if imports.is_empty() { Ok(()) } else { Err(Error::MappingImports { what: what.into(), imports }) }
}

/// The composition itself: the mapping's export is the plugin's import, and the plugin's exports are all that leaves.
fn compose(plugin: &[u8], mapping: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut graph = CompositionGraph::new();
    let plugin = Package::from_bytes("plugin", None, plugin, graph.types_mut())?;
    let mapping = Package::from_bytes("mapping", None, mapping, graph.types_mut())?;
    let plugin = graph.register_package(plugin)?;
    let mapping = graph.register_package(mapping)?;
    wac_graph::plug(&mut graph, vec![mapping], plugin)?;
    Ok(graph.encode(EncodeOptions::default())?)
}

fn check_result(what: &str, plugin: &Interface, mapping: &Interface, result: &Interface) -> Result<(), Error> {
    let wrong = |why: String| Err(Error::Plug { what: what.into(), why });
    if result.exports() != plugin.exports() {
        return wrong(format!("the whole exports {:?}", result.exports()));
    }
    let imports = result.imports();
    if imports.iter().any(|import| import == MAPPING) {
        return wrong("it still asks for a mapping".into());
    }
    // Two versions of one WASI interface become the newer one, so names are compared without their versions.
    let name = |import: &String| import.split_once('@').map_or(import.clone(), |(name, _)| name.to_owned());
    let known: Vec<_> = plugin.imports().iter().chain(&mapping.imports()).map(name).collect();
    match imports.iter().find(|import| !known.contains(&name(import))) {
        Some(import) => wrong(format!("it asks for `{import}`, which neither part did")),
        None => Ok(()),
    }
}
