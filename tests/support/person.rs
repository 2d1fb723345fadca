//! Somebody at ServiceNow, who acts through its own API.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// A login of their own.
pub struct Person {
    user: String,
    password: String,
    url: String,
    http: reqwest::Client,
}

impl Person {
    pub(crate) fn new(user: &str, password: &str, url: &str) -> Result<Self> {
        let http = reqwest::Client::builder().build()?;
        Ok(Self { user: user.into(), password: password.into(), url: url.into(), http })
    }

    /// Approves a change request, by its `sys_id`.
    pub async fn approve(&self, change: &str, comment: &str) -> Result<()> {
        self.answer(change, "approved", comment).await
    }

    /// Rejects a change request, by its `sys_id`.
    pub async fn reject(&self, change: &str, comment: &str) -> Result<()> {
        self.answer(change, "rejected", comment).await
    }

    async fn answer(&self, change: &str, state: &str, comment: &str) -> Result<()> {
        let query = format!("sysapproval%3D{change}%5Estate%3Drequested%5Eapprover.user_name%3D{}", self.user);
        let path = format!("/api/now/table/sysapproval_approver?sysparm_query={query}");
        let asked = self.get(&path).await?;
        let row = asked["result"][0]["sys_id"].as_str().with_context(|| format!("nobody asks {}", self.user))?;
        let body = json!({"state": state, "comments": comment});
        self.send(reqwest::Method::PATCH, &format!("/api/now/table/sysapproval_approver/{row}"), Some(body)).await?;
        Ok(())
    }

    /// Changes fields of a record.
    pub async fn update(&self, table: &str, sys_id: &str, fields: Value) -> Result<Value> {
        self.send(reqwest::Method::PATCH, &format!("/api/now/table/{table}/{sys_id}"), Some(fields)).await
    }

    /// Attaches a file to a record.
    pub async fn attach(&self, table: &str, sys_id: &str, name: &str, content: &[u8]) -> Result<()> {
        let url =
            format!("{}/api/now/attachment/file?table_name={table}&table_sys_id={sys_id}&file_name={name}", self.url);
        let request = self.http.post(url).basic_auth(&self.user, Some(&self.password));
        let reply = request.header("content-type", "text/plain").body(content.to_vec()).send().await?;
        ensure!(reply.status().is_success(), "{} may not attach this: {}", self.user, reply.status());
        Ok(())
    }

    /// Reads anything.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(reqwest::Method::GET, path, None).await
    }

    /// Sends anything.
    pub async fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<Value> {
        let request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .basic_auth(&self.user, Some(&self.password))
            .header("accept", "application/json");
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let reply = request.send().await?;
        let status = reply.status();
        let text = reply.text().await?;
        ensure!(status.is_success(), "{} may not do this: {status}: {text}", self.user);
        Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
    }
}
