//! The contract's own promises: documented, frozen once released, and built on pinned WASI packages.

#![allow(clippy::indexing_slicing)] // A helper of tests is no test to the lint, and an arena's own id is in it.

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};
use wit_component::{OutputToString, WitPrinter};
use wit_parser::{PackageId, Resolve, TypeDefKind, WorldItem};

/// The packages that this project owns.
const OURS: [(&str, &str); 2] = [("openfactory", "itsm"), ("openfactory", "itsm-mapping")];

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn contract() -> Result<(Resolve, Vec<PackageId>)> {
    let mut resolve = Resolve::default();
    resolve.push_dir(folder())?;
    let ours = resolve
        .packages
        .iter()
        .filter(|(_, package)| OURS.contains(&(package.name.namespace.as_str(), package.name.name.as_str())))
        .map(|(id, _)| id)
        .collect();
    Ok((resolve, ours))
}

/// The package as text without its comments: what a component that was built against it depends on.
fn printed(resolve: &Resolve, package: PackageId) -> Result<String> {
    let mut printer = WitPrinter::<OutputToString>::default();
    printer.emit_docs(false);
    printer.print(resolve, package, &[])?;
    Ok(printer.output.to_string())
}

fn released(resolve: &Resolve, package: PackageId) -> PathBuf {
    let name = &resolve.packages[package].name;
    let version = name.version.as_ref().map(ToString::to_string).unwrap_or_default();
    folder().join("released").join(format!("{}-{}-{version}.wit", name.namespace, name.name))
}

/// `ITSM_RELEASE=1 cargo test -p itsm-contract` writes the file for a version that has none yet, and never over one.
#[test]
fn a_released_interface_changes_only_with_a_new_version() -> Result<()> {
    let (resolve, ours) = contract()?;
    assert_eq!(ours.len(), OURS.len());
    for package in ours {
        let file = released(&resolve, package);
        let now = printed(&resolve, package)?;
        if !file.exists() && std::env::var_os("ITSM_RELEASE").is_some() {
            std::fs::write(&file, &now)?;
        }
        let then = std::fs::read_to_string(&file)
            .with_context(|| format!("{} is not released: run this test with ITSM_RELEASE=1", file.display()))?;
        assert!(
            now == then,
            "{} was released as it stands in {}; give the package a new version, or take the change back:\n{now}",
            resolve.packages[package].name,
            file.display(),
        );
    }
    Ok(())
}

#[test]
fn every_item_of_the_contract_is_documented() -> Result<()> {
    let (resolve, ours) = contract()?;
    let mut bare = Vec::new();
    let mut look = |name: String, docs: &wit_parser::Docs| {
        if docs.contents.as_deref().unwrap_or_default().trim().is_empty() {
            bare.push(name);
        }
    };
    for package in ours {
        let package = &resolve.packages[package];
        for (name, world) in &package.worlds {
            look(format!("world {name}"), &resolve.worlds[*world].docs);
            assert!(!resolve.worlds[*world].exports.is_empty(), "{name} exports nothing");
        }
        for (name, interface) in &package.interfaces {
            let interface = &resolve.interfaces[*interface];
            look(format!("interface {name}"), &interface.docs);
            for (function, item) in &interface.functions {
                look(format!("{name}.{function}"), &item.docs);
            }
            for (type_name, id) in &interface.types {
                let item = &resolve.types[*id];
                let is_use = matches!(item.kind, TypeDefKind::Type(wit_parser::Type::Id(_)));
                if !is_use {
                    look(format!("{name}.{type_name}"), &item.docs);
                }
                match &item.kind {
                    TypeDefKind::Record(record) => {
                        record.fields.iter().for_each(|f| look(format!("{name}.{type_name}.{}", f.name), &f.docs));
                    }
                    TypeDefKind::Variant(variant) => {
                        variant.cases.iter().for_each(|c| look(format!("{name}.{type_name}.{}", c.name), &c.docs));
                    }
                    TypeDefKind::Enum(cases) => {
                        cases.cases.iter().for_each(|c| look(format!("{name}.{type_name}.{}", c.name), &c.docs));
                    }
                    _ => {}
                }
            }
        }
    }
    assert_eq!(bare, Vec::<String>::new());
    Ok(())
}

#[test]
fn openfactory_calls_exactly_three_hooks() -> Result<()> {
    let (resolve, _) = contract()?;
    let (_, hooks) = resolve.interfaces.iter().find(|(_, i)| i.name.as_deref() == Some("itsm-integration")).unwrap();
    let names: Vec<&str> = hooks.functions.keys().map(String::as_str).collect();
    assert_eq!(names, ["on-build-requested", "on-failure", "on-deploy"]);
    Ok(())
}

#[test]
fn the_plugins_world_asks_for_http_a_clock_settings_an_audit_log_and_a_mapping() -> Result<()> {
    let (resolve, _) = contract()?;
    let (_, world) = resolve.worlds.iter().find(|(_, world)| world.name == "itsm-plugin").unwrap();
    let mut imports: Vec<String> = world
        .imports
        .iter()
        .filter(|(_, item)| matches!(item, WorldItem::Interface { .. }))
        .map(|(key, _)| resolve.name_world_key(key))
        .collect();
    imports.sort();
    let imports: Vec<&str> = imports.iter().map(String::as_str).collect();
    assert_eq!(
        imports,
        [
            "openfactory:itsm-mapping/mapping@0.1.0",
            "openfactory:itsm/answers@0.1.0",
            "openfactory:itsm/audit@0.1.0",
            "openfactory:itsm/events@0.1.0",
            "openfactory:itsm/types@0.1.0",
            "wasi:clocks/monotonic-clock@0.2.12",
            "wasi:clocks/wall-clock@0.2.12",
            "wasi:config/store@0.2.0-rc.1",
            "wasi:http/outgoing-handler@0.2.12",
            "wasi:http/types@0.2.12",
            "wasi:io/error@0.2.12",
            "wasi:io/poll@0.2.12",
            "wasi:io/streams@0.2.12",
        ]
    );
    Ok(())
}
