//! A panic of the host's own: an embedder's code that is called from within a call.

use super::scene::{Scene, request};
use crate::grant::{Exchange, Observer, Usage};
use crate::runtime::{Blame, CallError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Panics once in the hook that sends, or once when a call has ended.
#[derive(Default)]
struct Clumsy {
    sending: AtomicBool,
    ending: AtomicBool,
}

impl Observer for Clumsy {
    fn exchanged(&self, _: &Exchange) {
        assert!(!self.sending.swap(false, Ordering::SeqCst), "lost count while sending");
    }

    fn called(&self, _: &str, _: &Usage) {
        assert!(!self.ending.swap(false, Ordering::SeqCst), "lost count at the end");
    }
}

#[tokio::test]
async fn a_panic_of_the_host_in_a_call_is_the_hosts_and_ends_that_call_alone() {
    let clumsy = Arc::new(Clumsy::default());
    let observer = clumsy.clone();
    let scene = Scene::setting().route(move |grant| grant.observer(observer)).start().await;
    for (panics, words) in [
        (&clumsy.sending, "it panicked: lost count while sending"),
        (&clumsy.ending, "it panicked: lost count at the end"),
    ] {
        panics.store(true, Ordering::SeqCst);
        let error = scene.get("/api/x").await.unwrap_err();
        assert_eq!(error, CallError::Host(words.into()));
        assert_eq!(error.blame(), Blame::Host);
        let log = scene.audit();
        let failed = log.iter().rfind(|entry| entry.action == "call.failed").unwrap();
        let detail = |name: &str| failed.details.iter().find(|(other, _)| other == name).unwrap().1.clone();
        assert_eq!(detail("blame"), "the host");
        assert!(detail("why").contains(words), "{failed:?}");
        assert!(scene.get("/api/x").await.unwrap().starts_with("200 "), "the host goes on");
    }
}

/// A guest that is not asked to wait for its request is ended all the same.
#[tokio::test]
async fn a_panic_ends_a_call_whose_guest_does_not_look_at_the_reply() {
    let clumsy = Arc::new(Clumsy::default());
    let observer = clumsy.clone();
    let scene = Scene::setting().route(move |grant| grant.observer(observer)).start().await;
    clumsy.sending.store(true, Ordering::SeqCst);
    let script = format!("ignore\t{}\t/api/x", scene.site.authority());
    let error = scene.plugin.on_build_requested(&request(&script)).await.unwrap_err();
    assert_eq!(error, CallError::Host("it panicked: lost count while sending".into()));
}
