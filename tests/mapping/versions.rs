//! Components of other contract versions go on working, or are refused in words.

use anyhow::Result;
use host_harness::guest::{self, Interface, MAPPING};
use host_harness::runtime::Inspection;
use std::path::Path;
use tests::{World, event, folder};
use wit_component::{StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

/// A mapping that was built when version 0.1.0 was released, from `mappings/template/rust`. It is never built again.
fn first() -> Result<Vec<u8>> {
    Ok(std::fs::read(folder("fixtures").join("mapping-0.1.0.wasm"))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_of_the_first_release_goes_on_working() -> Result<()> {
    assert_eq!(Interface::of("the first mapping", &first()?)?.exports(), ["openfactory:itsm-mapping/mapping@0.1.0"]);
    let world = World::builder().mapping(first()?).start().await?;
    world.plugin.on_failure(&event("failure")?).await?.expect("an answer");
    let incidents = world.made("incident");
    assert_eq!(incidents[0].get("short_description"), "rhel-9-hardened: a required check failed: cis-benchmark");
    Ok(())
}

/// A component of a world in these packages, as they were with another version of this one. Its code is all traps.
fn of_version(folder: &str, world: &str, from: &str, to: &str) -> Result<Vec<u8>> {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit").join(folder);
    let mut resolve = Resolve::default();
    let package = resolve.push_dir(&wit)?.0;
    let name = &mut resolve.packages[package].name;
    assert_eq!(name.version.as_ref().map(ToString::to_string).as_deref(), Some(from));
    name.version = Some(to.parse()?);
    let world = resolve.select_world(&[package], Some(world))?;
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(guest::encode("a component of another version", &module)?)
}

#[test]
fn a_mapping_of_another_version_is_refused_with_what_to_do() -> Result<()> {
    let mapping = of_version("deps/itsm-mapping", "custom-mapping", "0.1.0", "0.2.0")?;
    let plugin = of_version("", "itsm-plugin", "0.1.0", "0.1.1")?;
    assert!(Interface::of("the plugin", &plugin)?.imports().iter().any(|import| import == MAPPING));
    assert_eq!(
        guest::plug(&plugin, "`acme.wasm`", &mapping).unwrap_err().to_string(),
        "`acme.wasm` was built for `openfactory:itsm-mapping/mapping@0.2.0`, and this plugin takes \
         `openfactory:itsm-mapping/mapping@0.1.0`: build the mapping again with the WIT of version 0.1.0"
    );
    Ok(())
}

#[test]
fn a_plugin_of_another_version_is_refused_with_what_to_do() -> Result<()> {
    let plugin = of_version("", "itsm-plugin", "0.1.0", "0.0.9")?;
    assert_eq!(
        Inspection::of("`old.wasm`", &plugin)?.admit("`old.wasm`").unwrap_err().to_string(),
        "`old.wasm` was built for openfactory:itsm@0.0.9, and this host speaks 0.1.0: build it again with the WIT of 0.1.0, or \
         run it with a host of its own version"
    );
    Ok(())
}
