//! Limits beyond those that the attacks reach: what is in force, and where it may be changed.

use super::scene::{Scene, hostile};
use crate::runtime::Host;
use crate::runtime::limits::{Limit, Limits};
use std::collections::BTreeSet;

#[tokio::test]
async fn a_reply_as_large_as_one_may_be_is_read_whole() {
    let scene = Scene::setting().limits(|limits| limits.reply_bytes = 1000).start().await;
    let report = scene.get("/api/huge?n=1000").await.unwrap();
    assert!(report.starts_with("200 ") && report.ends_with(&"x".repeat(1000)), "{report}");
}

#[tokio::test]
async fn what_a_call_has_let_go_is_not_counted_as_held() {
    let scene = Scene::setting().limits(|limits| limits.held_bytes = 300_000).start().await;
    let site = scene.site.authority();
    let report = scene.run(&format!("many\t10\t{site}\t/api/huge?n=200000")).await.unwrap();
    assert!(report.starts_with("200 "));
}

#[tokio::test]
async fn a_guests_own_timeouts_are_kept_within_the_hosts() {
    let scene = Scene::setting().start().await;
    let site = scene.site.authority();
    let report = scene.run(&format!("timeouts\t{}\t{site}\t/api/x", u64::MAX)).await.unwrap();
    assert!(report.starts_with("200 "), "{report}");
}

#[test]
fn one_component_may_have_other_limits_than_its_host() {
    let host = Host::new(Limits { component_bytes: 10_000_000, ..Limits::default() }).unwrap();
    let limits = Limits { fuel: 7, stack: 1, component_bytes: 1, ..Limits::default() };
    let loaded = host.load_bytes("x", hostile()).unwrap().with_limits(limits);
    let Limits { fuel, stack, component_bytes, .. } = *loaded.limits;
    assert_eq!((fuel, stack, component_bytes), (7, host.limits().stack, 10_000_000), "those of the engine stay");
}

#[test]
fn every_limit_has_a_name_and_a_figure() {
    let limits = Limits::default();
    let figures = limits.figures();
    let names: BTreeSet<_> = figures.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names.len(), figures.len(), "each name once");
    for (name, allowed, unit) in &figures {
        assert!(*allowed > 0 && !unit.is_empty(), "{name}");
    }
    for limit in Limit::ALL {
        assert!(figures.contains(&(limit.name(), limit.allowed(&limits), limit.unit())), "{limit:?}");
    }
    // As many as there are fields, each of which `Debug` tells.
    let fields = format!("{limits:?}");
    let fields: Vec<_> = fields.split([' ', '{']).filter_map(|word| word.strip_suffix(':')).collect();
    let fields: BTreeSet<_> = fields.iter().map(|field| field.replace('_', "-")).collect();
    assert_eq!(fields, names.iter().map(|name| (*name).to_owned()).collect());
}
