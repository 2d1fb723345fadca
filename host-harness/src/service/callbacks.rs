//! Where callbacks may go: to the origins that the operator names. Otherwise whoever may send events could make the host
//! send requests anywhere.

use std::time::Duration;
use url::{Origin, Url};

/// Bytes of a callback's URL.
pub const URL_BYTES: usize = 2048;

/// Until a connection stands.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The origins that callbacks may go to.
#[derive(Clone, Debug, Default)]
pub struct Callbacks(Vec<Origin>);

/// Why a callback is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// It is no URL of HTTP.
    #[error("a callback is an absolute http or https URL without user or password, of at most {URL_BYTES} bytes")]
    NoUrl,
    /// Its origin is not among those that are allowed.
    #[error("callbacks to {0} are not allowed: let the service's operator allow that origin")]
    NotAllowed(String),
}

impl Callbacks {
    /// Allows an origin, such as `https://factory.example`.
    ///
    /// # Errors
    /// Where it is no URL of HTTP.
    pub fn allow(&mut self, origin: &str) -> Result<(), CallbackError> {
        self.0.push(parse(origin)?.origin());
        Ok(())
    }

    /// Whether a callback may go there.
    ///
    /// # Errors
    /// See [`CallbackError`].
    pub fn check(&self, url: &str) -> Result<(), CallbackError> {
        let origin = parse(url)?.origin();
        if self.0.contains(&origin) { Ok(()) } else { Err(CallbackError::NotAllowed(origin.ascii_serialization())) }
    }

    /// What they are sent with; none where none is allowed. It follows no redirect.
    ///
    /// # Errors
    /// Where the system's certificates cannot be read.
    pub(super) fn client(&self) -> Result<Option<reqwest::Client>, reqwest::Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        // Set already by whoever made another client.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .build()?;
        Ok(Some(client))
    }
}

fn parse(url: &str) -> Result<Url, CallbackError> {
    if url.len() > URL_BYTES {
        return Err(CallbackError::NoUrl);
    }
    let url = Url::parse(url).map_err(|_| CallbackError::NoUrl)?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && is_plain { Ok(url) } else { Err(CallbackError::NoUrl) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_go_to_the_named_origins_alone() {
        let mut callbacks = Callbacks::default();
        callbacks.allow("https://factory.example").unwrap();
        assert_eq!(callbacks.check("https://factory.example:443/told?a=1"), Ok(()));
        for other in [
            "http://factory.example/told",
            "https://factory.example.evil.example/",
            "https://factory.example:8443/",
            "https://169.254.169.254/latest/meta-data/",
        ] {
            assert!(matches!(callbacks.check(other), Err(CallbackError::NotAllowed(_))), "{other}");
        }
        for none in [
            "/told",
            "file:///etc/passwd",
            "https://ada:secret@factory.example/",
            &"https://factory.example/".repeat(100),
        ] {
            assert_eq!(callbacks.check(none), Err(CallbackError::NoUrl), "{none}");
        }
    }
}
