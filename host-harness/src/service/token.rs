//! The bearer token that guards the service: from the environment or a file, compared in constant time.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq;

/// Characters of a token that nobody guesses.
pub const SHORTEST: usize = 16;

/// Bytes of a token's file: a token, and perhaps a line's end.
pub const LONGEST: usize = 4096;

/// A bearer token. It cannot be printed.
#[derive(Clone, Debug)]
pub struct Token(SecretString);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Neither `env:VARIABLE` nor `file:PATH`.
    #[error("the token's source should be env:VARIABLE or file:PATH, such as env:ITSM_HARNESS_TOKEN")]
    Source,
    /// The variable is not set.
    #[error("the token should be in the environment variable `{0}`, which is not set: set it")]
    NoVariable(String),
    /// The file cannot be read.
    #[error("the token should be in the file {}, which cannot be read: {why}", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: std::io::Error,
    },
    /// What is there is no token.
    #[error("a token has {SHORTEST} to {LONGEST} visible ASCII characters: make one with `openssl rand -hex 32`")]
    Form,
}

impl Token {
    /// Checks a token: white space around it is none of it.
    ///
    /// # Errors
    /// [`TokenError::Form`].
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let fits = (SHORTEST..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.into())) } else { Err(TokenError::Form) }
    }

    /// Reads it from `env:VARIABLE` or `file:PATH`.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn read(source: &str) -> Result<Self, TokenError> {
        match source.split_once(':') {
            Some(("env", name)) if !name.is_empty() => {
                Self::new(&std::env::var(name).map_err(|_| TokenError::NoVariable(name.into()))?)
            }
            Some(("file", path)) if !path.is_empty() => {
                let text = read(Path::new(path)).map_err(|why| TokenError::NoFile { path: path.into(), why })?;
                Self::new(&text)
            }
            _ => Err(TokenError::Source),
        }
    }

    /// Whether this `Authorization` holds the token. Takes as long for a wrong one as for the right one.
    pub fn admits(&self, authorization: Option<&[u8]>) -> bool {
        let given = authorization.and_then(|value| {
            let (scheme, token) = value.split_at_checked(7)?;
            scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
        });
        // Of equal length, whatever was sent.
        let digest = |token: &[u8]| Sha256::digest(token);
        let is_same = digest(given.unwrap_or_default()).ct_eq(&digest(self.0.expose_secret().as_bytes()));
        given.is_some() && bool::from(is_same)
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let longest = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(2);
    std::fs::File::open(path)?.take(longest).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_right_token_alone_is_admitted() {
        let token = Token::new("0123456789abcdef\n").unwrap();
        assert!(token.admits(Some(b"Bearer 0123456789abcdef")));
        assert!(token.admits(Some(b"bearer  0123456789abcdef")));
        for wrong in [
            &b"Bearer 0123456789abcdeg"[..],
            b"Bearer ",
            b"Bearer",
            b"",
            b"Basic 0123456789abcdef",
            b"0123456789abcdef",
        ] {
            assert!(!token.admits(Some(wrong)), "{}", String::from_utf8_lossy(wrong));
        }
        assert!(!token.admits(None));
    }

    #[test]
    fn a_token_comes_from_a_file_and_is_never_printed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "correct-horse-battery\n").unwrap();
        let token = Token::read(&format!("file:{}", file.path().display())).unwrap();
        assert!(token.admits(Some(b"Bearer correct-horse-battery")));
        assert!(!format!("{token:?}").contains("horse"));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        assert!(matches!(Token::new("short"), Err(TokenError::Form)));
        assert!(matches!(Token::new(&"x".repeat(LONGEST + 1)), Err(TokenError::Form)));
        assert!(matches!(Token::new("has a space within it"), Err(TokenError::Form)));
        assert!(matches!(Token::read("plain"), Err(TokenError::Source)));
        assert!(matches!(Token::read("env:ITSM_NO_SUCH_VARIABLE"), Err(TokenError::NoVariable(_))));
        assert!(matches!(Token::read("file:/no/such/file"), Err(TokenError::NoFile { .. })));
    }
}
