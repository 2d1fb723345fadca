//! Hostile components attack one promise after another, and each gets its specific error.

use super::attacks::{Attack, CREDENTIAL, PROMISES, attacks, bounds};
use super::party::Party;
use super::scene::{Scene, cache, request};
use crate::runtime::limits::{Limit, Limits};
use crate::runtime::{Blame, CallError, Hook, Host, LoadError};
use itsm_contract::types::Verdict;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Events of honest builds beside the attacks, at the least.
const HONEST: usize = 100;
/// Calls at once, of each kind.
const AT_ONCE: usize = 16;

fn host() -> Host {
    Host::new(Limits::default()).unwrap().with_cache(&cache()).unwrap()
}

/// Makes attacks, many at once; what did not come to its fate.
async fn made(attacks: Vec<Attack>, host: &Host) -> Vec<String> {
    let mut making = JoinSet::new();
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    for attack in attacks {
        let (host, turns) = (host.clone(), Arc::clone(&turns));
        making.spawn(async move {
            let _turn = turns.acquire().await;
            attack.made_on(&host).await
        });
    }
    making.join_all().await.into_iter().filter_map(Result::err).collect()
}

async fn is_kept(promise: &str) {
    let (_, attacks) = PROMISES.iter().find(|(name, _)| *name == promise).unwrap();
    let wrong = made(attacks(), &host()).await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_trick_reaches_another_host_port_or_path() {
    is_kept("no way out but one").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_can_set_no_header_that_says_who_or_where() {
    is_kept("no header field that says who or where").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_used_up_ends_at_its_own_limit_and_is_blamed_on_who_used_it() {
    is_kept("nothing used without bound").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_guest_says_poses_as_the_hosts_or_drives_a_terminal() {
    is_kept("no word that deceives").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_any_hook_is_told_with_its_place_and_whose_it_is() {
    is_kept("nothing broken beyond the call").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_events_succeed_while_everybody_attacks() {
    let host = host();
    let party = Arc::new(Party::on(&host).await);
    let (begun, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let working: JoinSet<()> = (0..AT_ONCE)
        .map(|_| {
            let (party, begun, is_over) = (Arc::clone(&party), Arc::clone(&begun), Arc::clone(&is_over));
            async move {
                loop {
                    let number = begun.fetch_add(1, Ordering::SeqCst);
                    if number >= HONEST && is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    party.requests_a_build(number).await;
                }
            }
        })
        .collect();
    let wrong = made(attacks(), &host).await;
    is_over.store(true, Ordering::SeqCst);
    working.join_all().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let built = party.instance.records("change_request").len();
    assert!(built >= HONEST, "{built}");
    println!("{built} honest builds beside {} attacks", attacks().len());
}

/// More busy guests than workers, each of which spends the host's time and next to no fuel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_that_spend_the_hosts_time_let_others_go_on_until_their_clock_ends_them() {
    let host = host();
    let party = Party::on(&host).await;
    let attacks =
        (0..3).map(|_| bounds::attacks().into_iter().find(|attack| attack.what.starts_with("stall")).unwrap());
    let attacking = tokio::spawn({
        let (host, attacks) = (host.clone(), attacks.collect());
        async move { made(attacks, &host).await }
    });
    let mut honest = 0;
    while !attacking.is_finished() {
        party.requests_a_build(honest).await;
        honest += 1;
    }
    assert_eq!(attacking.await.unwrap(), Vec::<String>::new());
    assert!(honest > 3, "{honest}");
    println!("{honest} honest builds meanwhile");
}

/// Nothing that can be attacked is left out of the list.
#[test]
fn every_limit_every_hook_and_everyone_to_blame_is_among_the_attacks() {
    let attacks = attacks();
    // Refused before anything is called, and a connection that never stands, which needs a server of its own.
    let elsewhere = ["component-bytes", "event-bytes", "event-field-bytes", "connect-timeout"];
    let reached: Vec<_> = attacks.iter().filter_map(Attack::limit).chain(elsewhere).collect();
    for (limit, ..) in Limits::default().figures() {
        assert!(reached.contains(&limit), "{limit} is not reached");
    }
    for limit in Limit::ALL {
        assert!(
            attacks.iter().any(|attack| attack.limit() == Some(limit.name()) && attack.blame().is_some()),
            "{limit:?}"
        );
    }
    for hook in Hook::ALL {
        assert!(attacks.iter().any(|attack| attack.hook() == Some(hook)), "{hook}");
    }
    for blame in [Blame::Guest, Blame::Mapping, Blame::ServiceNow] {
        assert!(attacks.iter().any(|attack| attack.blame() == Some(blame)), "{blame}");
    }
}

#[tokio::test]
async fn the_credential_is_added_behind_the_wall_and_cookies_stay_there() {
    let scene = Scene::setting().credential(CREDENTIAL).start().await;
    let report = scene.get("/api/cookie").await.unwrap();
    assert!(report.contains("x-kept=yes"), "{report}");
    for stripped in ["set-cookie", "x-usertoken", "x-forwarded-host"] {
        assert!(!report.contains(stripped), "{report}");
    }
    assert_eq!(scene.site.seen("/api/cookie")[0].header("authorization"), Some("Basic aXRzbTpjYW5hcnktMWI2Zjdh"));
    assert!(scene.get("/api/x").await.is_ok());
    assert_eq!(scene.site.seen("/api/x")[0].header("cookie"), None);
}

#[tokio::test]
async fn a_token_that_expired_is_replaced_and_the_request_sent_again() {
    let scene = Scene::setting().credential(r#"{"client-id": "id", "client-secret": "canary-9d"}"#).start().await;
    scene.site.accept(&["Bearer token-number-2"]);
    assert!(scene.get("/api/x").await.unwrap().starts_with("200 "));
    assert_eq!(scene.site.seen("/api/x").len(), 2);
    assert_eq!(scene.site.seen("/oauth_token.do").len(), 2);
    // A 401 that stays is the guest's to read.
    scene.site.accept(&["nobody"]);
    assert!(scene.get("/api/y").await.unwrap().starts_with("401 "));
    assert_eq!(scene.site.seen("/api/y").len(), 2);
}

#[tokio::test]
async fn a_credential_that_is_not_there_is_a_configuration_error() {
    let scene = Scene::setting().credential("no credential").start().await;
    assert_eq!(scene.get("/api/x").await.unwrap(), "ErrorCode::ConfigurationError");
    assert!(scene.audit().iter().any(|entry| entry.action == "credential.unavailable"));
    assert!(scene.site.seen("/").is_empty());
}

#[tokio::test]
async fn a_panic_in_the_mapping_is_the_mappings() {
    let scene = Scene::setting().start().await;
    let Err(CallError::Trap(trapped)) = scene.run("map\tpanic").await else { panic!("answered") };
    assert_eq!(trapped.blame, Blame::Mapping);
    assert!(trapped.to_string().starts_with("the mapping trapped: "), "{trapped}");
    assert!(trapped.frames[0].starts_with("hostile-mapping: "), "{:?}", trapped.frames);
    assert_eq!(scene.run("map\tfine").await.unwrap(), "fine");
}

#[tokio::test]
async fn the_mapping_can_be_switched_off_for_another_try() {
    let scene = Scene::setting().start().await;
    assert_eq!(scene.run("config\tmapping").await.unwrap(), "Ok(None)");
    let off = scene.plugin.without_mapping().on_build_requested(&request("config\tmapping")).await.unwrap().unwrap();
    assert_eq!(off.verdict, Verdict::Cancel("Ok(Some(\"off\"))".into()));
}

#[tokio::test]
async fn the_settings_are_all_that_is_configured() {
    let scene = Scene::setting().settings(r#"{"a": 1}"#).start().await;
    assert_eq!(scene.run("config\tsettings").await.unwrap(), r#"Ok(Some("{\"a\": 1}"))"#);
    assert_eq!(scene.run("config\tPATH").await.unwrap(), "Ok(None)");
}

#[tokio::test]
async fn a_store_goes_with_its_call() {
    let scene = Scene::setting().start().await;
    for _ in 0..3 {
        assert!(scene.run("panic\tboom").await.is_err());
        assert_eq!(scene.run("echo\talive").await.unwrap(), "alive");
    }
}

#[test]
fn what_is_no_plugin_is_refused_before_it_is_compiled() {
    let host = Host::new(Limits::default()).unwrap();
    let load = |bytes: &[u8]| host.load_bytes("`x.wasm`", bytes).unwrap_err();
    assert!(matches!(load(b"hello"), LoadError::NotAComponent(_)));
    let module = load(b"\0asm\x01\0\0\0").to_string();
    assert!(module.contains("core WebAssembly module"), "{module}");
    // A component that is cut, at any length.
    let whole = super::scene::hostile();
    for length in (8..whole.len()).step_by(whole.len() / 40) {
        assert!(matches!(load(&whole[..length]), LoadError::NotAComponent(_) | LoadError::Missing { .. }), "{length}");
    }
    let bare = load(&crate::guest::member("hostile-plugin").unwrap());
    assert!(matches!(bare, LoadError::NoMapping { .. }), "{bare}");
    assert_eq!(bare.blame(), Blame::Guest);
    let small = Host::new(Limits { component_bytes: 100, ..Limits::default() }).unwrap();
    let large = small.load_bytes("`x.wasm`", whole).unwrap_err();
    assert!(matches!(large, LoadError::TooLarge { .. }), "{large}");
    assert_eq!(large.blame(), Blame::Policy);
}
