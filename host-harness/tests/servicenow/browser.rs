//! A real browser, driven by chromedriver's WebDriver protocol: as much of it as the page's tests need.

use reqwest::Method;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The key of an element in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Tab and Enter as WebDriver types them.
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";

/// Where Debian keeps them.
const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

/// A driver that ends when this is dropped, and its browser with it.
struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A headless browser with one window. It is closed when this is dropped.
pub struct Browser {
    http: reqwest::Client,
    session: String,
    screenshots: PathBuf,
    // Dropped last: the driver, which takes the browser with it, then the profile.
    _driver: Driver,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; none, loudly, where there is no Chromium.
    pub async fn start() -> Option<Browser> {
        if !Path::new(CHROMIUM).exists() || !Path::new(CHROMEDRIVER).exists() {
            eprintln!("SKIPPED: no {CHROMIUM} and {CHROMEDRIVER}; Debian has them as chromium and chromium-driver");
            return None;
        }
        let profile = tempfile::tempdir().unwrap();
        let mut driver =
            Command::new(CHROMEDRIVER).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let driver = Driver(driver);
        let port = loop {
            let line = lines.next().expect("chromedriver says its port").unwrap();
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // It goes on writing; a full pipe would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::new();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1200,1000",
            &format!("--user-data-dir={}", profile.path().display()),
        ];
        let asked = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": CHROMIUM, "args": arguments},
        }}});
        let sessions = format!("http://127.0.0.1:{port}/session");
        let request = http.post(&sessions).header("content-type", "application/json").body(asked.to_string());
        let made: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
        let id = made["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}"));
        let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
        std::fs::create_dir_all(&screenshots).unwrap();
        Some(Browser { session: format!("{sessions}/{id}"), http, screenshots, _driver: driver, _profile: profile })
    }

    async fn command(&self, method: Method, path: &str, body: Value) -> Result<Value, Value> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.session));
        if method == Method::POST {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let good = response.status().is_success();
        let mut answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        let value = answer["value"].take();
        if good { Ok(value) } else { Err(value) }
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.command(Method::POST, "/url", json!({"url": url})).await.unwrap();
    }

    /// The first element that a selector finds, once there is one.
    pub async fn element(&self, selector: &str) -> String {
        let asked = json!({"using": "css selector", "value": selector});
        for _ in 0..200 {
            if let Ok(found) = self.command(Method::POST, "/element", asked.clone()).await {
                return found[ELEMENT].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{selector} did not appear in {}", self.script("return document.body.innerText").await);
    }

    /// Clicks what a selector finds.
    pub async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.command(Method::POST, &format!("/element/{element}/click"), json!({})).await.unwrap();
    }

    /// Types into what a selector finds.
    pub async fn keys(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.command(Method::POST, &format!("/element/{element}/value"), json!({"text": text})).await.unwrap();
    }

    /// Runs a script in the page.
    pub async fn script(&self, script: &str) -> Value {
        let asked = json!({"script": script, "args": []});
        self.command(Method::POST, "/execute/sync", asked).await.unwrap_or_default()
    }

    /// Waits until a script's value is the expected one.
    pub async fn wait(&self, script: &str, expected: impl Into<Value>) {
        let expected = expected.into();
        let mut last = Value::Null;
        for _ in 0..200 {
            last = self.script(&format!("return {script}")).await;
            if last == expected {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{script} is {last} and not {expected}");
    }

    /// Waits until an element says something.
    pub async fn says(&self, selector: &str, text: &str) {
        self.wait(&format!("document.querySelector('{selector}')?.innerText?.trim()"), text).await;
    }

    /// Makes the window as wide and high as this.
    pub async fn resize(&self, width: u32, height: u32) {
        let asked = json!({"width": width, "height": height});
        self.command(Method::POST, "/window/rect", asked).await.unwrap();
    }

    /// Keeps a picture of the page as test output.
    pub async fn screenshot(&self, name: &str) {
        use base64::Engine as _;
        let picture = self.command(Method::GET, "/screenshot", Value::Null).await.unwrap();
        let picture = base64::prelude::BASE64_STANDARD.decode(picture.as_str().unwrap()).unwrap();
        assert!(picture.len() > 1000, "an empty picture");
        std::fs::write(self.screenshots.join(format!("{name}.png")), picture).unwrap();
    }

    /// Closes the browser.
    pub async fn close(self) {
        let _ = self.command(Method::DELETE, "", Value::Null).await;
    }
}
