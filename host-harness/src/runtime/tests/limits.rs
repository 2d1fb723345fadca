//! Every limit, reached, told by its own name and blamed on who reached it.

use super::scene::Scene;
use crate::runtime::limits::{Limit, Limits};
use crate::runtime::{Blame, CallError};
use std::time::Duration;

/// Runs a script under a tighter limit, and expects it to be reached.
async fn reaches(limit: Limit, blame: Blame, script: &str, tighten: impl FnOnce(&mut Limits)) {
    let scene = Scene::setting().limits(tighten).start().await;
    let script = script.replace("SITE", &scene.site.authority());
    let error = scene.run(&script).await.unwrap_err();
    let allowed = limit.allowed(scene.plugin.limits());
    assert_eq!(error, CallError::Limit { limit, allowed, blame }, "{error}");
    // The host goes on, and the log says what happened.
    assert_eq!(scene.run("echo\tstill here").await.unwrap(), "still here");
    let failed = scene.audit().into_iter().find(|entry| entry.action == "call.failed").unwrap();
    assert!(failed.details.contains(&("blame".into(), blame.to_string())), "{failed:?}");
}

#[tokio::test]
async fn an_endless_loop_runs_out_of_fuel() {
    reaches(Limit::Fuel, Blame::Guest, "loop", |limits| limits.fuel = 10_000_000).await;
}

#[tokio::test]
async fn an_endless_loop_in_the_mapping_is_the_mappings() {
    reaches(Limit::Fuel, Blame::Mapping, "map\tloop", |limits| limits.fuel = 10_000_000).await;
}

#[tokio::test]
async fn deep_recursion_runs_out_of_stack() {
    reaches(Limit::Stack, Blame::Guest, "recurse", |_| ()).await;
    reaches(Limit::Stack, Blame::Mapping, "map\trecurse", |_| ()).await;
}

#[tokio::test]
async fn memory_is_counted_over_plugin_and_mapping_together() {
    let tighten = |limits: &mut Limits| limits.memory = 32 << 20;
    reaches(Limit::Memory, Blame::Guest, "grow", tighten).await;
    reaches(Limit::Memory, Blame::Mapping, "map\tgrow", tighten).await;
}

#[tokio::test]
async fn a_component_that_begins_with_too_much_memory_is_not_started() {
    let scene = Scene::setting().limits(|limits| limits.memory = 1 << 20).start().await;
    let error = scene.run("echo\tx").await.unwrap_err();
    assert!(matches!(error, CallError::Limit { limit: Limit::Memory, .. }), "{error}");
}

#[tokio::test]
async fn too_many_instances_memories_and_tables_are_not_started() {
    type Case = (Limit, fn(&mut Limits));
    let cases: [Case; 3] = [
        (Limit::Instances, |limits| limits.instances = 1),
        (Limit::Memories, |limits| limits.memories = 1),
        (Limit::Tables, |limits| limits.tables = 1),
    ];
    for (limit, tighten) in cases {
        let scene = Scene::setting().limits(tighten).start().await;
        let error = scene.run("echo\tx").await.unwrap_err();
        assert!(matches!(&error, CallError::Limit { limit: other, .. } if *other == limit), "{limit:?}: {error}");
    }
}

#[tokio::test]
async fn a_table_that_is_too_large_is_not_started() {
    let scene = Scene::setting().limits(|limits| limits.table_elements = 2).start().await;
    let error = scene.run("echo\tx").await.unwrap_err();
    assert!(matches!(error, CallError::Limit { limit: Limit::TableElements, .. }), "{error}");
}

#[tokio::test]
async fn held_resources_run_out() {
    reaches(Limit::Resources, Blame::Guest, "hold", |limits| limits.resources = 500).await;
}

#[tokio::test]
async fn one_call_of_the_host_carries_so_much() {
    let tighten = |limits: &mut Limits| limits.hostcall_bytes = 64 * 1024;
    reaches(Limit::HostcallBytes, Blame::Guest, "audit\t1\tx\t100000", tighten).await;
}

#[tokio::test]
async fn a_request_is_too_large_in_bytes_and_in_writes() {
    let tighten = |limits: &mut Limits| limits.request_bytes = 100_000;
    reaches(Limit::RequestBytes, Blame::Guest, "post\tSITE\t/api/x\t200000", tighten).await;
    let tighten = |limits: &mut Limits| limits.request_frames = 100;
    reaches(Limit::RequestFrames, Blame::Guest, "flood\tSITE\t/api/x", tighten).await;
}

#[tokio::test]
async fn a_denied_request_is_bounded_all_the_same() {
    let tighten = |limits: &mut Limits| limits.request_frames = 100;
    reaches(Limit::RequestFrames, Blame::Guest, "flood\tevil.example\t/api/x", tighten).await;
}

#[tokio::test]
async fn header_fields_are_bounded() {
    reaches(Limit::RequestHeaderBytes, Blame::Guest, "headers\t100000", |_| ()).await;
}

#[tokio::test]
async fn requests_of_a_call_are_counted_with_those_that_are_denied() {
    let tighten = |limits: &mut Limits| limits.exchanges = 5;
    reaches(Limit::Exchanges, Blame::Guest, "many\t6\tSITE\t/api/x", tighten).await;
    reaches(Limit::Exchanges, Blame::Guest, "many\t6\tevil.example\t/api/x", tighten).await;
}

#[tokio::test]
async fn a_flood_of_the_log_ends_the_call() {
    reaches(Limit::AuditEntries, Blame::Guest, "audit\t11\tx\t1", |limits| limits.audit_entries = 10).await;
    reaches(Limit::AuditBytes, Blame::Guest, "audit\t11\tx\t1000", |limits| limits.audit_bytes = 10_000).await;
    // One entry that is larger than a line may be.
    reaches(Limit::AuditBytes, Blame::Guest, "audit\t1\tx\t2000000", |_| ()).await;
}

#[tokio::test]
async fn printing_is_cut_and_counted() {
    reaches(Limit::StdioWrites, Blame::Guest, "print\t11\t0", |limits| limits.stdio_writes = 10).await;
    let scene = Scene::setting().limits(|limits| limits.stdio_bytes = 100).start().await;
    assert_eq!(scene.run("print\t1\t100000").await.unwrap(), "printed");
}

#[tokio::test]
async fn randomness_is_bounded() {
    let scene = Scene::setting().start().await;
    let error = scene.run("random\t1000000000").await.unwrap_err();
    assert!(matches!(&error, CallError::Trap(trapped) if trapped.blame == Blame::Guest), "{error}");
}

#[tokio::test]
async fn a_call_that_waits_for_servicenow_too_long_is_servicenows() {
    let tighten = |limits: &mut Limits| limits.wall_clock = Duration::from_millis(300);
    reaches(Limit::WallClock, Blame::ServiceNow, "send\tGET\thttp\tSITE\t/api/silent", tighten).await;
}

#[tokio::test]
async fn a_call_that_computes_too_long_is_the_plugins() {
    let tighten = |limits: &mut Limits| {
        limits.wall_clock = Duration::from_millis(300);
        limits.fuel = u64::MAX;
    };
    reaches(Limit::WallClock, Blame::Guest, "loop", tighten).await;
}

#[tokio::test]
async fn a_reply_that_is_too_large_is_told_to_the_guest() {
    let scene = Scene::setting()
        .limits(|limits| {
            limits.reply_bytes = 1000;
            limits.reply_header_bytes = 1000;
        })
        .start()
        .await;
    assert!(scene.get("/api/huge?n=1000").await.unwrap().starts_with("200 "));
    assert_eq!(scene.get("/api/huge?n=1001").await.unwrap(), "ErrorCode::HttpResponseBodySize(Some(1000))");
    let report = scene.get("/api/fields?n=2000").await.unwrap();
    assert!(report.starts_with("ErrorCode::HttpResponseHeaderSectionSize("), "{report}");
}

#[tokio::test]
async fn a_reply_in_too_many_pieces_is_told_to_the_guest() {
    let scene = Scene::setting().limits(|limits| limits.reply_frames = 0).start().await;
    assert!(scene.get("/api/x").await.unwrap().starts_with("ErrorCode::HttpResponseBodySize"));
}

#[tokio::test]
async fn a_server_that_stalls_is_told_to_the_guest() {
    let scene = Scene::setting()
        .limits(|limits| {
            limits.reply_timeout = Duration::from_millis(1);
            limits.read_timeout = Duration::from_millis(100);
        })
        .start()
        .await;
    assert_eq!(scene.get("/api/drip").await.unwrap(), "ErrorCode::ConnectionReadTimeout");
}

#[tokio::test]
async fn a_guests_own_timeouts_are_kept_within_the_hosts() {
    let scene = Scene::setting().start().await;
    let site = scene.site.authority();
    // Zero would mean never to ask, and has made hosts panic.
    let report = scene.run(&format!("timeouts\t0\t{site}\t/api/silent")).await.unwrap();
    assert_eq!(report, "ErrorCode::HttpResponseTimeout");
    let report = scene.run(&format!("timeouts\t{}\t{site}\t/api/x", u64::MAX)).await.unwrap();
    assert!(report.starts_with("200 "), "{report}");
}

#[test]
fn every_limit_has_a_name_and_a_figure() {
    let limits = Limits::default();
    for limit in [Limit::Fuel, Limit::WallClock, Limit::Memory, Limit::Instances, Limit::StdioWrites] {
        assert!(limit.allowed(&limits) > 0);
        assert!(!limit.name().is_empty() && !limit.unit().is_empty());
    }
}
