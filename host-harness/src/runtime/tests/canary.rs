//! A secret of each kind is looked for where it must not be: in all memory that a guest ever had, and in everything that
//! the host says, whatever becomes of the request.

#![allow(unsafe_code)] // A memory of our own, which wasmtime takes by an unsafe trait.

use super::ears;
use super::scene::{Scene, Setting, cache, request};
use super::spellings::{basic, echoes, in_json, percent, spellings};
use crate::grant::Route;
use crate::grant::tests::network::{Gateway, HOST, Secure};
use crate::guest::stock_component;
use crate::runtime::{Host, limits::Limits};
use http::StatusCode;
use serde_json::json;
use std::sync::{Arc, Mutex};
use tokio_rustls::rustls::version::TLS13;
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// Bytes that one memory may have in these tests.
const ROOM: usize = 64 << 20;

/// Keeps the memories of all guests beyond their stores.
#[derive(Clone, Default)]
struct Memories(Arc<Mutex<Vec<Kept>>>);

type Kept = Arc<Mutex<Vec<u8>>>;

/// One memory. It never moves: there is room from the beginning.
struct Memory {
    bytes: Kept,
    start: usize,
}

// SAFETY: `start` points to `ROOM` bytes that stay where they are as long as `bytes` lives, and `bytes` is never made
// longer than that; the first `byte_size` of them are set.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        self.bytes.lock().unwrap().len()
    }

    fn byte_capacity(&self) -> usize {
        ROOM
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        wasmtime::ensure!(size <= ROOM, "no room");
        self.bytes.lock().unwrap().resize(size, 0);
        Ok(())
    }

    fn as_ptr(&self) -> *mut u8 {
        self.start as *mut u8
    }
}

// SAFETY: the engine is told to expect neither a reservation nor a guard, so every access is checked against the size.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        _: MemoryType,
        minimum: usize,
        _: Option<usize>,
        _: Option<usize>,
        _: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let mut bytes = Vec::with_capacity(ROOM);
        bytes.resize(minimum, 0);
        let start = bytes.as_mut_ptr() as usize;
        let bytes = Arc::new(Mutex::new(bytes));
        self.0.lock().unwrap().push(Arc::clone(&bytes));
        Ok(Box::new(Memory { bytes, start }))
    }
}

impl Memories {
    fn host(&self) -> Host {
        let creator = Arc::new(self.clone());
        Host::configured(Limits::default(), |config| {
            config.with_host_memory(creator).memory_reservation(0).memory_guard_size(0).memory_init_cow(false);
        })
        .unwrap()
        .with_cache(&cache())
        .unwrap()
    }

    /// Which of these texts is in one of the memories.
    fn holding<'a>(&self, texts: &'a [String]) -> Option<&'a String> {
        let memories = self.0.lock().unwrap();
        memories.iter().find_map(|memory| {
            // Valid parts of what is no text as a whole are kept, and a text is quick to search.
            let memory = memory.lock().unwrap();
            let held = String::from_utf8_lossy(&memory);
            texts.iter().find(|text| held.contains(text.as_str()))
        })
    }
}

/// A password with all that spellings escape, and one like it that is wrong.
const CANARY: &str = r#"canary&=/+<>'"%\é1b6f"#;
const WRONG: &str = r#"canary&=/+<>'"%\é-wrong"#;

/// An API key travels in a header field as it is, which takes no letters beyond ASCII.
const KEY: &str = r#"canary&=/+<>'"%\55e0"#;
const WRONG_KEY: &str = r#"canary&=/+<>'"%\wrong"#;

/// What the token endpoint's tokens end with: all that RFC 6750 lets a token be made of beside letters and digits.
const TOKEN_END: &str = "-._~+/==";

/// A secret of one kind: what is at its source, and what is there when it is wrong.
struct Canary {
    source: String,
    wrong: String,
    /// What is sent of it, and could come back.
    sent: Vec<String>,
    /// What else is secret.
    others: Vec<String>,
}

fn canaries() -> [Canary; 3] {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let token = |number: u32| format!("token-number-{number}{TOKEN_END}");
    [
        Canary {
            source: json!({"user": "itsm", "password": CANARY}).to_string(),
            wrong: json!({"user": "itsm", "password": WRONG}).to_string(),
            sent: texts(&[CANARY, &basic("itsm", CANARY)]),
            others: texts(&[WRONG, &basic("itsm", WRONG)]),
        },
        Canary {
            source: json!({"client-id": "itsm-client", "client-secret": CANARY}).to_string(),
            wrong: json!({"client-id": "itsm-client", "client-secret": WRONG}).to_string(),
            sent: texts(&[CANARY, &token(1)]),
            others: texts(&[WRONG, &token(2)]),
        },
        Canary {
            source: json!({"api-key": KEY}).to_string(),
            wrong: json!({"api-key": WRONG_KEY}).to_string(),
            sent: texts(&[KEY]),
            others: texts(&[WRONG_KEY]),
        },
    ]
}

impl Canary {
    /// A scene with this credential.
    async fn scene(&self, setting: Setting, memories: &Memories) -> Scene {
        let scene = setting.credential(&self.source).on(&memories.host()).await;
        scene.site.tokens_end_with(TOKEN_END);
        scene
    }
}

/// All that the host said in a scene, and what this process logged meanwhile.
fn said(scene: &Scene) -> String {
    let log = std::fs::read_to_string(scene.folder.path().join("audit.jsonl")).unwrap();
    let exchanges = scene.watched.exchanges.lock().unwrap();
    format!("{log}\n{exchanges:?}\n{:?}\n{:?}\n{}", scene.plugin, scene.plugin.grant(), ears::heard())
}

fn found_nowhere(canary: &Canary, memories: &Memories, said: &str) {
    let spellings: Vec<_> = canary.sent.iter().chain(&canary.others).flat_map(|secret| spellings(secret)).collect();
    for spelling in &spellings {
        assert!(!said.contains(spelling), "{spelling} in what was said: {said}");
    }
    assert_eq!(memories.holding(&spellings), None, "in a guest's memory");
}

#[tokio::test]
async fn memory_is_looked_through_to_its_last_byte() {
    let memories = Memories::default();
    let scene = Scene::setting().on(&memories.host()).await;
    scene.run("echo\tneedle-in-mémory\\").await.unwrap();
    let needles = ["needle-elsewhere", "needle-in-mémory\\"].map(str::to_owned);
    assert_eq!(memories.holding(&needles), Some(&needles[1]), "the search finds what is there");
    assert_eq!(memories.holding(&needles[..1]), None);
}

#[tokio::test]
async fn no_secret_is_found_after_a_guest_that_looks_for_it() {
    ears::listen();
    for canary in &canaries() {
        let memories = Memories::default();
        let scene = canary.scene(Scene::setting(), &memories).await;
        let mut outcomes = String::new();
        // The first of these has the server send back what it was sent.
        for path in ["/api/secret", "/api/cookie", "/api/redirect", "/login.do", "/api/huge?n=20000000"] {
            outcomes += &format!("{:?}\n", scene.get(path).await);
        }
        // And these in every spelling.
        let echoed: Vec<_> = canary.sent.iter().flat_map(|secret| [echoes(secret), in_json(secret)].concat()).collect();
        for echo in &echoed {
            scene.site.echo(echo);
            let told = scene.get("/api/echo").await.unwrap();
            assert!(told.contains("you sent **"), "{echo}: {told}");
            outcomes += &format!("{told:?}\n");
        }
        let site = scene.site.authority();
        let looked = format!("send\tGET\thttp\t{site}\t/api/secret\nsearch\t{}", turned(&canary.sent[0]));
        assert!(scene.run(&looked).await.unwrap().ends_with("\n0"), "the guest found it");
        // What a core dump of the guest would hold is its memory at the trap, which is kept and looked through below.
        let trapped = format!("send\tGET\thttp\t{site}\t/api/secret\npanic\tboom");
        outcomes += &format!("{:?}\n", scene.run(&trapped).await);
        scene.site.accept(&["nobody"]);
        outcomes += &format!("{:?}\n", scene.get("/api/x").await);
        let echo = echoed.join(" ");
        for (status, body) in [
            (StatusCode::UNAUTHORIZED, json!({"error": echo}).to_string()),
            (StatusCode::BAD_REQUEST, json!({"error": echo, "error_description": echo}).to_string()),
            (StatusCode::INTERNAL_SERVER_ERROR, format!("<html>{echo}</html>")),
            (StatusCode::OK, format!("<html>{echo}</html>")),
            (StatusCode::FOUND, echo.clone()),
        ] {
            scene.site.token_reply(status, &body);
            outcomes += &format!("{:?}\n", scene.get("/api/x").await);
        }
        // A wrong one, and what is none.
        for source in [canary.wrong.clone(), format!("{}{}", canary.source, canary.wrong)] {
            std::fs::write(scene.folder.path().join("secret"), &source).unwrap();
            outcomes += &format!("{:?}\n", scene.get("/api/x").await);
        }
        found_nowhere(canary, &memories, &(said(&scene) + &outcomes));
    }
}

#[tokio::test]
async fn no_password_of_a_proxy_is_found_whether_it_lets_in_or_not() {
    ears::listen();
    let sent = vec![CANARY.to_owned(), basic("proxy", CANARY)];
    let canary = Canary { source: String::new(), wrong: String::new(), sent, others: Vec::new() };
    for accepted in [None, Some("another password")] {
        let secure = Secure::start(&[&TLS13]).await;
        let gateway = Gateway::start(secure.address, accepted).await;
        let proxy = format!("http://proxy:{}@{}", percent(CANARY, |_| false), gateway.address);
        let bundle = secure.certificate.clone();
        let memories = Memories::default();
        let scene = Scene::setting()
            .way(&format!("https://{HOST}"), |grant| grant.route(Route::Through(proxy)).ca_bundle(bundle))
            .on(&memories.host())
            .await;
        let outcome = scene.run(&format!("send\tGET\thttps\t{HOST}\t/api/x")).await.unwrap();
        assert_eq!(outcome.starts_with("200 "), accepted.is_none(), "{outcome}");
        assert!(gateway.asked.lock().unwrap()[0].contains(&canary.sent[1]), "it was sent");
        let looked = scene.run(&format!("search\t{}", turned(&canary.sent[0]))).await.unwrap();
        assert_eq!(looked, "0");
        found_nowhere(&canary, &memories, &(said(&scene) + &outcome));
    }
}

#[tokio::test]
async fn no_secret_is_found_after_the_stock_component() {
    let component = std::fs::read(stock_component().unwrap()).unwrap();
    for canary in &canaries() {
        let memories = Memories::default();
        let scene = canary.scene(Scene::setting().component(component.clone()), &memories).await;
        let mut outcomes = format!("{:?}\n", scene.plugin.on_build_requested(&request("build-1")).await);
        outcomes += &format!("{:?}\n", scene.plugin.test_connection().await);
        assert!(!scene.site.seen("/api/").is_empty(), "it was sent somewhere");
        scene.site.accept(&["nobody"]);
        outcomes += &format!("{:?}\n", scene.plugin.on_build_requested(&request("build-2")).await);
        found_nowhere(canary, &memories, &(said(&scene) + &outcomes));
    }
}

/// In hex, every bit turned: what a guest is told to look for must not be what it finds.
fn turned(text: &str) -> String {
    text.bytes().map(|byte| format!("{:02x}", !byte)).collect()
}
