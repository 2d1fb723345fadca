//! For tests: a transport that plays a conversation written down beforehand, and an audit log that can be read.

use crate::plugin::Plugin;
use crate::transport::{Audit, Entry, Grants, Method, Request, Response, SendError, Transport};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::VecDeque;

/// The smallest settings.
pub const SETTINGS: &str = r#"{"instance":{"url":"https://acme.service-now.com","credential":"sn"}}"#;

/// 2026-11-24T16:20:00Z.
pub const NOW: u64 = 1_795_537_200_000;

struct Exchange {
    method: Method,
    words: Vec<String>,
    reply: Result<Response, SendError>,
}

/// What ServiceNow is asked, in order, and what it answers.
#[derive(Default)]
pub struct Script {
    exchanges: RefCell<VecDeque<Exchange>>,
    sent: RefCell<Vec<Request>>,
    entries: RefCell<Vec<Entry>>,
}

impl Script {
    /// Nothing is asked.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next request has this method, and its decoded target holds each of `words` (separated by spaces).
    pub fn on(self, method: Method, words: &str, status: u16, body: Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json;charset=UTF-8".to_owned())];
        self.with(method, words, Ok(Response { status, headers, body: body.to_string().into_bytes() }))
    }

    /// As [`on`](Self::on), with bytes that are no JSON.
    pub fn raw(self, method: Method, words: &str, body: &[u8]) -> Self {
        let headers = vec![("content-type".to_owned(), "application/octet-stream".to_owned())];
        self.with(method, words, Ok(Response { status: 200, headers, body: body.to_vec() }))
    }

    /// As [`on`](Self::on), and there is no whole reply.
    #[allow(dead_code)]
    pub fn lost(self, method: Method, words: &str) -> Self {
        self.with(method, words, Err(SendError::Lost("reset".into())))
    }

    fn with(self, method: Method, words: &str, reply: Result<Response, SendError>) -> Self {
        let words = words.split(' ').map(str::to_owned).collect();
        self.exchanges.borrow_mut().push_back(Exchange { method, words, reply });
        self
    }

    /// Calls a hook, and proves that the whole conversation was held.
    pub fn run<T>(&self, settings: &str, hook: impl FnOnce(&Plugin) -> T) -> T {
        let grants = Grants { transport: self, audit: self, mapping: None, now: NOW };
        let answer = hook(&Plugin::new(grants, settings).expect("settings"));
        assert!(self.exchanges.borrow().is_empty(), "{} requests were never sent", self.exchanges.borrow().len());
        answer
    }

    /// Whether the whole conversation was held.
    pub fn is_held(&self) -> bool {
        self.exchanges.borrow().is_empty()
    }

    /// The JSON body of the nth request.
    pub fn body(&self, index: usize) -> Value {
        serde_json::from_slice(&self.sent.borrow()[index].body).expect("JSON")
    }

    /// The nth request.
    pub fn request(&self, index: usize) -> Request {
        self.sent.borrow()[index].clone()
    }

    /// What was audited.
    pub fn actions(&self) -> Vec<&'static str> {
        self.entries.borrow().iter().map(|entry| entry.action).collect()
    }

    /// A detail of the first entry with this action.
    pub fn detail(&self, action: &str, name: &str) -> Option<String> {
        let entries = self.entries.borrow();
        let entry = entries.iter().find(|entry| entry.action == action)?;
        entry.details.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
    }
}

impl Transport for Script {
    fn send(&self, request: &Request) -> Result<Response, SendError> {
        self.sent.borrow_mut().push(request.clone());
        let target = decode(&request.target);
        let next = self.exchanges.borrow_mut().pop_front();
        let Some(next) = next else { panic!("an unexpected request: {} {target}", request.method.name()) };
        assert_eq!(next.method, request.method, "{target}");
        for word in &next.words {
            assert!(target.contains(word), "`{word}` is not in {} {target}", request.method.name());
        }
        next.reply
    }
}

impl Audit for Script {
    fn append(&self, entry: Entry) {
        self.entries.borrow_mut().push(entry);
    }
}

fn decode(target: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = target.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits: String = rest.by_ref().take(2).map(char::from).collect();
            bytes.push(u8::from_str_radix(&digits, 16).expect("percent-encoding"));
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// The seal of a gate that was answered for this build, of which nothing else is known.
pub fn seal(build: &str) -> String {
    format!("2.0.{}{}", crate::identity::build_mark("openfactory", build), ".--------".repeat(5))
}
