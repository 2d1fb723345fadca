//! A client that speaks plain HTTP to an instance, and a shorthand for what tests ask for.

use host_harness::servicenow::Instance;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::Value;

/// A user's conversation with an instance.
pub struct Client {
    http: reqwest::Client,
    base: String,
    user: String,
    password: String,
}

/// What came back.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// `result`, or the whole body where there is none.
    pub fn result(&self) -> Value {
        let mut json = self.json();
        match json.get_mut("result") {
            Some(result) => result.take(),
            None => panic!("no result in {json}"),
        }
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `error.message` and `error.detail`.
    pub fn error(&self) -> (String, String) {
        let json = self.json();
        assert_eq!(json["status"], "failure", "{json}");
        let text = |name: &str| json["error"][name].as_str().unwrap_or_default().to_owned();
        (text("message"), text("detail"))
    }
}

impl Client {
    /// The integration's user.
    pub fn integration(instance: &Instance) -> Client {
        let account = instance.account();
        Client::new(instance, &account.user, &account.password)
    }

    /// One of the people.
    pub fn of(instance: &Instance, user: &str) -> Client {
        Client::new(instance, user, instance.password_of(user).unwrap())
    }

    pub fn new(instance: &Instance, user: &str, password: &str) -> Client {
        // The client is built for TLS too; a provider that is installed already serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Client { http, base: instance.url(), user: user.into(), password: password.into() }
    }

    pub async fn send(&self, method: Method, target: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method, format!("{}{target}", self.base));
        request = request.basic_auth(&self.user, Some(&self.password)).header("accept", "application/json");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Client::answer(request).await
    }

    /// A request of one's own making.
    pub fn request(&self, method: Method, target: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{target}", self.base))
    }

    pub async fn answer(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send(Method::GET, target, None).await
    }

    pub async fn post(&self, target: &str, body: Value) -> Answer {
        self.send(Method::POST, target, Some(body)).await
    }

    pub async fn patch(&self, target: &str, body: Value) -> Answer {
        self.send(Method::PATCH, target, Some(body)).await
    }

    pub async fn delete(&self, target: &str) -> Answer {
        self.send(Method::DELETE, target, None).await
    }

    /// Creates a record and answers it, references as plain `sys_id`s.
    pub async fn create(&self, table: &str, body: Value) -> Value {
        let target = format!("/api/now/table/{table}?sysparm_exclude_reference_link=true");
        self.post(&target, body).await.expect(201).result()
    }

    /// A record, references as plain `sys_id`s.
    pub async fn record(&self, table: &str, sys_id: &str) -> Value {
        let target = format!("/api/now/table/{table}/{sys_id}?sysparm_exclude_reference_link=true");
        self.get(&target).await.expect(200).result()
    }

    /// The `sys_id`s that a query finds.
    pub async fn find(&self, table: &str, query: &str) -> Vec<String> {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let rows = self.get(&format!("/api/now/table/{table}?sysparm_query={query}")).await.expect(200).result();
        rows.as_array().unwrap().iter().map(|row| row["sys_id"].as_str().unwrap().to_owned()).collect()
    }
}

/// The text of a JSON value.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}
