//! Core modules made components, and made small.

use super::Error;
use super::interface::{Form, form};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// How the names of the sections begin that `wit-bindgen` writes for the encoder.
const INTERFACE: &str = "component-type";

/// Encodes a core module, built by `wit-bindgen`, as a component, and validates it. `what` names it in messages.
///
/// # Errors
/// [`Error::NotWasm`], or [`Error::Encode`] where the module does not keep to the interface that it carries.
pub fn encode(what: &str, module: &[u8]) -> Result<Vec<u8>, Error> {
    form(what, module)?;
    if !describes_itself(module) {
        return Err(Error::Encode { what: what.into(), why: "it carries no description of its interface".into() });
    }
    // Names for what the encoder adds: whose code trapped is told by the names of modules.
    let encoded = ComponentEncoder::default()
        .validate(true)
        .debug_names(true)
        .module(module)
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| Error::Encode { what: what.into(), why: format!("{error:#}") })
}

/// Whether a module carries the section from which its interface is read.
fn describes_itself(module: &[u8]) -> bool {
    Parser::new(0).parse_all(module).flatten().any(|payload| match payload {
        Payload::CustomSection(section) => section.name().starts_with(INTERFACE),
        _ => false,
    })
}

/// Names a core module, and leaves out what only a debugger reads: a fifth of its size.
///
/// The module's own name is what tells the plugin's frames from the mapping's in a trap. The types that the encoder reads
/// (`component-type…`) stay.
///
/// # Errors
/// [`Error::Encode`] where the module cannot be read.
pub fn slim(name: &str, module: &[u8]) -> Result<Vec<u8>, Error> {
    let unreadable = |why: String| Error::Encode { what: format!("`{name}`"), why };
    if form(name, module)? == Form::Component {
        return Err(unreadable("it is a component already".into()));
    }
    let mut slim = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.map_err(|error| unreadable(error.to_string()))?;
        if let Payload::CustomSection(section) = &payload
            && !section.name().starts_with(INTERFACE)
        {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            let data = module.get(range).ok_or_else(|| unreadable("a section ends after the file".into()))?;
            slim.section(&wasm_encoder::RawSection { id, data });
        }
    }
    let mut names = wasm_encoder::NameSection::new();
    names.module(name);
    slim.section(&names);
    Ok(slim.finish())
}

/// The name that a core module carries, or none.
#[cfg(test)]
fn module_name(module: &[u8]) -> Option<String> {
    Parser::new(0).parse_all(module).flatten().find_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == "name" => {
            let wasmparser::KnownCustom::Name(names) = section.as_known() else { return None };
            names.into_iter().flatten().find_map(|name| match name {
                wasmparser::Name::Module { name, .. } => Some(name.to_owned()),
                _ => None,
            })
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slim_module_keeps_its_types_and_gains_its_name() {
        let wit = "package test:x; world w { export run: func() -> string; }";
        let module = crate::guest::tests::support::module("w", &[wit]);
        let slim = slim("acme-mapping", &module).unwrap();
        assert_eq!(module_name(&slim).as_deref(), Some("acme-mapping"));
        assert!(encode("it", &slim).is_ok());
    }

    #[test]
    fn a_module_without_an_interface_is_told_what_to_use() {
        assert_eq!(
            encode("`acme.wasm`", b"\0asm\x01\0\0\0").unwrap_err().to_string(),
            "`acme.wasm` cannot be made a component: it carries no description of its interface; build it with `wit-bindgen`'s \
             `generate!` and `export!`"
        );
    }
}
