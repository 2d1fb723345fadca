//! A web server on loopback that answers as a test wants, and remembers what it was asked.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use hyper::body::Frame;
use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: Method,
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The server. It stops when it is dropped.
pub struct Site {
    port: u16,
    state: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    /// Values of `authorization` that are let in; empty lets everybody in.
    accepted: Mutex<HashSet<String>>,
    tokens: Mutex<Tokens>,
    echo: Mutex<String>,
}

#[derive(Default)]
struct Tokens {
    given: u32,
    life: u64,
    reply: Option<(StatusCode, String)>,
    end: String,
    trickles: bool,
    silent: bool,
    /// The only one that gets tokens; none lets every client have them.
    secret: Option<String>,
}

impl Site {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Shared::default());
        state.tokens.lock().unwrap().life = 1800;
        let app = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { port, state, task }
    }

    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// What came to paths that begin so.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        let seen = self.state.seen.lock().unwrap();
        seen.iter().filter(|seen| seen.target.starts_with(path)).cloned().collect()
    }

    /// From now on lets in who sends one of these.
    pub fn accept(&self, authorizations: &[&str]) {
        *self.state.accepted.lock().unwrap() = authorizations.iter().map(|text| (*text).to_owned()).collect();
    }

    pub fn token_life(&self, seconds: u64) {
        self.state.tokens.lock().unwrap().life = seconds;
    }

    /// What each token ends with.
    pub fn tokens_end_with(&self, end: &str) {
        self.state.tokens.lock().unwrap().end = end.into();
    }

    /// Whether a token comes byte by byte, and never whole.
    pub fn token_trickles(&self, trickles: bool) {
        self.state.tokens.lock().unwrap().trickles = trickles;
    }

    /// Whether the token endpoint takes what it is asked, and never answers.
    pub fn token_is_silent(&self, silent: bool) {
        self.state.tokens.lock().unwrap().silent = silent;
    }

    /// What it says that it was sent.
    pub fn echo(&self, text: &str) {
        *self.state.echo.lock().unwrap() = text.into();
    }

    /// From now on gives tokens to the client with this secret alone.
    pub fn client_secret(&self, secret: &str) {
        self.state.tokens.lock().unwrap().secret = Some(secret.into());
    }

    /// What the token endpoint answers instead of a token.
    pub fn token_reply(&self, status: StatusCode, body: &str) {
        self.state.tokens.lock().unwrap().reply = Some((status, body.into()));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(state): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let seen = Seen { method: parts.method, target: target.clone(), headers: parts.headers, body };
    state.seen.lock().unwrap().push(seen.clone());
    let plain = |status: StatusCode, body: String| Response::builder().status(status).body(Body::from(body)).unwrap();
    if target == "/oauth_token.do" && state.tokens.lock().unwrap().silent {
        return std::future::pending().await;
    }
    if target == "/oauth_token.do" {
        return token(&state, &seen.body);
    }
    let authorization = seen.header("authorization").or(seen.header("x-sn-apikey")).unwrap_or_default().to_owned();
    let let_in = {
        let accepted = state.accepted.lock().unwrap();
        accepted.is_empty() || accepted.contains(&authorization)
    };
    if !let_in {
        return plain(StatusCode::UNAUTHORIZED, r#"{"error":{"message":"User Not Authenticated"}}"#.into());
    }
    let number = || target.rsplit_once('=').and_then(|(_, number)| number.parse::<usize>().ok()).unwrap_or_default();
    match target.split('?').next().unwrap_or_default() {
        "/api/cookie" => Response::builder()
            .header("set-cookie", "JSESSIONID=1")
            .header("x-usertoken", "t")
            .header("x-forwarded-host", "evil.example")
            .header("x-kept", "yes")
            .body(Body::from("ok"))
            .unwrap(),
        "/api/secret" => Response::builder()
            .header("x-echo", authorization.as_str())
            .body(Body::from(format!("you are {authorization}")))
            .unwrap(),
        "/api/echo" => plain(StatusCode::OK, format!("you sent {}", state.echo.lock().unwrap())),
        // In two fields, of which the first says that it is not.
        "/api/encoded-after-all" => {
            let reply = Response::builder().header("content-encoding", "identity").header("content-encoding", "gzip");
            reply.body(Body::from("whatever hides in it")).unwrap()
        }
        // In a field's name, which is in small letters always.
        "/api/named" => {
            let name = authorization.rsplit(' ').next().unwrap_or_default();
            Response::builder().header(name, "yes").header("x-kept", "yes").body(Body::from("ok")).unwrap()
        }
        "/api/encoded" => {
            let reply = Response::builder().header("content-encoding", "gzip");
            reply.body(Body::from("whatever hides in it")).unwrap()
        }
        "/api/redirect" => Response::builder()
            .status(StatusCode::FOUND)
            .header("location", format!("http://{}/api/target", seen.header("host").unwrap_or_default()))
            .body(Body::empty())
            .unwrap(),
        "/api/huge" => plain(StatusCode::OK, "x".repeat(number())),
        "/api/fields" => {
            let reply = Response::builder().header("x-big", "v".repeat(number()));
            reply.body(Body::empty()).unwrap()
        }
        // The last on its connection.
        "/api/last" => {
            let reply = Response::builder().header("connection", "close");
            reply.body(Body::from("ok")).unwrap()
        }
        "/api/silent" => std::future::pending().await,
        "/api/drip" => Response::new(Body::new(Drip(false))),
        "/api/trickle" => Response::new(Body::new(Trickle(tokio::time::interval(TRICKLE)))),
        _ => plain(StatusCode::OK, format!("{} {target}", seen.method)),
    }
}

/// One piece, and then nothing and no end.
struct Drip(bool);

impl hyper::body::Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match std::mem::replace(&mut self.0, true) {
            false => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x"))))),
            true => Poll::Pending,
        }
    }
}

/// Between two bytes of a trickle.
const TRICKLE: Duration = Duration::from_millis(20);

/// A byte now and again, without end.
struct Trickle(tokio::time::Interval);

impl hyper::body::Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_tick(context).map(|_| Some(Ok(Frame::data(Bytes::from_static(b"x")))))
    }
}

fn token(state: &Shared, form: &[u8]) -> Response {
    let mut tokens = state.tokens.lock().unwrap();
    let sent = url::form_urlencoded::parse(form).find(|(name, _)| name == "client_secret").map(|(_, secret)| secret);
    if tokens.secret.is_some() && tokens.secret.as_deref() != sent.as_deref() {
        let body = Body::from(r#"{"error_description":"access_denied","error":"invalid_client"}"#);
        return Response::builder().status(StatusCode::UNAUTHORIZED).body(body).unwrap();
    }
    if tokens.trickles {
        return Response::new(Body::new(Trickle(tokio::time::interval(TRICKLE))));
    }
    tokens.given += 1;
    let body = format!(
        r#"{{"access_token":"token-number-{}{}","scope":"useraccount","token_type":"Bearer","expires_in":{}}}"#,
        tokens.given, tokens.end, tokens.life
    );
    let (status, body) = tokens.reply.clone().unwrap_or((StatusCode::OK, body));
    Response::builder().status(status).body(Body::from(body)).unwrap()
}
