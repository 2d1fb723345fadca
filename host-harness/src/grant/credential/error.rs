//! Why there is no credential to send, for people and for the guest.

use crate::grant::{Prohibited, client};
use bytes::Bytes;
use http::{Response, StatusCode, header};
use std::path::PathBuf;
use std::time::Duration;
use wasmtime_wasi_http::Error;

/// Why there is no credential to send.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// Not in the form `NAME=env:VARIABLE` or `NAME=file:PATH`.
    #[error("`--credential` takes NAME=env:VARIABLE or NAME=file:PATH, such as servicenow=env:SERVICENOW_CREDENTIAL")]
    Source,
    /// The variable is not set, or holds no text.
    #[error("the credential `{name}` should be in the environment variable `{variable}`, which is not set: set it")]
    NoVariable {
        /// The credential's name.
        name: String,
        /// The variable's.
        variable: String,
    },
    /// The file cannot be read.
    #[error("the credential `{name}` should be in the file `{}`, which cannot be read: {source}", path.display())]
    NoFile {
        /// The credential's name.
        name: String,
        /// The file's.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// What is there is no credential.
    #[error(
        "the credential `{name}` is not in one of the forms {{\"user\": …, \"password\": …}}, {{\"client-id\": …, \
         \"client-secret\": …}} and {{\"api-key\": …}}"
    )]
    Format {
        /// The credential's name.
        name: String,
    },
    /// ServiceNow's token endpoint refuses the client.
    #[error(
        "ServiceNow's token endpoint refused the client of the credential `{name}`: {status}{}; check client id and \
         secret, that the property glide.oauth.inbound.client.credential.grant_type.enabled is true, and that the \
         registry entry has an OAuth application user",
        error.as_deref().map(|error| format!(" ({error})")).unwrap_or_default()
    )]
    TokenRefused {
        /// The credential's name.
        name: String,
        /// The reply's status.
        status: StatusCode,
        /// The reply's `error`, where it is one of OAuth's.
        error: Option<String>,
    },
    /// The token endpoint answered what is no token: a sleeping or overloaded instance.
    #[error("the instance gave no token for the credential `{name}` now: {why}")]
    Unavailable {
        /// The credential's name.
        name: String,
        /// What it answered.
        why: String,
    },
    /// The token endpoint is where the grant does not lead.
    #[error("the token endpoint was not asked for the credential `{name}`: {why}")]
    Prohibited {
        /// The credential's name.
        name: String,
        /// Where it is.
        why: Prohibited,
    },
    /// The token endpoint did not answer, or not to the end.
    #[error("the token endpoint gave no token for the credential `{name}` within {patience:?}")]
    Late {
        /// The credential's name.
        name: String,
        /// How long it was waited for.
        patience: Duration,
    },
    /// The token endpoint could not be reached.
    #[error("the token endpoint could not be reached for the credential `{name}`: {0}", error)]
    Unreachable {
        /// The credential's name.
        name: String,
        /// Why not.
        error: wasmtime_wasi_http::Error,
    },
}

impl CredentialError {
    /// As the guest learns it. That ServiceNow refuses the client is ServiceNow's answer, whichever request it was to: a
    /// 401 in the shape of its REST APIs, which a plugin knows. The rest is an error of the host's: what an administrator
    /// must mend, or what time does.
    pub(in crate::grant) fn to_guest(&self) -> Result<Response<Bytes>, Error> {
        match self {
            Self::TokenRefused { status, error, .. } => {
                let error = error.as_deref().unwrap_or("no OAuth error");
                let body = serde_json::json!({
                    "error": {"message": "The token endpoint refused the client", "detail": format!("{status}: {error}")},
                    "status": "failure",
                });
                let mut reply = Response::new(Bytes::from(body.to_string()));
                *reply.status_mut() = StatusCode::UNAUTHORIZED;
                let json = http::HeaderValue::from_static("application/json");
                reply.headers_mut().insert(header::CONTENT_TYPE, json);
                Ok(reply)
            }
            Self::Unreachable { error, .. } => Err(client::copy(error)),
            Self::Prohibited { .. } => Err(Error::DestinationIpProhibited),
            Self::Late { .. } => Err(Error::HttpResponseTimeout),
            Self::Unavailable { .. } => Err(Error::DestinationUnavailable),
            _ => Err(Error::ConfigurationError),
        }
    }
}
