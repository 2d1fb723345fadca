//! The instance's origin: scheme, host and port, and nothing after it.

use super::SettingsError;
use super::read::Setting;
use serde_json::Value;

/// Such as `https://example.service-now.com`. Anything after the port is refused: every path is the plugin's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Whether the connection is encrypted. `http` is for a simulated instance on this machine; the host decides.
    pub is_https: bool,
    /// Host and port, lower case.
    pub authority: String,
}

impl Origin {
    /// Reads `https://host` or `https://host:port`, with or without a final slash.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest).to_ascii_lowercase();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        (!authority.is_empty() && authority.chars().all(legal)).then_some(Self { is_https, authority })
    }

    /// As text, without a final slash.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_https { "https" } else { "http" }, self.authority)
    }
}

impl Setting for Origin {
    fn read(path: &str, value: Value) -> Result<Self, SettingsError> {
        let text = String::read(path, value)?;
        Self::parse(&text).ok_or_else(|| SettingsError {
            path: path.into(),
            message: format!(
                "`{text}` is no instance's address: write scheme and host, such as https://example.service-now.com"
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let url = |text: &str| Origin::parse(text).map(|origin| origin.url());
        assert_eq!(url("https://Example.service-now.com/").as_deref(), Some("https://example.service-now.com"));
        assert_eq!(url("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080"));
        for wrong in ["example.service-now.com", "ftp://x", "https://", "https://u:p@x", "https://x/api", "https://x?y"]
        {
            assert_eq!(url(wrong), None, "{wrong}");
        }
    }
}
