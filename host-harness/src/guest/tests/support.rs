//! Components made from WIT alone: the right interface, with code that traps.

use crate::guest::encode;
use wit_component::{StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// The mapping's package as it stands.
pub fn mapping_wit() -> String {
    include_str!("../../../../wit/deps/itsm-mapping/mapping.wit").to_owned()
}

/// A core module of one world, its code all `unreachable`, from packages of which the first has the world.
pub fn module(world: &str, packages: &[&str]) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let mut first = None;
    for (number, text) in packages.iter().enumerate().rev() {
        let package = resolve.push_str(format!("package-{number}.wit"), text).unwrap();
        first = Some(package);
    }
    let world = resolve.select_world(&[first.unwrap()], Some(world)).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    module
}

/// The same as a component.
pub fn component(world: &str, packages: &[&str]) -> Vec<u8> {
    encode("a component of the tests", &module(world, packages)).unwrap()
}

/// A mapping by the contract, after an edit of its WIT.
pub fn mapping(edit: impl FnOnce(String) -> String) -> Vec<u8> {
    component("custom-mapping", &[&edit(mapping_wit())])
}

/// A plugin that does nothing but import the mapping.
pub fn socket() -> Vec<u8> {
    let plugin =
        "package test:plugin; world plugin { import openfactory:itsm-mapping/mapping@0.1.0; export run: func(); }";
    component("plugin", &[plugin, &mapping_wit()])
}
