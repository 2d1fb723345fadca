//! Somebody logged in at the instance, who acts through its own API with a password of their own, as people do.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// A login.
#[derive(Clone)]
pub struct Login {
    user: String,
    password: String,
    url: String,
    http: Client,
}

/// Why somebody could not do what they meant to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// Nobody of this name can log in.
    #[error("nobody at the simulated ServiceNow is called `{0}`")]
    Nobody(String),
    /// No approval of theirs is pending.
    #[error("nobody asks {0} about this change")]
    NotAsked(String),
    /// The instance refused.
    #[error("{user} may not do this: {status}: {words}")]
    Refused {
        /// Who.
        user: String,
        /// The reply's status.
        status: StatusCode,
        /// What the instance says.
        words: String,
    },
    /// It did not answer, or not in JSON.
    #[error("the simulated ServiceNow does not answer as it should: {0}")]
    Broken(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).field("url", &self.url).finish_non_exhaustive()
    }
}

impl From<reqwest::Error> for LoginError {
    fn from(error: reqwest::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

impl Login {
    pub(super) fn new(user: &str, password: &str, url: &str) -> Result<Self, LoginError> {
        // An embedder that chose a provider keeps it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().build()?;
        Ok(Self { user: user.into(), password: password.into(), url: url.into(), http })
    }

    /// Approves a change request, by its `sys_id`.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn approve(&self, change: &str, comment: &str) -> Result<(), LoginError> {
        self.answer(change, "approved", comment).await
    }

    /// Rejects a change request, by its `sys_id`.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn reject(&self, change: &str, comment: &str) -> Result<(), LoginError> {
        self.answer(change, "rejected", comment).await
    }

    /// Answers the approval that is asked of this user for a change: `approved` or `rejected`.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn answer(&self, change: &str, state: &str, comment: &str) -> Result<(), LoginError> {
        let query = format!("sysapproval%3D{change}%5Estate%3Drequested%5Eapprover.user_name%3D{}", self.user);
        let path = format!("/api/now/table/sysapproval_approver?sysparm_fields=sys_id&sysparm_query={query}");
        let asked = self.get(&path).await?;
        let row = asked.pointer("/result/0/sys_id").and_then(Value::as_str);
        let row = row.ok_or_else(|| LoginError::NotAsked(self.user.clone()))?;
        self.update("sysapproval_approver", row, json!({"state": state, "comments": comment})).await?;
        Ok(())
    }

    /// Changes fields of a record.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn update(&self, table: &str, sys_id: &str, fields: Value) -> Result<Value, LoginError> {
        self.send(Method::PATCH, &format!("/api/now/table/{table}/{sys_id}"), Some(fields)).await
    }

    /// Attaches a text to a record.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn attach(&self, table: &str, sys_id: &str, name: &str, content: &[u8]) -> Result<(), LoginError> {
        let path = format!("/api/now/attachment/file?table_name={table}&table_sys_id={sys_id}&file_name={name}");
        let request = self.request(Method::POST, &path).header("content-type", "text/plain").body(content.to_vec());
        self.reply(request).await.map(drop)
    }

    /// Reads anything.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn get(&self, path: &str) -> Result<Value, LoginError> {
        self.send(Method::GET, path, None).await
    }

    /// Sends anything.
    ///
    /// # Errors
    /// See [`LoginError`].
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, LoginError> {
        let request = self.request(method, path);
        let text = self.reply(match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        });
        let text = text.await?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|error| LoginError::Broken(format!("{error}: {text}")))
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        request.basic_auth(&self.user, Some(&self.password)).header("accept", "application/json")
    }

    async fn reply(&self, request: reqwest::RequestBuilder) -> Result<String, LoginError> {
        let reply = request.send().await?;
        let (status, words) = (reply.status(), reply.text().await?);
        if status.is_success() {
            Ok(words)
        } else {
            Err(LoginError::Refused { user: self.user.clone(), status, words })
        }
    }
}
