//! A component that differs from the contract is refused before it is compiled, and the field that differs is named.

use super::handwritten::{EXPORTS as ALL, contract};
use crate::guest::encode;
use crate::runtime::{Blame, Host, Inspection, LoadError, limits::Limits};
use wit_component::{StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::ManglingAndAbi;

/// A component of code that traps, of a world with these items of the contract after an edit of its WIT.
fn component(items: &str, edit: impl Fn(&str) -> String) -> Vec<u8> {
    let (resolve, world) = contract(items, edit);
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    encode("a component of the tests", &module).unwrap()
}

/// All of it, with the one import that is the contract's own.
const WITH_AUDIT: &str =
    "import audit; export approvals; export diagnostics; export evidence; export itsm-integration;";

fn refusal(component: &[u8]) -> LoadError {
    Host::new(Limits::default()).unwrap().load_bytes("`x.wasm`", component).unwrap_err()
}

#[test]
fn a_component_that_keeps_to_the_contract_is_loaded() {
    Host::new(Limits::default()).unwrap().load_bytes("x", &component(ALL, str::to_owned)).unwrap();
}

#[test]
fn a_field_that_differs_is_named() {
    let error = refusal(&component(ALL, |text| text.replace("attempt: u32", "attempt: u64")));
    let LoadError::Contract { difference, .. } = &error else { panic!("{error}") };
    assert!(difference.contains("`openfactory:itsm/"), "{difference}");
    assert!(difference.contains("attempt"), "{difference}");
    assert_eq!(error.blame(), Blame::Guest);
}

#[test]
fn an_export_that_is_missing_is_named() {
    let error = refusal(&component("export approvals; export diagnostics; export evidence;", str::to_owned));
    let LoadError::Missing { exports, .. } = &error else { panic!("{error}") };
    assert_eq!(exports, &["`openfactory:itsm/itsm-integration@0.1.0`"]);
}

/// What is said of a plugin that imports the audit log by another WIT. Reading it says so: there is no engine here.
fn said_of_audit(from: &str, to: &str) -> String {
    assert!(include_str!("../../../../wit/audit.wit").contains(from), "{from}");
    let edit = |text: &str| if text.contains("interface audit") { text.replace(from, to) } else { text.to_owned() };
    let component = component(WITH_AUDIT, edit);
    let said = Inspection::of("`x.wasm`", &component).unwrap().admit("`x.wasm`").unwrap_err().to_string();
    assert_eq!(refusal(&component).to_string(), said);
    let of_audit =
        said.strip_prefix("`x.wasm` does not keep to openfactory:itsm@0.1.0: `openfactory:itsm/audit@0.1.0`: ");
    let difference = of_audit.and_then(|rest| rest.strip_suffix("; build it again with that WIT"));
    difference.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn a_plugin_that_keeps_to_the_audit_log_is_loaded_and_so_is_one_that_never_writes_to_it() {
    for items in [WITH_AUDIT, ALL] {
        Host::new(Limits::default()).unwrap().load_bytes("x", &component(items, str::to_owned)).unwrap();
    }
}

#[test]
fn a_field_of_an_imported_record_that_differs_is_named() {
    assert_eq!(
        said_of_audit("key: option<string>,", "key: option<string>,\n severity: u8,"),
        "function `append`: parameter `entry`: in `entry`, the field `severity` is not the contract's"
    );
    assert_eq!(
        said_of_audit("key: option<string>,", ""),
        "function `append`: parameter `entry`: in `entry`, the field `key` is missing"
    );
    assert_eq!(
        said_of_audit("key: option<string>,", "key: string,"),
        "function `append`: parameter `entry`: in `entry`, field `key`: a string instead of an option"
    );
    assert_eq!(
        said_of_audit("key: option<string>,", "key: option<u64>,"),
        "function `append`: parameter `entry`: in `entry`, field `key`: a u64 instead of a string"
    );
    assert_eq!(
        said_of_audit("details: list<attribute>,", "details: list<string>,"),
        "function `append`: parameter `entry`: in `entry`, field `details`: a string instead of `attribute`"
    );
    assert_eq!(
        said_of_audit("details: list<attribute>,", "details: attribute,"),
        "function `append`: parameter `entry`: in `entry`, field `details`: `attribute` instead of a list"
    );
}

#[test]
fn an_imported_function_that_differs_is_named() {
    for (to, what) in [
        ("append: func(entry: entry, at: u64);", "function `append`: takes (`entry`, `at`) instead of (`entry`)"),
        ("append: func();", "function `append`: takes () instead of (`entry`)"),
        ("append: func(entry: entry) -> bool;", "function `append`: result: a bool instead of nothing"),
        ("append: func(entry: string);", "function `append`: parameter `entry`: a string instead of `entry`"),
        ("append: func(entry: entry); erase: func();", "the function `erase` is not the contract's"),
        ("erase: func();", "the function `erase` is not the contract's"),
    ] {
        assert_eq!(said_of_audit("append: func(entry: entry);", to), what);
    }
}

#[test]
fn a_function_in_an_interface_of_types_alone_is_named() {
    let items = format!("import types; {ALL}");
    let edited = component(&items, |text| text.replace("interface types {", "interface types { steal: func();"));
    let LoadError::Contract { difference, .. } = refusal(&edited) else { panic!() };
    assert_eq!(difference, "`openfactory:itsm/types@0.1.0`: the function `steal` is not the contract's");
}
