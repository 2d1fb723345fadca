//! What the host reads for itself from the instance of a grant: by its credential, and within its egress.

use super::client::chain;
use super::{CredentialError, Grant};
use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode, Uri};
use std::time::Duration;
use tokio::time::timeout;

/// The longest that a reply may take to begin, and to go on: ServiceNow cuts its own transactions off after 60 s.
const PATIENCE: Duration = Duration::from_secs(65);

/// Characters of a denied target that are shown: a denial tells more, and of any length.
const SHOWN: usize = 200;

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The grant does not lead there.
    #[error("the grant does not cover {target}: {why}")]
    Denied {
        /// Path and query.
        target: String,
        /// What the grant lacks.
        why: String,
    },
    /// There is no credential to send.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// No whole reply.
    #[error("the instance cannot be read: {0}")]
    Unreachable(String),
    /// The reply is larger than asked for.
    #[error("the reply is larger than {most} bytes")]
    TooLarge {
        /// What was asked for.
        most: usize,
    },
}

impl Grant {
    /// Reads path and query from the granted origin, at most `most` bytes of reply.
    ///
    /// # Errors
    /// See [`ReadError`]. A status that is no success is an answer.
    pub async fn read(&self, target: &str, most: usize) -> Result<(StatusCode, Bytes), ReadError> {
        let url = format!("{}{target}", self.egress.origin());
        let denied = |why: String| ReadError::Denied { target: target.chars().take(SHOWN).collect(), why };
        let uri: Uri = url.parse().map_err(|_| denied("it is no URL".into()))?;
        self.egress.judge(&Method::GET, &uri).map_err(|denial| denied(denial.why.to_string()))?;
        let Some(credential) = &self.credential else { return self.get(&url, None, most).await };
        let authorization = credential.authorization(&self.client, &self.egress).await?;
        let reply = self.get(&url, Some(&authorization), most).await?;
        if reply.0 != StatusCode::UNAUTHORIZED {
            return Ok(reply);
        }
        match credential.after_refusal(&authorization, &self.client, &self.egress).await? {
            Some(renewed) => self.get(&url, Some(&renewed), most).await,
            None => Ok(reply),
        }
    }

    async fn get(
        &self,
        url: &str,
        authorization: Option<&super::credential::Authorization>,
        most: usize,
    ) -> Result<(StatusCode, Bytes), ReadError> {
        let failed = |error: reqwest::Error| ReadError::Unreachable(chain(&error));
        let late = |_| ReadError::Unreachable(format!("nothing came within {PATIENCE:?}"));
        let mut request = self.client.get(url).header(http::header::ACCEPT, "application/json, */*");
        if let Some(authorization) = authorization {
            request = request.header(&authorization.header, &authorization.value);
        }
        let mut reply = timeout(PATIENCE, request.send()).await.map_err(late)?.map_err(failed)?;
        let mut body = BytesMut::new();
        while let Some(piece) = timeout(PATIENCE, reply.chunk()).await.map_err(late)?.map_err(failed)? {
            if body.len() + piece.len() > most {
                return Err(ReadError::TooLarge { most });
            }
            body.extend_from_slice(&piece);
        }
        Ok((reply.status(), body.freeze()))
    }
}
