//! Secrets that come back: what a reply echoes of a credential becomes stars before the guest sees it, however the reply
//! spells it: as it is, as JSON, URLs or HTML escape it, each letter in its own way and up to [`LAYERS`] times over, in
//! UTF-8 or Latin-1, in capitals or small letters. The same of its base64, in either alphabet, padded or not. Not looked
//! for: base64 of a longer text that holds it, other codes such as hex, UTF-16, and UTF-8 that somebody read as Latin-1.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::zeroize::Zeroizing;

/// How often a reply may have escaped what it was sent: JSON within a string of JSON, `%2522` in a URL.
const LAYERS: u8 = 2;

/// The base64 of a secret, in each form that says it differently.
pub(super) fn codes(secret: &str) -> Vec<Zeroizing<String>> {
    let mut codes: Vec<Zeroizing<String>> = Vec::new();
    for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
        let code = Zeroizing::new(engine.encode(secret));
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

/// Puts stars in place of secrets, as many as they have bytes there: the length stays, and with it `content-length`.
pub(super) fn scrub(text: &mut [u8], secrets: &[impl AsRef<str>]) {
    // By the bytes that a spelling may begin with, which are quick to look for: replies have no secret in them as a rule.
    let mut begins = [false; 256];
    for first in secrets.iter().filter_map(|secret| secret.as_ref().chars().next()) {
        for (byte, begins) in (0..=u8::MAX).zip(&mut begins) {
            let is_first =
                if byte.is_ascii() { char::from(byte).eq_ignore_ascii_case(&first) } else { !first.is_ascii() };
            *begins |= is_first;
        }
    }
    let may_begin = |byte: &u8| begins.get(usize::from(*byte)).is_some_and(|begins| *begins);
    let mut at = 0;
    while let Some(next) =
        text.get(at..).and_then(|rest| rest.iter().position(|byte| may_begin(byte) || b"\\%&+".contains(byte)))
    {
        at += next;
        let rest = text.get_mut(at..).unwrap_or_default();
        if !rest.first().is_some_and(may_begin) && !may_escape(rest) {
            at += 1;
            continue;
        }
        // The longest: one secret may begin with another.
        let readings = readings(rest);
        let found = secrets.iter().filter_map(|secret| spelled(rest, &readings, secret.as_ref())).max();
        rest.iter_mut().take(found.unwrap_or_default()).for_each(|byte| *byte = b'*');
        at += found.unwrap_or(1);
    }
}

/// Whether an escape may begin here, by its first two bytes: whatever was escaped how often, the last escape is bare.
fn may_escape(text: &[u8]) -> bool {
    match text {
        [b'%', next, ..] => next.is_ascii_hexdigit(),
        [b'&', next, ..] => *next == b'#' || next.is_ascii_alphabetic(),
        [b'\\', next, ..] => b"\\\"'/bfnrtux".contains(next),
        [b'+', ..] => true,
        _ => false,
    }
}

/// A letter, and the bytes that spell it.
type Reading = (char, usize);

/// How many bytes at the beginning of a text, whose first letter has these readings, spell the secret; the most, where it
/// can be read in several ways.
fn spelled(text: &[u8], first: &Readings, secret: &str) -> Option<usize> {
    let mut letters = secret.chars();
    // Nearly all that may begin a secret does not: nothing is set aside for it.
    let letter = letters.next()?;
    let is_letter = |reading: &&Reading, letter: char| {
        reading.0.eq_ignore_ascii_case(&letter) || (reading.0 == '+' && letter == ' ')
    };
    let first = first.iter().flatten();
    if !first.clone().any(|reading| is_letter(&reading, letter)) {
        return None;
    }
    let mut ends: Vec<usize> = first.filter(|reading| is_letter(reading, letter)).map(|reading| reading.1).collect();
    for letter in letters {
        let mut next: Vec<usize> = Vec::new();
        for end in ends {
            let readings = readings(text.get(end..).unwrap_or_default());
            for (_, length) in readings.iter().flatten().filter(|reading| is_letter(reading, letter)) {
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

/// By how often the letter was escaped.
type Readings = [Option<Reading>; LAYERS as usize + 1];

/// All readings of the first letter of a text.
fn readings(text: &[u8]) -> Readings {
    let mut readings = [None; LAYERS as usize + 1];
    let mut before = 0;
    for (layers, reading) in (0..).zip(&mut readings) {
        match unfolded(text, layers) {
            // Not escaped that often.
            Some((_, length)) if length == before => break,
            read => *reading = read,
        }
        before = reading.map_or(0, |(_, length)| length);
    }
    readings
}

/// The first letter of a text from which this many layers of escapes are taken, and the bytes that spell it.
fn unfolded(text: &[u8], layers: u8) -> Option<Reading> {
    let Some(below) = layers.checked_sub(1) else { return raw(text) };
    let (first, length) = unfolded(text, below)?;
    let mut rest = Rest { text, at: length, layers: below };
    let meant = match first {
        '\\' => backslash(&mut rest),
        '%' => percent(&mut rest),
        '&' => entity(&mut rest),
        _ => None,
    };
    Some(meant.map_or((first, length), |meant| (meant, rest.at)))
}

/// A letter as it is: UTF-8, or else Latin-1.
fn raw(text: &[u8]) -> Option<Reading> {
    let first = *text.first()?;
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((char::from(first), 1)),
    };
    let whole = text.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()?.chars().next());
    Some(whole.map_or((char::from(first), 1), |whole| (whole, length)))
}

/// What stands behind the letter that begins an escape, the layers below it taken off.
#[derive(Clone)]
struct Rest<'a> {
    text: &'a [u8],
    at: usize,
    layers: u8,
}

impl Rest<'_> {
    fn next(&mut self) -> Option<char> {
        let (letter, length) = unfolded(self.text.get(self.at..)?, self.layers)?;
        self.at += length;
        Some(letter)
    }

    fn hex(&mut self, digits: u32) -> Option<u32> {
        (0..digits).try_fold(0, |number, _| Some(number * 16 + self.next()?.to_digit(16)?))
    }
}

/// As JSON and programs write it: `\"`, `\n`, `\u0026`, `\x26`.
fn backslash(rest: &mut Rest) -> Option<char> {
    match rest.next()? {
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        letter @ ('"' | '\'' | '\\' | '/') => Some(letter),
        'x' => char::from_u32(rest.hex(2)?),
        'u' => {
            let first = rest.hex(4)?;
            if let Some(letter) = char::from_u32(first) {
                return Some(letter);
            }
            let is_pair = (rest.next()?, rest.next()?) == ('\\', 'u');
            let units = [u16::try_from(first).ok()?, u16::try_from(rest.hex(4)?).ok()?];
            char::decode_utf16(units).next()?.ok().filter(|_| is_pair)
        }
        _ => None,
    }
}

/// As a URL writes it: `%C3%A9`, or `%E9`.
fn percent(rest: &mut Rest) -> Option<char> {
    let mut bytes = [0; 4];
    let mut after = rest.clone();
    let mut single = None;
    for (index, byte) in bytes.iter_mut().enumerate() {
        if index > 0 && after.next() != Some('%') {
            break;
        }
        let Some(escaped) = after.hex(2).and_then(|byte| u8::try_from(byte).ok()) else { break };
        *byte = escaped;
        if index == 0 {
            single = Some(after.clone());
            if !(0xc2..=0xf4).contains(&escaped) {
                break;
            }
        }
    }
    let (letter, length) = raw(&bytes)?;
    // Three bytes of text for each of the letter's, whatever spells them.
    *rest = single?;
    for _ in 1..length {
        rest.next();
        rest.hex(2)?;
    }
    Some(letter)
}

/// As HTML writes it: `&amp;`, `&#38;`, `&#x26;`.
fn entity(rest: &mut Rest) -> Option<char> {
    /// Letters of the longest that is looked at: `#x10FFFF`, and some zeros.
    const LONGEST: usize = 14;
    let mut name = String::new();
    loop {
        match rest.next()? {
            ';' => break,
            letter if name.len() < LONGEST && (letter == '#' || letter.is_ascii_alphanumeric()) => name.push(letter),
            _ => return None,
        }
    }
    match name.as_str() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let digits = name.strip_prefix('#')?;
            let number = match digits.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => digits.parse(),
            };
            char::from_u32(number.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scrubbed(text: &str, secret: &str) -> String {
        scrubbed_all(text, &[secret])
    }

    fn scrubbed_all(text: &str, secrets: &[impl AsRef<str>]) -> String {
        let mut bytes = text.as_bytes().to_vec();
        scrub(&mut bytes, secrets);
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

    #[test]
    fn a_secret_is_known_that_was_escaped_more_than_once() {
        let secret = "Pä/s w&d=\"<'\\😀";
        for spelling in [
            r#"P\\u00e4\\/s w\\u0026d=\\\"<'\\\\\\ud83d\\uDE00"#,
            "P%25C3%25A4%252fs+w%2526d%253D%2522%253c%2527%255C%25F0%259F%2598%2580",
            "P%26%23228%3B/s w%26amp%3Bd=%5c%22&lt;'%5C%5C%5Cud83d%5CuDE00",
        ] {
            let found = scrubbed(&format!("x{spelling}y"), secret);
            assert_eq!(found, format!("x{}y", "*".repeat(spelling.len())), "{spelling}");
        }
    }

    #[test]
    fn a_secret_is_known_in_latin_1_and_in_capitals() {
        let mut bytes = b"x P\xe4ssw\xf6rd \xe4".to_vec();
        scrub(&mut bytes, &["Pässwörd"]);
        assert_eq!(bytes, b"x ******** \xe4");
        assert_eq!(scrubbed("x-P%E4ssw%f6rd", "Pässwörd"), "x-************");
        assert_eq!(scrubbed("X-HUNTER22-x-hunter22", "Hunter22"), "X-********-x-********");
    }

    #[test]
    fn the_base64_of_a_secret_is_known_in_each_form() {
        let codes = codes("itsm:pass?>word~");
        for text in ["aXRzbTpwYXNzPz53b3Jkfg==", "aXRzbTpwYXNzPz53b3Jkfg", "aXRzbTpwYXNzPz53b3Jkfg%3D%3D"] {
            assert_eq!(scrubbed_all(text, &codes), "*".repeat(text.len()), "{text}");
        }
        let codes = super::codes("<<<???>>>");
        for text in ["PDw8Pz8/Pj4+", "PDw8Pz8_Pj4-", "PDw8Pz8%2FPj4%2B"] {
            assert_eq!(scrubbed_all(text, &codes), "*".repeat(text.len()), "{text}");
        }
    }

    #[test]
    fn of_two_secrets_that_begin_alike_the_longer_is_taken() {
        assert_eq!(scrubbed_all("abcdefgh12 abcdefgh", &["abcdefgh", "abcdefgh12"]), "********** ********");
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
