//! Secrets that come back: what a reply echoes of a credential becomes stars before the guest sees it, however the reply
//! spells it: as it is, as JSON, URLs or HTML escape it, each letter in its own way.

/// Puts stars in place of secrets, as many as they have bytes there: the length stays, and with it `content-length`.
pub(super) fn scrub(text: &mut [u8], secrets: &[impl AsRef<str>]) {
    for secret in secrets {
        let secret = secret.as_ref();
        let Some(first) = secret.as_bytes().first().copied() else { continue };
        let mut at = 0;
        while let Some(rest) = text.get(at..) {
            // By the bytes that a spelling may begin with, which are quick to look for: replies have no secret in them as
            // a rule.
            let Some(next) = rest.iter().position(|byte| *byte == first || b"\\%&+".contains(byte)) else { break };
            at += next;
            match text.get_mut(at..).map(|rest| (spelled(rest, secret), rest)) {
                Some((Some(length), rest)) => {
                    rest.iter_mut().take(length).for_each(|byte| *byte = b'*');
                    at += length;
                }
                _ => at += 1,
            }
        }
    }
}

/// How many bytes at the beginning of a text spell the secret; the most, where it can be read in several ways.
fn spelled(text: &[u8], secret: &str) -> Option<usize> {
    let mut ends = vec![0];
    for letter in secret.chars() {
        let mut next: Vec<usize> = Vec::new();
        for end in ends {
            let Some(rest) = text.get(end..) else { continue };
            for length in spellings(rest, letter) {
                if !next.contains(&(end + length)) {
                    next.push(end + length);
                }
            }
        }
        if next.is_empty() {
            return None;
        }
        ends = next;
    }
    ends.into_iter().max()
}

/// The lengths of all spellings of a letter at the beginning of a text.
fn spellings(text: &[u8], letter: char) -> impl Iterator<Item = usize> {
    let mut bytes = [0; 4];
    let raw = letter.encode_utf8(&mut bytes).as_bytes();
    let is_raw = text.starts_with(raw).then_some(raw.len());
    let escaped = match text.first() {
        Some(b'\\') => backslash(text, letter),
        Some(b'%') => percent(text, raw),
        Some(b'&') => entity(text, letter),
        Some(b'+') if letter == ' ' => Some(1),
        _ => None,
    };
    is_raw.into_iter().chain(escaped)
}

/// As JSON and programs write it: `\"`, `\n`, `\u0026`, `\x26`.
fn backslash(text: &[u8], letter: char) -> Option<usize> {
    let short = match letter {
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '"' | '\'' | '\\' | '/' => letter,
        _ => '\0',
    };
    match text.get(1)? {
        byte if u32::from(*byte) == u32::from(short) => Some(2),
        b'x' => (hex(text.get(2..4)?)? == u32::from(letter)).then_some(4),
        b'u' => {
            let mut units = [0; 2];
            let units = letter.encode_utf16(&mut units);
            let is_unit = |(index, unit): (usize, &u16)| {
                let escape = text.get(index * 6..index * 6 + 6)?;
                (escape.starts_with(b"\\u") && hex(escape.get(2..)?)? == u32::from(*unit)).then_some(())
            };
            units.iter().enumerate().try_for_each(is_unit)?;
            Some(units.len() * 6)
        }
        _ => None,
    }
}

/// As a URL writes it: `%C3%A9`.
fn percent(text: &[u8], raw: &[u8]) -> Option<usize> {
    raw.iter().enumerate().try_for_each(|(index, byte)| {
        let escape = text.get(index * 3..index * 3 + 3)?;
        (escape.starts_with(b"%") && hex(escape.get(1..)?)? == u32::from(*byte)).then_some(())
    })?;
    Some(raw.len() * 3)
}

/// As HTML writes it: `&amp;`, `&#38;`, `&#x26;`.
fn entity(text: &[u8], letter: char) -> Option<usize> {
    /// Bytes of the longest that is looked at: `&#x10FFFF;`, and some zeros.
    const LONGEST: usize = 16;
    let end = text.iter().take(LONGEST).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(text.get(1..end)?).ok()?;
    let number = |digits: &str, base| u32::from_str_radix(digits, base).ok();
    let meant = match name {
        "amp" => Some(u32::from('&')),
        "lt" => Some(u32::from('<')),
        "gt" => Some(u32::from('>')),
        "quot" => Some(u32::from('"')),
        "apos" => Some(u32::from('\'')),
        _ => match name.strip_prefix('#')? {
            digits if digits.starts_with(['x', 'X']) => number(digits.get(1..)?, 16),
            digits => number(digits, 10),
        },
    };
    (meant == Some(u32::from(letter))).then_some(end + 1)
}

fn hex(digits: &[u8]) -> Option<u32> {
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    is_hex.then(|| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scrubbed(text: &str, secret: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        scrub(&mut bytes, &[secret]);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    #[test]
    fn a_secret_becomes_stars_of_its_length() {
        assert_eq!(scrubbed("a hunter22 and hunter22hunter22.", "hunter22"), "a ******** and ****************.");
    }

    #[test]
    fn a_secret_is_known_in_every_spelling() {
        let secret = "Pä/s w&d=\"<'\\😀";
        for spelling in [
            secret,
            r#"P\u00e4\/s w\u0026d\u003d\"\u003C\u0027\\\ud83d\uDE00"#,
            r#"P\xe4/s w&d=\x22<'\\😀"#,
            "P%C3%A4%2fs+w%26d%3D%22%3c%27%5C%F0%9F%98%80",
            "P%c3%a4/s%20w&d=\"<'\\😀",
            "P&#228;/s w&amp;d=&quot;&lt;&#39;\\&#x1F600;",
        ] {
            let found = scrubbed(&format!("x{spelling}y"), secret);
            assert_eq!(found, format!("x{}y", "*".repeat(spelling.len())), "{spelling}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_left(text in "[ab]{0,60}", secret in "[ab]{1,8}") {
            let found = scrubbed(&text, &secret);
            prop_assert_eq!(found.len(), text.len());
            prop_assert!(!found.contains(&secret));
        }

        #[test]
        fn whatever_escapes_each_letter_is_seen_through(secret in "\\PC{8,20}", ways in prop::collection::vec(0u8..4, 20)) {
            let mut text = String::new();
            for (letter, way) in secret.chars().zip(ways) {
                match way {
                    0 => text.push(letter),
                    1 => {
                        let mut units = [0; 2];
                        letter.encode_utf16(&mut units).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
                    }
                    2 => letter.to_string().bytes().for_each(|byte| text.push_str(&format!("%{byte:02X}"))),
                    _ => text.push_str(&format!("&#{};", u32::from(letter))),
                }
            }
            prop_assert_eq!(scrubbed(&text, &secret), "*".repeat(text.len()));
        }

        #[test]
        fn no_text_panics(text in prop::collection::vec(prop::sample::select(b"\\u0&#x;%Aa\xc3".to_vec()), 0..60), secret in ".{1,6}") {
            let mut text = text;
            scrub(&mut text, &[secret]);
        }
    }
}
