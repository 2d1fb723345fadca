//! A secret of each kind is looked for where it must not be: in all memory that a guest ever had, and in everything that
//! the host says, whatever becomes of the request.

#![allow(unsafe_code)] // A memory of our own, which wasmtime takes by an unsafe trait.

use super::ears;
use super::scene::{Scene, hostile, request};
use crate::grant::Route;
use crate::grant::tests::network::{Gateway, HOST, Secure};
use crate::guest::stock_component;
use crate::runtime::{Host, limits::Limits};
use http::StatusCode;
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
    }

    /// How many memories hold this text.
    fn holding(&self, text: &str) -> usize {
        let memories = self.0.lock().unwrap();
        memories.iter().filter(|memory| contains(&memory.lock().unwrap(), text.as_bytes())).count()
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    let first = text[0];
    let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == first);
    starts.into_iter().any(|(at, _)| bytes[at..].starts_with(text))
}

/// A secret of one kind: what is at its source, and every form that it takes on the way.
struct Canary {
    source: &'static str,
    forms: &'static [&'static str],
}

const CANARIES: [Canary; 3] = [
    Canary {
        source: r#"{"user": "itsm", "password": "canary-pass-1b6f7a"}"#,
        forms: &["canary-pass-1b6f7a", "aXRzbTpjYW5hcnktcGFzcy0xYjZmN2E="],
    },
    Canary {
        source: r#"{"client-id": "itsm-client", "client-secret": "canary-secret-9d2c"}"#,
        forms: &["canary-secret-9d2c", "token-number-1", "token-number-2"],
    },
    Canary { source: r#"{"api-key": "canary-key-55e0"}"#, forms: &["canary-key-55e0"] },
];

/// All that the host said in a scene, and what this process logged meanwhile.
fn said(scene: &Scene) -> String {
    let log = std::fs::read_to_string(scene.folder.path().join("audit.jsonl")).unwrap();
    let exchanges = scene.watched.exchanges.lock().unwrap();
    format!("{log}\n{exchanges:?}\n{:?}\n{:?}\n{}", scene.plugin, scene.plugin.grant(), ears::heard())
}

fn found_nowhere(canary: &Canary, memories: &Memories, said: &str) {
    for form in canary.forms {
        assert!(!said.contains(form), "{form} in what was said: {said}");
        assert_eq!(memories.holding(form), 0, "{form} in a guest's memory");
    }
}

#[tokio::test]
async fn memory_is_looked_through_to_its_last_byte() {
    let memories = Memories::default();
    let scene = Scene::setting().on(&memories.host()).await;
    scene.run("echo\tneedle-in-memory").await.unwrap();
    assert_eq!(memories.holding("needle-in-memory"), 1, "the search finds what is there");
    assert_eq!(memories.holding("needle-elsewhere"), 0);
}

#[tokio::test]
async fn no_secret_is_found_after_a_guest_that_looks_for_it() {
    ears::listen();
    for canary in &CANARIES {
        let memories = Memories::default();
        let scene = Scene::setting().component(hostile().to_vec()).credential(canary.source).on(&memories.host()).await;
        let mut outcomes = String::new();
        // The first of these has the server send back what it was sent.
        for path in ["/api/secret", "/api/cookie", "/api/redirect", "/login.do", "/api/huge?n=20000000"] {
            outcomes += &format!("{:?}\n", scene.get(path).await);
        }
        let looked =
            format!("send\tGET\thttp\t{}\t/api/secret\nsearch\t{}", scene.site.authority(), turned(canary.forms[0]));
        assert!(scene.run(&looked).await.unwrap().ends_with("\n0"), "the guest found it");
        // What a core dump of the guest would hold is its memory at the trap, which is kept and looked through below.
        let trapped = format!("send\tGET\thttp\t{}\t/api/secret\npanic\tboom", scene.site.authority());
        outcomes += &format!("{:?}\n", scene.run(&trapped).await);
        scene.site.accept(&["nobody"]);
        outcomes += &format!("{:?}\n", scene.get("/api/x").await);
        let echo = canary.forms.join(" ");
        for (status, body) in [
            (StatusCode::UNAUTHORIZED, format!(r#"{{"error":"no {echo}"}}"#)),
            (StatusCode::BAD_REQUEST, format!(r#"{{"error":"{echo}","error_description":"{echo}"}}"#)),
            (StatusCode::INTERNAL_SERVER_ERROR, format!("<html>{echo}</html>")),
            (StatusCode::OK, format!("<html>{echo}</html>")),
            (StatusCode::FOUND, echo.clone()),
        ] {
            scene.site.token_reply(status, &body);
            outcomes += &format!("{:?}\n", scene.get("/api/x").await);
        }
        // A wrong one, and what is none.
        for source in [canary.source.replace("canary-", "canary-wrong-"), format!("{0}{0}", canary.source)] {
            std::fs::write(scene.folder.path().join("secret"), &source).unwrap();
            outcomes += &format!("{:?}\n", scene.get("/api/x").await);
        }
        found_nowhere(canary, &memories, &(said(&scene) + &outcomes));
        assert_eq!(memories.holding("canary-wrong-"), 0);
        assert!(!(said(&scene) + &outcomes).contains("canary-wrong-"));
    }
}

#[tokio::test]
async fn no_password_of_a_proxy_is_found_whether_it_lets_in_or_not() {
    ears::listen();
    let canary = Canary { source: "", forms: &["canary-proxy-8e21", "cHJveHk6Y2FuYXJ5LXByb3h5LThlMjE="] };
    for accepted in [None, Some("another password")] {
        let secure = Secure::start(&[&TLS13]).await;
        let gateway = Gateway::start(secure.address, accepted).await;
        let proxy = format!("http://proxy:canary-proxy-8e21@{}", gateway.address);
        let bundle = secure.certificate.clone();
        let memories = Memories::default();
        let scene = Scene::setting()
            .way(&format!("https://{HOST}"), |grant| grant.route(Route::Through(proxy)).ca_bundle(bundle))
            .on(&memories.host())
            .await;
        let outcome = scene.run(&format!("send\tGET\thttps\t{HOST}\t/api/x")).await.unwrap();
        assert_eq!(outcome.starts_with("200 "), accepted.is_none(), "{outcome}");
        assert!(gateway.asked.lock().unwrap()[0].contains(canary.forms[1]), "it was sent");
        let looked = scene.run(&format!("search\t{}", turned(canary.forms[0]))).await.unwrap();
        assert_eq!(looked, "0");
        found_nowhere(&canary, &memories, &(said(&scene) + &outcome));
    }
}

#[tokio::test]
async fn no_secret_is_found_after_the_stock_component() {
    let component = std::fs::read(stock_component().unwrap()).unwrap();
    for canary in &CANARIES {
        let memories = Memories::default();
        let scene = Scene::setting().component(component.clone()).credential(canary.source).on(&memories.host()).await;
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
