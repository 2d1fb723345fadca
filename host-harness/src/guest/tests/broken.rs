//! Mappings that are none, and what is said of each.

use super::support::{component, mapping, mapping_wit, module, socket};
use crate::guest::{Interface, MAPPING, plug};

/// What plugging says of a mapping.
fn refused(mapping: &[u8]) -> String {
    plug(&socket(), "`acme.wasm`", mapping).unwrap_err().to_string()
}

#[test]
fn a_mapping_by_the_contract_is_plugged_and_its_import_is_gone() {
    let plugged = plug(&socket(), "`acme.wasm`", &mapping(|wit| wit)).unwrap();
    let interface = Interface::of("the composition", &plugged.bytes).unwrap();
    assert_eq!(interface.imports(), Vec::<String>::new());
    assert_eq!(interface.exports(), ["run"]);
    let digests = [&plugged.digests.plugin, &plugged.digests.mapping, &plugged.digests.component];
    assert!(digests.iter().all(|digest| digest.len() == "sha256:".len() + 64), "{digests:?}");
}

#[test]
fn a_core_module_is_told_apart() {
    assert_eq!(
        refused(&module("custom-mapping", &[&mapping_wit()])),
        "`acme.wasm` is a core WebAssembly module, not a component: build it with `itsm-harness build`, for `wasm32-wasip2`, or \
         turn it into one with `wasm-tools component new`"
    );
}

#[test]
fn a_file_that_is_no_webassembly_is_told() {
    assert_eq!(refused(b"#!/bin/sh"), "`acme.wasm` is no WebAssembly: it does not begin with the bytes `\\0asm`");
}

#[test]
fn a_component_cut_short_is_told() {
    let mut bytes = mapping(|wit| wit);
    bytes.truncate(bytes.len() / 2);
    let said = refused(&bytes);
    assert!(said.starts_with("`acme.wasm` is no component that can be read: "), "{said}");
    assert!(said.ends_with("; build it again"), "{said}");
}

#[test]
fn another_world_is_no_mapping() {
    let other = component("other", &["package acme:tools; world other { export greet: func() -> string; }"]);
    assert_eq!(
        refused(&other),
        "`acme.wasm` exports `greet`, and a mapping exports `openfactory:itsm-mapping/mapping@0.1.0` alone: implement the world \
         `custom-mapping`"
    );
}

#[test]
fn a_mapping_for_another_version_is_told_from_one_that_is_none() {
    assert_eq!(
        refused(&mapping(|wit| wit.replace("@0.1.0", "@0.2.0"))),
        "`acme.wasm` was built for `openfactory:itsm-mapping/mapping@0.2.0`, and this plugin takes \
         `openfactory:itsm-mapping/mapping@0.1.0`: build the mapping again with the WIT of version 0.1.0"
    );
}

#[test]
fn a_mapping_that_asks_for_http_is_refused() {
    let http = "package wasi:http@0.2.12; interface outgoing-handler { handle: func(); }";
    let asks =
        mapping_wit().replace("  export mapping;", "  import wasi:http/outgoing-handler@0.2.12;\n  export mapping;");
    assert_eq!(
        refused(&component("custom-mapping", &[&asks, http])),
        "`acme.wasm` asks for `wasi:http/outgoing-handler@0.2.12`, and a mapping is given nothing: it is a pure function from \
         event to fields; take out what needs it"
    );
}

#[test]
fn a_mapping_that_asks_for_the_plugins_own_grants_is_refused() {
    let audit = "package openfactory:itsm@0.1.0; interface audit { append: func(); }";
    let config = "package wasi:config@0.2.0-rc.1; interface store { get: func(key: string) -> option<string>; }";
    let asks = mapping_wit().replace(
        "  export mapping;",
        "  import openfactory:itsm/audit@0.1.0;\n  import wasi:config/store@0.2.0-rc.1;\n  export mapping;",
    );
    assert_eq!(
        refused(&component("custom-mapping", &[&asks, audit, config])),
        "`acme.wasm` asks for `openfactory:itsm/audit@0.1.0`, `wasi:config/store@0.2.0-rc.1`, and a mapping is given nothing: it \
         is a pure function from event to fields; take out what needs them"
    );
}

#[test]
fn a_record_with_a_field_too_many_is_named() {
    assert_eq!(
        refused(&mapping(|wit| wit.replace("    line: option<u32>,", "    line: option<u32>,\n    severity: string,"))),
        "`acme.wasm` does not keep to `openfactory:itsm-mapping/mapping@0.1.0`: function `check-rules`: result: error: in \
         `complaint`, the field `severity` is not the contract's; build it again with the WIT that this plugin was built with"
    );
}

#[test]
fn a_field_of_another_type_is_named() {
    assert_eq!(
        refused(&mapping(|wit| wit.replace("class-name: option<string>", "class-name: option<u32>"))),
        "`acme.wasm` does not keep to `openfactory:itsm-mapping/mapping@0.1.0`: function `apply`: result: in `mapped`, field \
         `class-name`: a u32 instead of a string; build it again with the WIT that this plugin was built with"
    );
}

#[test]
fn a_parameter_that_is_missing_is_named() {
    assert_eq!(
        refused(&mapping(|wit| wit.replace("kind: string, event: string", "event: string"))),
        "`acme.wasm` does not keep to `openfactory:itsm-mapping/mapping@0.1.0`: function `apply`: takes (`rules`, `event`, \
         `defaults`) instead of (`rules`, `kind`, `event`, `defaults`); build it again with the WIT that this plugin was built with"
    );
}

#[test]
fn a_function_that_is_missing_is_named() {
    let without = |wit: String| {
        let (start, rest) = wit.split_once("  check-rules:").unwrap();
        format!("{start}{}", rest.split_once(";\n").unwrap().1)
    };
    assert_eq!(
        refused(&mapping(without)),
        "`acme.wasm` does not keep to `openfactory:itsm-mapping/mapping@0.1.0`: the function `check-rules` is missing; build it \
         again with the WIT that this plugin was built with"
    );
}

#[test]
fn a_case_of_its_own_is_named() {
    assert_eq!(
        refused(&mapping(|wit| wit.replace("    named(string),", "    named(string),\n    number(u64),"))),
        "`acme.wasm` does not keep to `openfactory:itsm-mapping/mapping@0.1.0`: function `apply`: parameter `defaults`: in \
         `field`, field `value`: in `value`, the case `number` is not the contract's; build it again with the WIT that this \
         plugin was built with"
    );
}

#[test]
fn inert_wasi_is_let_through_and_told() {
    let random = "package wasi:random@0.2.6; interface random { get-random-u64: func() -> u64; }";
    let asks = mapping_wit().replace("  export mapping;", "  import wasi:random/random@0.2.6;\n  export mapping;");
    let plugged = plug(&socket(), "`acme.wasm`", &component("custom-mapping", &[&asks, random])).unwrap();
    assert_eq!(Interface::of("it", &plugged.bytes).unwrap().imports(), ["wasi:random/random@0.2.6"]);
}

#[test]
fn a_plugin_that_is_plugged_already_takes_no_second_mapping() {
    let once = plug(&socket(), "`acme.wasm`", &mapping(|wit| wit)).unwrap();
    let said = plug(&once.bytes, "`acme.wasm`", &mapping(|wit| wit)).unwrap_err().to_string();
    assert_eq!(
        said,
        format!(
            "the plugin takes no mapping: it does not import `{MAPPING}`; give the plugin itself, with nothing plugged in yet"
        )
    );
}
