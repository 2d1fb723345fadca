//! A component that differs from the contract is refused before it is compiled, and the field that differs is named.

use crate::guest::encode;
use crate::runtime::{Blame, Host, LoadError, limits::Limits};
use wit_component::{StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve, SourceMap};

/// A component of code that traps, which exports the contract after an edit of its types.
fn exporting(exports: &str, edit: impl Fn(&str) -> String) -> Vec<u8> {
    let mut files = SourceMap::new();
    for (name, text) in [
        ("answers.wit", include_str!("../../../../wit/answers.wit")),
        ("approvals.wit", include_str!("../../../../wit/approvals.wit")),
        ("diagnostics.wit", include_str!("../../../../wit/diagnostics.wit")),
        ("events.wit", include_str!("../../../../wit/events.wit")),
        ("evidence.wit", include_str!("../../../../wit/evidence.wit")),
        ("itsm-integration.wit", include_str!("../../../../wit/itsm-integration.wit")),
        ("types.wit", include_str!("../../../../wit/types.wit")),
    ] {
        files.push_str(name, edit(text));
    }
    files.push_str("world.wit", format!("package openfactory:itsm@0.1.0;\nworld test {{ {exports} }}"));
    let group = files.parse().map_err(|(_, error)| error).unwrap();
    let mut resolve = Resolve::default();
    let package = resolve.push_group(group).unwrap();
    let world = resolve.select_world(&[package], Some("test")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    encode("a component of the tests", &module).unwrap()
}

const ALL: &str = "export approvals; export diagnostics; export evidence; export itsm-integration;";

fn refusal(component: &[u8]) -> LoadError {
    Host::new(Limits::default()).unwrap().load_bytes("`x.wasm`", component).unwrap_err()
}

#[test]
fn a_component_that_keeps_to_the_contract_is_loaded() {
    Host::new(Limits::default()).unwrap().load_bytes("x", &exporting(ALL, str::to_owned)).unwrap();
}

#[test]
fn a_field_that_differs_is_named() {
    let error = refusal(&exporting(ALL, |text| text.replace("attempt: u32", "attempt: u64")));
    let LoadError::Contract { difference, .. } = &error else { panic!("{error}") };
    assert!(difference.contains("`openfactory:itsm/"), "{difference}");
    assert!(difference.contains("attempt"), "{difference}");
    assert_eq!(error.blame(), Blame::Guest);
}

#[test]
fn an_export_that_is_missing_is_named() {
    let error = refusal(&exporting("export approvals; export diagnostics; export evidence;", str::to_owned));
    let LoadError::Missing { exports, .. } = &error else { panic!("{error}") };
    assert_eq!(exports, &["`openfactory:itsm/itsm-integration@0.1.0`"]);
}
