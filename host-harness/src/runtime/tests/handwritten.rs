//! Guests written by hand, each of whose functions runs the same code: for what no language lets one write.

use crate::guest::{encode, member, plug};
use std::fmt::Write as _;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, SourceMap, WorldId, WorldItem};

/// The exports of a plugin.
pub const EXPORTS: &str = "export approvals; export diagnostics; export evidence; export itsm-integration;";

/// The contract after an edit of its WIT, with a world of these items.
pub fn contract(items: &str, edit: impl Fn(&str) -> String) -> (Resolve, WorldId) {
    let mut files = SourceMap::new();
    for (name, text) in [
        ("answers.wit", include_str!("../../../../wit/answers.wit")),
        ("approvals.wit", include_str!("../../../../wit/approvals.wit")),
        ("audit.wit", include_str!("../../../../wit/audit.wit")),
        ("diagnostics.wit", include_str!("../../../../wit/diagnostics.wit")),
        ("events.wit", include_str!("../../../../wit/events.wit")),
        ("evidence.wit", include_str!("../../../../wit/evidence.wit")),
        ("itsm-integration.wit", include_str!("../../../../wit/itsm-integration.wit")),
        ("types.wit", include_str!("../../../../wit/types.wit")),
    ] {
        files.push_str(name, edit(text));
    }
    files.push_str("world.wit", format!("package openfactory:itsm@0.1.0;\nworld test {{ {items} }}"));
    let mut resolve = Resolve::default();
    let package = resolve.push_group(files.parse().map_err(|(_, error)| error).unwrap()).unwrap();
    let world = resolve.select_world(&[package], Some("test")).unwrap();
    (resolve, world)
}

/// A plugin that runs this code in each of its hooks; `more` are parts of its module, such as a table.
pub fn plugin(code: &str, more: &str) -> Vec<u8> {
    let (resolve, world) = contract(EXPORTS, str::to_owned);
    component("handwritten-plugin", &resolve, world, code, more)
}

/// The hostile plugin with a mapping that runs this code whatever it is asked.
pub fn mapping(code: &str, more: &str) -> Vec<u8> {
    let mapping = bare_mapping("handwritten-mapping", code, more);
    plug(&member("hostile-plugin").unwrap(), "a mapping written by hand", &mapping).unwrap().bytes
}

/// Such a mapping alone, whose module has this name.
pub fn bare_mapping(name: &str, code: &str, more: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = include_str!("../../../../wit/deps/itsm-mapping/mapping.wit");
    let package = resolve.push_str("mapping.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("custom-mapping")).unwrap();
    component(name, &resolve, world, code, more)
}

fn component(name: &str, resolve: &Resolve, world: WorldId, code: &str, more: &str) -> Vec<u8> {
    let mut functions = String::new();
    for (key, item) in &resolve.worlds[world].exports {
        let WorldItem::Interface { id, .. } = item else { continue };
        for function in resolve.interfaces[*id].functions.values() {
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            let (interface, params) = (resolve.name_world_key(key), types(&signature.params));
            let export = format!("{interface}#{}", function.name);
            let results = types(&signature.results);
            writeln!(functions, r#"(func (export "{export}") (param {params}) (result {results}) {code} unreachable)"#)
                .unwrap();
        }
    }
    let module = format!(
        r#"(module ${name} (memory (export "memory") 2) {more}
             (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
             {functions})"#
    );
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    encode(name, &module).unwrap()
}

fn types(types: &[WasmType]) -> String {
    let name = |wasm: &WasmType| match wasm {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    };
    types.iter().map(name).collect::<Vec<_>>().join(" ")
}
