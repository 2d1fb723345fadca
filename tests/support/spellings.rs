//! The spellings in which a secret could come to light. What is looked for as it is alone is not found where somebody
//! escaped it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::fmt::Write as _;

/// Letters that one or other of the spellings escapes; the last is in no header field.
pub const ESCAPED: &str = r#"&=/+<>'"%\é"#;

/// A secret as servers repeat it, in a page, a query or the text of an error.
pub fn echoes(secret: &str) -> Vec<String> {
    vec![
        secret.to_owned(),
        // As forms do, as programs that prefer small letters do, as `encodeURI` does.
        percent(secret, |_| false),
        small_digits(&percent(secret, |_| false)),
        percent(secret, |letter| "/+=&'".contains(letter)),
        each(secret, |letter| html(letter, &|code| format!("&#{code};"))),
        each(secret, |letter| html(letter, &|code| format!("&#x{code:x};"))),
        each(secret, |letter| match letter {
            '&' => "&amp;".into(),
            '<' => "&lt;".into(),
            '>' => "&gt;".into(),
            '"' => "&quot;".into(),
            '\'' => "&#39;".into(),
            letter => letter.into(),
        }),
    ]
}

/// A secret within a string of JSON, as writers differ about it.
pub fn in_json(secret: &str) -> Vec<String> {
    let plain = json(secret);
    let ascii = each(&plain, |letter| match letter {
        '&' | '<' | '>' | '\'' | '=' | '+' => format!("\\u{:04x}", u32::from(letter)),
        letter if !letter.is_ascii() => format!("\\u{:04X}", u32::from(letter)),
        letter => letter.into(),
    });
    vec![plain.replace('/', "\\/"), ascii, plain]
}

/// All spellings in which it is looked for.
pub fn spellings(secret: &str) -> Vec<String> {
    let mut all = echoes(secret);
    all.extend(in_json(secret));
    all.push(json(&json(secret)));
    all.extend([STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret)]);
    all.sort();
    all.dedup();
    all
}

/// What basic authentication sends.
pub fn basic(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

/// As a URL says it, but for the letters that it may leave.
pub fn percent(text: &str, is_left: impl Fn(char) -> bool) -> String {
    each(text, |letter| {
        if letter.is_ascii_alphanumeric() || "-._~".contains(letter) || is_left(letter) {
            return letter.into();
        }
        let mut bytes = [0; 4];
        letter.encode_utf8(&mut bytes).bytes().fold(String::new(), |mut escaped, byte| {
            let _ = write!(escaped, "%{byte:02X}");
            escaped
        })
    })
}

/// With the digits of its escapes in small letters.
fn small_digits(escaped: &str) -> String {
    let mut parts = escaped.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let (digits, rest) = part.split_at(2);
        format!("{text}%{}{rest}", digits.to_lowercase())
    })
}

fn html(letter: char, escape: &dyn Fn(u32) -> String) -> String {
    if ESCAPED.contains(letter) { escape(u32::from(letter)) } else { letter.into() }
}

/// Without the quotes around it.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default().to_owned()
}

fn each(text: &str, spell: impl Fn(char) -> String) -> String {
    text.chars().map(spell).collect()
}
