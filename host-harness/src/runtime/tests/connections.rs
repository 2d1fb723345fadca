//! Where a granted name leads, and how long a connection may take to stand.

use super::scene::{Scene, Setting};
use crate::grant::Outcome;
use crate::grant::tests::site::Site;
use crate::runtime::{CallError, limits::Limits};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A resolver whose answers change: each of these once, and the last from then on.
struct Turning {
    answers: Mutex<Vec<Vec<SocketAddr>>>,
    asked: AtomicUsize,
}

impl Turning {
    fn new(answers: &[&[SocketAddr]]) -> Arc<Self> {
        let answers = answers.iter().rev().map(|answer| answer.to_vec()).collect();
        Arc::new(Self { answers: Mutex::new(answers), asked: AtomicUsize::new(0) })
    }
}

impl Resolve for Turning {
    fn resolve(&self, _: Name) -> Resolving {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
        Box::pin(async move { Ok(Box::new(answer.unwrap_or_default().into_iter()) as Addrs) })
    }
}

/// A name that is granted, and may lead to this machine.
const NAME: &str = "instance.localhost";

/// Where no grant of a name leads. Nobody listens there.
const METADATA: &str = "169.254.169.254:80";

fn by(names: &Arc<Turning>) -> Setting {
    let names = Arc::clone(names);
    Scene::setting().way(&format!("http://{NAME}"), move |grant| grant.names(names))
}

async fn get(scene: &Scene, path: &str) -> Result<String, CallError> {
    scene.run(&format!("send\tGET\thttp\t{NAME}\t{path}")).await
}

#[tokio::test]
async fn a_connection_goes_to_the_address_that_was_judged_whatever_the_name_says_next() {
    let (judged, next) = (Site::start().await, Site::start().await);
    let names = Turning::new(&[&[judged.address()], &[next.address()]]);
    let scene = by(&names).start().await;
    assert!(get(&scene, "/api/x").await.unwrap().starts_with("200 "));
    assert_eq!(names.asked.load(Ordering::SeqCst), 1, "nobody looks a second time");
    // It is kept, and stays where it was judged.
    assert!(get(&scene, "/api/y").await.unwrap().starts_with("200 "));
    assert_eq!((judged.seen("/api/").len(), next.seen("/").len()), (2, 0));
}

#[tokio::test]
async fn a_name_that_turns_to_where_no_grant_leads_is_judged_again_with_the_next_connection() {
    let site = Site::start().await;
    let names = Turning::new(&[&[site.address()], &[METADATA.parse().unwrap()]]);
    let scene = by(&names).start().await;
    assert!(get(&scene, "/api/last").await.unwrap().starts_with("200 "));
    assert_eq!(get(&scene, "/api/x").await.unwrap(), "ErrorCode::DestinationIpProhibited");
    assert_eq!(names.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn of_many_addresses_those_are_tried_where_the_grant_leads() {
    let site = Site::start().await;
    let names = Turning::new(&[&[METADATA.parse().unwrap(), "10.0.0.1:80".parse().unwrap(), site.address()]]);
    // The others would be waited for.
    let scene = by(&names).limits(|limits| limits.connect_timeout = Duration::from_secs(5)).start().await;
    assert!(get(&scene, "/api/x").await.unwrap().starts_with("200 "));
}

/// What a guest is told whose connection does not stand in time.
async fn told(scheme: &str, address: SocketAddr) -> String {
    let setting = Scene::setting().way(&format!("{scheme}://{address}"), |grant| grant);
    let scene = setting.limits(|limits| limits.connect_timeout = Duration::from_millis(200)).start().await;
    let told = scene.run(&format!("send\tGET\t{scheme}\t{address}\t/api/x")).await.unwrap();
    // By the limit, and not because the system gave up before.
    let seen = scene.watched.exchanges.lock().unwrap();
    let Some(Outcome::Failed(why)) = seen.last().map(|exchange| &exchange.outcome) else { panic!("{seen:?}") };
    assert!(!why.contains("os error"), "{why}");
    told
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_takes_no_connection_is_waited_for_so_long() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    // A queue of one. Whoever comes when it is full is not answered.
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let _first = tokio::net::TcpStream::connect(address).await.unwrap();
    assert_eq!(told("http", address).await, "ErrorCode::ConnectionTimeout");
}

#[tokio::test]
async fn a_token_that_never_comes_whole_is_waited_for_so_long_and_fetched_anew_the_next_time() {
    let credential = r#"{"client-id": "id", "client-secret": "canary-9d"}"#;
    // Much for a token that comes, however busy this machine is.
    let brief = |limits: &mut Limits| {
        limits.connect_timeout = Duration::from_secs(1);
        limits.reply_timeout = Duration::from_secs(1);
    };
    let scene = Scene::setting().credential(credential).limits(brief).start().await;
    scene.site.token_trickles(true);
    assert_eq!(scene.get("/api/x").await.unwrap(), "ErrorCode::HttpResponseTimeout");
    assert!(scene.site.seen("/api/").is_empty(), "nothing is sent without it");
    scene.site.token_trickles(false);
    assert!(scene.get("/api/x").await.unwrap().starts_with("200 "));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_waited_for_so_long() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(told("https", address).await, "ErrorCode::ConnectionTimeout");
}
