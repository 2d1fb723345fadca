//! The service over real HTTP, its plugin scripted.

mod reports;

use super::*;
use crate::delivery::tests::support::*;
use crate::delivery::{Limits, ManualClock, SqliteStore};
use serde_json::{Value, json};
use std::sync::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct Served {
    service: Service,
    plugin: Arc<Plugin>,
    clock: ManualClock,
    http: reqwest::Client,
    _folder: tempfile::TempDir,
}

impl Served {
    async fn with(plugin: Arc<Plugin>) -> Self {
        Self::start(plugin, Options::default(), Limits::default()).await
    }

    async fn start(plugin: Arc<Plugin>, options: Options, limits: Limits) -> Self {
        Self::start_within(Bounds::default(), plugin, options, limits).await
    }

    async fn start_within(bounds: Bounds, plugin: Arc<Plugin>, options: Options, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(START);
        let store = SqliteStore::open(&folder.path().join("outbox.db")).unwrap();
        let outbox = Outbox::builder(store, plugin.clone()).clock(Arc::new(clock.clone())).limits(limits);
        let options = Options { listen: "127.0.0.1:0".parse().unwrap(), ..options };
        let service = Service::start_within(bounds, options, outbox).await.unwrap();
        Self { service, plugin, clock, http: crate::delivery::tests::telling::client(), _folder: folder }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.service.address())
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        read(self.http.get(self.url(path)).send().await.unwrap()).await
    }

    async fn send(&self, path: &str, body: &impl serde::Serialize) -> reqwest::Response {
        let body = serde_json::to_vec(body).unwrap();
        self.http.post(self.url(path)).header("content-type", "application/json").body(body).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &impl serde::Serialize) -> (u16, Value) {
        read(self.send(path, body).await).await
    }
}

async fn read(reply: reqwest::Response) -> (u16, Value) {
    let status = reply.status().as_u16();
    (status, serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap())
}

fn done() -> Arc<Plugin> {
    Plugin::new(|_| Some(answered(incident())))
}

#[tokio::test]
async fn an_event_that_is_accepted_is_stored_and_a_repeat_is_answered_with_the_first_answer() {
    let served = Served::with(done()).await;
    let (code, status) = served.post("/v1/events", &failure("a", "b1")).await;
    assert_eq!((code, status["key"].as_str(), status["state"].as_str()), (202, Some("a"), Some("queued")));
    let (code, first) = served.get("/v1/events/a?wait=30s").await;
    assert_eq!((code, first["state"].as_str()), (200, Some("done")));
    assert_eq!(first["answer"]["ticket"]["number"], "N-i1");
    let itsm_contract::answers::Event::Failed(mut repeat) = failure("a", "b1") else { panic!("a failure is one") };
    repeat.delivery.attempt = 7;
    let repeat = itsm_contract::answers::Event::Failed(repeat);
    assert_eq!(served.post("/v1/events", &repeat).await, (200, first.clone()));

    // Another event is not answered with what was said of this one.
    let (code, refused) = served.post("/v1/events", &failure("a", "b2")).await;
    assert_eq!((code, &refused["problem"]["code"]), (409, &json!("service.key-taken")));
    assert_eq!(refused["problem"]["summary"], "the key `a` is that of another event, which differs in `build.id`");
    assert_eq!(served.get("/v1/events/a").await, (200, first));
    assert_eq!(served.plugin.keys(), ["a"]);
}

#[tokio::test]
async fn a_reply_may_be_held_until_the_verdict_is_there() {
    let served = Served::with(Plugin::new(|_| Some(answered(crate::delivery::Answer::Gate(proceed("c1")))))).await;
    let (code, status) = served.post("/v1/events?wait=30s", &request("a", "b1")).await;
    assert_eq!((code, status["answer"]["verdict"]["proceed"]["by-policy"].as_bool()), (202, Some(false)));
}

#[tokio::test]
async fn connections_that_hold_half_a_header_are_closed_and_keep_nobody_out() {
    let bounds = Bounds { connections: 4, header_timeout: Duration::from_millis(300) };
    let served = Served::start_within(bounds, done(), Options::default(), Limits::default()).await;
    let half = async || {
        let mut stream = tokio::net::TcpStream::connect(served.service.address()).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ").await.unwrap();
        stream
    };
    // More than there is room for: who comes later waits for the first to be closed.
    let mut slow = Vec::new();
    for _ in 0..7 {
        slow.push(half().await);
    }
    assert_eq!(served.get("/healthz").await.0, 200);
    for mut stream in slow {
        let mut told = Vec::new();
        // Closed, with a reply that says why or without one.
        let _ = stream.read_to_end(&mut told).await;
        assert!(!String::from_utf8_lossy(&told).contains("200 OK"));
    }
}

#[tokio::test]
async fn no_more_connections_are_served_at_once_than_there_is_room_for() {
    let bounds = Bounds { connections: 1, header_timeout: HEADER_TIMEOUT };
    let served = Served::start_within(bounds, done(), Options::default(), Limits::default()).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    let mut first = tokio::net::TcpStream::connect(served.service.address()).await.unwrap();
    first.write_all(request).await.unwrap();
    let mut reply = [0; 12];
    first.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"HTTP/1.1 200");
    let mut second = tokio::net::TcpStream::connect(served.service.address()).await.unwrap();
    second.write_all(request).await.unwrap();
    let unanswered = tokio::time::timeout(Duration::from_millis(100), second.readable()).await;
    assert!(unanswered.is_err(), "the first has the only place");
    drop(first);
    second.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"HTTP/1.1 200");
}

#[tokio::test]
async fn waiting_gates_are_listed_page_by_page() {
    let served = Served::with(Plugin::new(|event| {
        let change = crate::delivery::tests::support::key(event);
        Some(answered(crate::delivery::Answer::Gate(pause(&change, START + 60_000, None))))
    }))
    .await;
    for key in ["a", "b", "c"] {
        served.post("/v1/events", &request(key, key)).await;
    }
    while served.service.outbox().depth().gates < 3 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (mut seen, mut next) = (Vec::new(), json!(0));
    while let Some(after) = next.as_i64() {
        let (code, page) = served.get(&format!("/v1/gates?limit=2&after={after}")).await;
        assert_eq!(code, 200);
        for gate in page["gates"].as_array().unwrap() {
            assert_eq!(gate["answer"]["verdict"]["pause"]["waiting-for"][0], "CAB");
            seen.push(gate["key"].as_str().unwrap().to_owned());
        }
        next = page["next"].clone();
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_flood_is_answered_429_and_nothing_of_it_is_swallowed() {
    let limits = Limits { queue_events: 3, ..Limits::default() };
    let served = Served::start(Plugin::new(|_| None), Options::default(), limits).await;
    let mut codes = Vec::new();
    for number in 0..10 {
        let reply = served.send("/v1/events", &failure(&format!("e{number}"), "b")).await;
        if reply.status() == 429 {
            assert_eq!(reply.headers()["retry-after"], "5");
        }
        codes.push(reply.status().as_u16());
    }
    assert_eq!(codes, [202, 202, 202, 429, 429, 429, 429, 429, 429, 429]);
    assert_eq!(served.get("/v1/events/e2").await.0, 200);
    assert_eq!(served.get("/v1/events/e3").await.0, 404);
}

#[tokio::test]
async fn what_is_no_event_is_refused_by_name_and_changes_nothing() {
    let served = Served::with(done()).await;
    let mut unknown = serde_json::to_value(failure("a", "b1")).unwrap();
    unknown["failed"]["colour"] = "red".into();
    let mut missing = serde_json::to_value(failure("a", "b1")).unwrap();
    missing["failed"]["build"].as_object_mut().unwrap().remove("image");
    for (body, named) in [
        (unknown, "colour"),
        (missing, "image"),
        (json!({ "exploded": {} }), "exploded"),
        (json!(7), "the event is wrong"),
        (serde_json::to_value(failure("", "b1")).unwrap(), "delivery.key"),
    ] {
        let (code, refusal) = served.post("/v1/events", &body).await;
        assert_eq!(code, 400);
        assert!(refusal["problem"]["summary"].as_str().unwrap().contains(named), "{refusal}");
    }
    let plain = served.http.post(served.url("/v1/events")).body("{}").send().await.unwrap();
    assert_eq!(plain.status(), 415);
    for (path, code) in [
        ("/v1/events/z", 404),
        ("/v1/events/z?wait=forever", 400),
        ("/v1/events/z?weight=3s", 400),
        ("/v1/events?state=lost", 400),
        ("/v2/events", 404),
    ] {
        assert_eq!(served.get(path).await.0, code, "{path}");
    }
    assert_eq!(served.http.delete(served.url("/v1/events/a")).send().await.unwrap().status(), 405);
    assert!(served.plugin.keys().is_empty());
}

#[tokio::test]
async fn everything_but_its_health_is_guarded_by_the_token() {
    let options = Options { token: Some(Token::new("0123456789abcdef").unwrap()), ..Options::default() };
    let served = Served::start(done(), options, Limits::default()).await;
    for path in ["/v1/events/a", "/v1/gates", "/v1/events", "/metrics"] {
        let reply = served.http.get(served.url(path)).send().await.unwrap();
        assert_eq!((reply.status().as_u16(), &reply.headers()["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
        let wrong = served.http.get(served.url(path)).bearer_auth("0123456789abcdeg").send().await.unwrap();
        assert_eq!(wrong.status(), 401, "{path}");
        let right = served.http.get(served.url(path)).bearer_auth("0123456789abcdef").send().await.unwrap();
        assert_ne!(right.status(), 401, "{path}");
    }
    assert_eq!(served.post("/v1/events", &failure("a", "b1")).await.0, 401);
    assert_eq!(served.get("/healthz").await.0, 200);
    assert!(served.plugin.keys().is_empty());
}

#[tokio::test]
async fn a_service_that_cannot_do_its_part_says_that_it_is_not_healthy_and_why() {
    let served = Served::with(done()).await;
    assert_eq!(served.get("/healthz").await.1["healthy"], true);
    let why = "cannot write the audit log: No space left on device";
    *served.plugin.trouble.lock().unwrap() = Some(why.into());
    let (code, health) = served.get("/healthz").await;
    assert_eq!((code, &health["healthy"], &health["trouble"]), (503, &json!(false), &json!(why)));
}

#[tokio::test]
async fn without_a_token_no_web_page_is_served_that_a_browser_on_this_machine_shows() {
    let served = Served::with(done()).await;
    let port = served.service.address().port();
    let asked = |name: &str, value: String| served.http.get(served.url("/v1/gates")).header(name, value).send();
    for (name, value, code) in [
        ("origin", "https://evil.example".to_owned(), 403),
        ("host", format!("evil.example:{port}"), 403),
        ("host", "127.0.0.1.evil.example".to_owned(), 403),
        ("host", format!("localhost:{port}"), 200),
        ("host", format!("[::1]:{port}"), 200),
    ] {
        assert_eq!(asked(name, value.clone()).await.unwrap().status(), code, "{name}: {value}");
    }
}

#[tokio::test]
async fn without_a_token_it_listens_on_loopback_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("outbox.db")).unwrap();
    let options = Options { listen: "0.0.0.0:0".parse().unwrap(), ..Options::default() };
    let refused = Service::start(options, Outbox::builder(store, done())).await;
    assert!(matches!(refused, Err(ServiceError::Unguarded(_))));
}

#[tokio::test]
async fn a_callback_goes_to_an_allowed_origin_and_nowhere_else() {
    let told: Arc<Mutex<Vec<Value>>> = Arc::default();
    let heard = told.clone();
    let told_route = axum::routing::post(move |body: axum::Json<Value>| async move {
        heard.lock().unwrap().push(body.0);
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let receiver =
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().route("/told", told_route)).await });
    let mut callbacks = Callbacks::default();
    callbacks.allow(&origin).unwrap();
    let served = Served::start(done(), Options { callbacks, ..Options::default() }, Limits::default()).await;
    let refused = served.post("/v1/events?callback=http://169.254.169.254/", &failure("a", "b1")).await;
    assert_eq!((refused.0, served.get("/v1/events/a").await.0), (400, 404));
    let (code, _) = served.post(&format!("/v1/events?callback={origin}/told"), &failure("a", "b1")).await;
    assert_eq!(code, 202);
    while told.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(told.lock().unwrap()[0]["state"], "done");
    receiver.abort();
}

#[tokio::test]
async fn metrics_tell_attempts_outcomes_depth_age_and_whether_servicenow_is_there() {
    let served = Served::with(Plugin::new(|_| Some(retry(None)))).await;
    served.post("/v1/events", &failure("a", "b1")).await;
    while served.service.outbox().depth().in_flight > 0 || served.get("/v1/events/a").await.1["trouble"].is_null() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    served.clock.advance(Duration::from_millis(1));
    let text = served.http.get(served.url("/metrics")).send().await.unwrap().text().await.unwrap();
    for line in [
        "itsm_events_accepted_total{hook=\"on-failure\"} 1",
        "itsm_attempts_total{hook=\"on-failure\",outcome=\"retry\"} ",
        "itsm_queue_depth 1",
        "itsm_queue_age_seconds 0.001",
        "itsm_gates_waiting 0",
        "itsm_instance_away 0",
        "itsm_request_budget -1",
        "# EOF",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_given_up_event_is_listed_and_tried_again_when_somebody_asks() {
    let refused = || Some(failed(itsm_contract::types::Failure::InvalidEvent(problem("invalid"))));
    let served = Served::with(Plugin::new(move |_| refused())).await;
    served.post("/v1/events?wait=30s", &failure("a/1", "b1")).await;
    let (_, page) = served.get("/v1/events").await;
    assert_eq!(page["events"][0]["key"], "a/1");
    served.plugin.now_answers(|_| Some(answered(incident())));
    assert_eq!(served.post("/v1/events/a%2F1/retry", &json!({})).await.0, 202);
    assert_eq!(served.get("/v1/events/a%2F1?wait=30s").await.1["state"], "done");
    assert_eq!(served.post("/v1/events/a%2F1/retry", &json!({})).await.0, 409);
}

#[tokio::test]
async fn a_stop_answers_who_waits_and_gives_back_what_is_under_way() {
    let served = Served::with(Plugin::new(|_| None)).await;
    served.post("/v1/events", &failure("a", "b1")).await;
    let waiting = tokio::spawn(served.http.get(served.url("/v1/events/a?wait=30s")).send());
    while served.plugin.keys().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let address = served.service.address();
    served.service.stop(Duration::ZERO).await;
    if let Ok(reply) = waiting.await.unwrap() {
        assert_eq!(read(reply).await.1["key"], "a");
    }
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[tokio::test]
async fn so_many_requests_wait_for_an_answer_and_an_event_that_comes_then_is_stored_all_the_same() {
    let served = Served::with(Plugin::new(|_| None)).await;
    served.post("/v1/events", &failure("a", "b1")).await;
    let others = served.service.shared.held.try_acquire_many(u32::try_from(HELD).unwrap()).unwrap();
    let reply = served.http.get(served.url("/v1/events/a?wait=30s")).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), &reply.headers()["retry-after"]), (429, &"5".parse().unwrap()));
    // Answered at once, since it cannot be held.
    assert_eq!(served.post("/v1/events?wait=30s", &failure("b", "b1")).await.0, 202);
    assert_eq!(served.get("/v1/events/b").await.1["state"], "queued");
    drop(others);
    let waits = served.http.get(served.url("/v1/events/a?wait=30s")).send();
    let passes = async {
        while served.service.shared.held.available_permits() == HELD {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        served.clock.advance(Duration::from_secs(30));
    };
    assert_eq!(tokio::join!(waits, passes).0.unwrap().status(), 200);
}

#[tokio::test]
async fn a_page_holds_so_many_events_and_no_more_whatever_is_asked_for() {
    let served = Served::with(Plugin::new(|_| None)).await;
    let more = LONGEST_PAGE + 1;
    let accepted = (0..more).map(|number| served.service.outbox().accept(failure(&format!("e{number}"), "b1"), None));
    for accepted in accepted {
        accepted.await.unwrap();
    }
    let (_, page) = served.get(&format!("/v1/events?state=queued&limit={}", u32::MAX)).await;
    assert_eq!(page["events"].as_array().unwrap().len(), LONGEST_PAGE as usize);
    let (_, rest) = served.get(&format!("/v1/events?state=queued&after={}", page["next"])).await;
    // The first is with the plugin.
    assert_eq!((rest["events"].as_array().unwrap().len() + 1, &rest["next"]), (1, &Value::Null));
}

#[tokio::test]
async fn an_event_as_large_as_may_be_is_read_and_one_byte_more_is_not() {
    use tower::ServiceExt as _;
    let served = Served::with(done()).await;
    for (bytes, code) in [(EVENT_BYTES, 400), (EVENT_BYTES + 1, 413)] {
        let request = axum::http::Request::post("/v1/events").header("host", "localhost");
        let request =
            request.header("content-type", "application/json").body(axum::body::Body::from(vec![b' '; bytes])).unwrap();
        let reply = routes::router(served.service.shared.clone()).oneshot(request).await.unwrap();
        assert_eq!(reply.status(), code, "{bytes} bytes");
    }
}
