//! A hostile component attacks one promise after another, and gets its specific error.

use super::scene::{Scene, request};
use crate::grant::Outcome;
use crate::grant::audit::{Who, verify};
use crate::runtime::{Blame, Call, CallError, Hook, Host, LoadError, limits::Limits};
use itsm_contract::types::Verdict;
use std::sync::Arc;

const SECRET: &str = r#"{"user": "itsm", "password": "canary-1b6f7a"}"#;

#[tokio::test]
async fn no_trick_reaches_another_host_port_or_path() {
    let scene = Scene::setting().credential(SECRET).start().await;
    let site = scene.site.authority();
    let port = site.rsplit_once(':').unwrap().1;
    let denied = [
        ("GET", "http", "evil.example", "/api/x"),
        ("GET", "https", site.as_str(), "/api/x"),
        ("GET", "ftp", site.as_str(), "/api/x"),
        ("GET", "http", "127.0.0.1", "/api/x"),
        ("GET", "http", "127.0.0.1:0", "/api/x"),
        ("GET", "http", "127.0.0.1:99999", "/api/x"),
        ("GET", "http", "127.0.0.1:", "/api/x"),
        ("GET", "http", &format!("localhost:{port}"), "/api/x"),
        ("GET", "http", &format!("0x7f.1:{port}"), "/api/x"),
        ("GET", "http", &format!("2130706433:{port}"), "/api/x"),
        ("GET", "http", &format!("127.1:{port}"), "/api/x"),
        ("GET", "http", &format!("[::1]:{port}"), "/api/x"),
        ("GET", "http", &format!("[::ffff:127.0.0.1]:{port}"), "/api/x"),
        ("GET", "http", &format!("user:pw@{site}"), "/api/x"),
        ("GET", "http", &format!("{site}@evil.example"), "/api/x"),
        ("GET", "http", &site, "/oauth_token.do"),
        ("GET", "http", &site, "//evil.example/api/x"),
        ("GET", "http", &site, "/api/../oauth_token.do"),
        ("GET", "http", &site, "/api/%2e%2e/oauth_token.do"),
        ("GET", "http", &site, "/api/..;/oauth_token.do"),
        ("CONNECT", "http", &site, "/api/x"),
        ("TRACE", "http", &site, "/api/x"),
        ("PROPFIND", "http", &site, "/api/x"),
    ];
    for (method, scheme, authority, path) in denied {
        let report = scene.run(&format!("send\t{method}\t{scheme}\t{authority}\t{path}")).await.unwrap();
        assert_eq!(report, "ErrorCode::HttpRequestDenied", "{method} {scheme} {authority} {path}");
    }
    let log = scene.audit();
    let logged: Vec<_> = log.iter().filter(|entry| entry.action == "egress.denied").collect();
    assert_eq!(logged.len(), denied.len());
    assert!(logged.iter().all(|entry| entry.who == Who::Host && entry.key.as_deref() == Some("event-1")));
    let seen = scene.watched.exchanges.lock().unwrap();
    assert!(seen.iter().all(|exchange| matches!(exchange.outcome, Outcome::Denied(_))));
    assert!(scene.site.seen("/").is_empty(), "nothing was sent");
}

#[tokio::test]
async fn what_is_no_uri_is_invalid_before_it_is_judged() {
    let scene = Scene::setting().start().await;
    let site = scene.site.authority();
    for (authority, path, expected) in [
        (site.as_str(), "*", "invalid path"),
        (&site, "http://evil.example/x", "invalid path"),
        (&site, "@evil.example", "invalid path"),
        (&site, ":8443/", "invalid path"),
        (&site, "/a b", "invalid path"),
        ("evil.example#@x", "/api/x", "invalid authority"),
        ("evil.example\\@x", "/api/x", "invalid authority"),
        ("", "/api/x", "invalid authority"),
    ] {
        let report = scene.run(&format!("send\tGET\thttp\t{authority}\t{path}")).await.unwrap();
        assert!(report == expected || report.starts_with("ErrorCode::"), "{authority} {path}: {report}");
    }
    assert!(scene.site.seen("/").is_empty());
}

#[tokio::test]
async fn a_fragment_is_not_sent_and_the_host_header_is_the_hosts() {
    let scene = Scene::setting().start().await;
    let site = scene.site.authority();
    let report = scene.run(&format!("send\tGET\thttp\t{site}\t/api/x?y=1#@evil.example")).await.unwrap();
    assert!(report.starts_with("200 "), "{report}");
    let seen = scene.site.seen("/api/x");
    assert_eq!(seen[0].target, "/api/x?y=1");
    assert_eq!(seen[0].header("host"), Some(site.as_str()));
}

#[tokio::test]
async fn a_guest_can_set_no_header_that_says_who_or_where() {
    let scene = Scene::setting().credential(SECRET).start().await;
    for name in [
        "authorization",
        "Authorization",
        "cookie",
        "x-usertoken",
        "x-user-token",
        "x-sn-apikey",
        "proxy-authorization",
        "host",
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-for",
        "x-http-method-override",
        "transfer-encoding",
        "connection",
        "te",
    ] {
        let report = scene.run(&format!("header\t{name}\tx")).await.unwrap();
        let forbidden = "Err(HeaderError::Forbidden)";
        assert_eq!(report, format!("{forbidden} {forbidden} {forbidden}"), "{name}");
    }
    for (name, value) in [("x-a", "b\u{1}c"), ("x a", "b"), ("x:a", "b")] {
        let report = scene.run(&format!("header\t{name}\t{value}")).await.unwrap();
        assert!(report.starts_with("Err(HeaderError::InvalidSyntax)"), "{name}: {report}");
    }
    let site = scene.site.authority();
    let report = scene.run(&format!("send\tGET\thttp\t{site}\t/api/x\tcontent-length=5")).await.unwrap();
    assert!(report.starts_with("ErrorCode::"), "{report}");
    assert!(scene.site.seen("/").is_empty());
}

#[tokio::test]
async fn the_credential_is_added_behind_the_wall_and_cookies_stay_there() {
    let scene = Scene::setting().credential(SECRET).start().await;
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
async fn a_secret_that_comes_back_is_taken_out_of_the_reply() {
    let scene = Scene::setting().credential(SECRET).start().await;
    let report = scene.get("/api/secret").await.unwrap();
    assert!(report.contains("x-echo=Basic ********************"), "{report}");
    assert!(report.contains("you are Basic ********************"), "{report}");
}

#[tokio::test]
async fn a_reply_in_which_no_secret_could_be_found_does_not_come_in() {
    let scene = Scene::setting().credential(SECRET).start().await;
    let refused = scene.get("/api/encoded").await;
    let told = format!("{refused:?}");
    assert!(told.contains("HttpResponseContentCoding"), "{told}");
}

#[tokio::test]
async fn a_redirect_is_data_and_where_it_leads_is_judged_again() {
    let scene = Scene::setting().credential(SECRET).start().await;
    assert!(scene.get("/api/redirect").await.unwrap().starts_with("302 "));
    assert!(scene.site.seen("/api/target").is_empty());
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
async fn a_panic_in_any_hook_is_told_with_its_place() {
    let scene = Scene::setting().start().await;
    let delivery = r#""delivery": {"key": "k", "attempt": 1, "occurred-at": "2026-11-24T16:20:00Z"}"#;
    let build = r#""build": {"id": "panic\tboom", "image": {"name": "i", "version": "1"}}"#;
    let rest = r#""systems": [], "labels": {}"#;
    for hook in Hook::ALL {
        let event = match hook {
            Hook::OnBuildRequested => format!("{{{delivery}, {build}, {rest}}}"),
            Hook::OnFailure => format!(r#"{{{delivery}, {build}, {rest}, "step": "build", "message": "boom"}}"#),
            Hook::OnDeploy => format!(
                r#"{{{delivery}, {build}, {rest}, "deployment-id": "boom", "phase": "started",
                    "environment": {{"name": "prod", "tier": "production"}}}}"#
            ),
            Hook::OnBuildFinished => {
                format!(r#"{{{delivery}, {build}, "outcome": "passed", "files": [], "labels": {{}}}}"#)
            }
            Hook::Check => r#"{"waiting": [], "cursor": "boom"}"#.into(),
            Hook::Preview => format!(r#"{{"build-requested": {{{delivery}, {build}, {rest}}}}}"#),
            Hook::Validate => r#"{"boom": 1}"#.into(),
            Hook::Describe | Hook::TestConnection => String::new(),
        };
        let call = Call::from_json(hook, &event, &Limits::default()).unwrap();
        let Err(CallError::Trap(trapped)) = scene.plugin.call(&call).await else { panic!("{hook}: answered") };
        assert_eq!(trapped.blame, Blame::Guest);
        let panic = trapped.panic.as_ref().unwrap();
        assert!(panic.message.contains("boom") || panic.message == hook.name(), "{hook}: {panic:?}");
        assert!(panic.location.contains("attack.rs:"), "{panic:?}");
        assert!(trapped.frames.iter().any(|frame| frame.starts_with("hostile-plugin: ")), "{:?}", trapped.frames);
    }
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
async fn leaving_the_program_is_a_trap() {
    let scene = Scene::setting().start().await;
    let error = scene.run("exit").await.unwrap_err();
    assert!(matches!(&error, CallError::Trap(trapped) if trapped.trap.contains("exit")), "{error}");
}

#[tokio::test]
async fn an_entry_of_a_guest_cannot_pose_as_the_hosts() {
    let scene = Scene::setting().start().await;
    scene.run("forge").await.unwrap();
    let log = scene.audit();
    let forged: Vec<_> = log.iter().filter(|entry| entry.action.starts_with("gate.proceed")).collect();
    assert_eq!(forged.len(), 1);
    assert_eq!(forged[0].who, Who::Plugin);
    assert_eq!(verify(&scene.folder.path().join("audit.jsonl")).unwrap().entries, log.len() as u64);
}

#[tokio::test]
async fn nothing_that_a_guest_says_drives_a_terminal() {
    let scene = Scene::setting().start().await;
    let error = scene.run("print\t1\t100\npanic\t\u{1b}]0;owned\u{7}\u{202e}").await.unwrap_err();
    let CallError::Trap(trapped) = &error else { panic!("{error}") };
    for text in [error.to_string(), trapped.printed.clone(), trapped.frames.join("\n")] {
        assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{text:?}");
    }
    assert!(trapped.printed.contains("\\u{1b}[2J"));
}

#[tokio::test]
async fn a_store_goes_with_its_call() {
    let scene = Scene::setting().start().await;
    for _ in 0..3 {
        assert!(scene.run("panic\tboom").await.is_err());
        assert_eq!(scene.run("echo\talive").await.unwrap(), "alive");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn honest_events_succeed_while_others_attack() {
    let limits = Limits { fuel: 200_000_000, memory: 64 << 20, ..Limits::default() };
    let host = Host::new(limits).unwrap();
    let hostile = Arc::new(Scene::setting().on(&host).await);
    let honest = Arc::new(Scene::setting().credential(SECRET).on(&host).await);
    let attacks = ["loop", "map\tloop", "recurse", "grow", "map\tgrow", "hold", "panic\tx", "audit\t30000\tx\t1"];
    let attacking: Vec<_> = attacks
        .into_iter()
        .cycle()
        .take(24)
        .map(|attack| {
            let scene = Arc::clone(&hostile);
            tokio::spawn(async move { scene.run(attack).await })
        })
        .collect();
    let working: Vec<_> = (0..100)
        .map(|number| {
            let scene = Arc::clone(&honest);
            tokio::spawn(async move { scene.get(&format!("/api/{number}")).await })
        })
        .collect();
    for task in working {
        assert!(task.await.unwrap().unwrap().starts_with("200 "));
    }
    for task in attacking {
        assert!(task.await.unwrap().is_err());
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
}
