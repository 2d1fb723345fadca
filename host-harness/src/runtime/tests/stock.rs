//! The component that is delivered, on the host.

use super::handwritten::bare_mapping;
use super::scene::{Scene, honest_with_hostile_mapping, hostile, request};
use crate::guest::{bare_plugin, plug, stock_component};
use crate::runtime::limits::{Limit, Limits};
use crate::runtime::{Blame, CallError, Host};
use std::path::Path;

const SECRET: &str = r#"{"user": "itsm", "password": "canary-1b6f7a"}"#;

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect()
}

#[tokio::test]
async fn the_stock_component_describes_itself() {
    let component = std::fs::read(stock_component().unwrap()).unwrap();
    let scene = Scene::setting().component(component).start().await;
    assert_eq!(scene.plugin.describe().await.unwrap().name, "servicenow");
    let usage = scene.usage();
    assert!(usage.fuel > 0 && usage.memory > 0 && usage.exchanges == 0, "{usage:?}");
}

#[tokio::test]
async fn a_mapping_that_misbehaves_is_blamed_and_the_plugin_goes_on_without_it() {
    let component = honest_with_hostile_mapping();
    // The group is given by its `sys_id`, so that nothing is asked of ServiceNow before the mapping is.
    let settings = r#"{"instance": {"url": "http://127.0.0.1", "credential": "sn"},
        "change": {"assignment-group": "0123456789abcdef0123456789abcdef"},
        "mapping": {"change": "panic", "on-error": "fail"}}"#;
    let scene = Scene::setting().component(component).settings(settings).credential(SECRET).start().await;
    let error = scene.plugin.on_build_requested(&request("build-1")).await.unwrap_err();
    assert_eq!(error.blame(), Blame::Mapping, "{error}");
    assert!(scene.site.seen("/").iter().all(|seen| seen.method == "GET"), "nothing was written");
    assert!(scene.plugin.without_mapping().on_build_requested(&request("build-1")).await.is_ok());
}

/// A frame's module is not known by its name: the mapping's builder may have called it as the plugin's is called.
#[tokio::test]
async fn a_mapping_whose_module_is_called_as_the_plugins_is_blamed_and_gone_without() {
    let bare = bare_plugin().unwrap();
    for name in ["main", "servicenow-plugin", "servicenow_plugin.wasm", "wit-component:shim"] {
        let mapping = bare_mapping(name, "", "");
        let component = plug(&bare, "a mapping of the plugin's name", &mapping).unwrap().bytes;
        let settings = r#"{"instance": {"url": "http://127.0.0.1", "credential": "sn"},
            "change": {"assignment-group": "0123456789abcdef0123456789abcdef"},
            "mapping": {"change": "x"}}"#;
        let scene = Scene::setting().component(component).settings(settings).credential(SECRET).start().await;
        assert!(scene.plugin.on_build_requested(&request("build-1")).await.is_ok(), "{name}");
        let log = scene.audit();
        let failed = log.iter().find(|entry| entry.action == "mapping.failed").unwrap();
        assert!(failed.details.iter().any(|(_, said)| said.contains("the mapping trapped")), "{failed:?}");
    }
}

#[tokio::test]
async fn a_component_is_compiled_once_and_again_when_its_file_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("compiled");
    let host = || Host::new(Limits::default()).unwrap().with_cache(&cache).unwrap();
    host().load_bytes("x", hostile()).unwrap();
    let [file] = &files(&cache)[..] else { panic!("one file") };
    let whole = std::fs::read(file).unwrap();
    let kept = std::fs::metadata(file).unwrap().len();
    host().load_bytes("x", hostile()).unwrap();
    assert_eq!(files(&cache).len(), 1);
    for damage in [&b""[..], &whole[..100], &[0; 4096]] {
        std::fs::write(file, damage).unwrap();
        host().load_bytes("x", hostile()).unwrap();
        assert_eq!(std::fs::metadata(file).unwrap().len(), kept, "written anew");
    }
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    std::fs::write(file, &flipped).unwrap();
    host().load_bytes("x", hostile()).unwrap();
    assert_ne!(std::fs::read(file).unwrap(), flipped);
}

#[cfg(unix)]
#[test]
fn a_cache_that_others_may_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = Host::new(Limits::default()).unwrap().with_cache(folder.path()).unwrap_err();
    assert!(error.to_string().contains("others may write"), "{error}");
}

#[tokio::test]
async fn a_first_event_finds_a_limit_of_its_own() {
    let component = std::fs::read(stock_component().unwrap()).unwrap();
    let scene = Scene::setting().component(component).limits(|limits| limits.fuel = 1000).start().await;
    let error = scene.plugin.describe().await.unwrap_err();
    assert_eq!(error, CallError::Limit { limit: Limit::Fuel, allowed: 1000, blame: Blame::Guest });
}
