//! People at ServiceNow: they act through its own API, with their own passwords, and never through the plugin.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

/// Somebody with a login of their own.
pub struct Person {
    /// As people call them.
    pub name: String,
    user: String,
    password: String,
    url: String,
    http: reqwest::Client,
}

impl Person {
    /// Somebody who logs in to the instance at `url`.
    pub fn new(name: &str, user: &str, password: &str, url: &str) -> Result<Self> {
        let http = reqwest::Client::builder().build()?;
        Ok(Self { name: name.into(), user: user.into(), password: password.into(), url: url.into(), http })
    }

    /// Answers the approval that is asked of this person for a change. `state` is ServiceNow's value: `approved` or
    /// `rejected`.
    pub async fn answer(&self, change: &str, state: &str, comment: &str) -> Result<()> {
        let query = format!(
            "/api/now/table/sysapproval_approver?sysparm_fields=sys_id,approver\
             &sysparm_query=sysapproval%3D{change}%5Estate%3Drequested%5Eapprover.user_name%3D{}",
            self.user
        );
        let asked = self.send(reqwest::Method::GET, &query, None).await?;
        let row = asked
            .get("result")
            .and_then(|rows| rows.get(0))
            .and_then(|row| row.get("sys_id"))
            .and_then(Value::as_str)
            .with_context(|| format!("nobody asks {} about this change", self.name))?;
        let answer = json!({"state": state, "comments": comment});
        self.send(reqwest::Method::PATCH, &format!("/api/now/table/sysapproval_approver/{row}"), Some(answer)).await?;
        Ok(())
    }

    async fn send(&self, method: reqwest::Method, target: &str, body: Option<Value>) -> Result<Value> {
        let request = self
            .http
            .request(method, format!("{}{target}", self.url))
            .basic_auth(&self.user, Some(&self.password))
            .header("accept", "application/json");
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let reply = request.send().await?;
        let status = reply.status();
        let text = reply.text().await?;
        ensure!(status.is_success(), "{} may not do this: {status}: {text}", self.name);
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }
}
