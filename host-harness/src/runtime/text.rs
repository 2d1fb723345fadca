//! Text from a guest, made fit for people.

use std::borrow::Cow;

/// Makes visible what would drive a terminal or mislead a reader: control characters other than line feed and tab,
/// the characters that turn the direction of writing, and those that end a line without looking so.
///
/// ```
/// assert_eq!(host_harness::runtime::plain("\u{1b}[2Jall is well"), "\\u{1b}[2Jall is well");
/// ```
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(misleading) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if misleading(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Bytes of a guest's own words in an entry of the host's: a long reason, and none of a log's lines full.
pub(super) const WORDS_BYTES: usize = 4096;

/// The beginning of what a guest said, where it said more than [`WORDS_BYTES`], and how much that was.
pub(super) fn brief(words: &str) -> Cow<'_, str> {
    if words.len() <= WORDS_BYTES {
        return Cow::Borrowed(words);
    }
    let begin: &str = words.get(..words.floor_char_boundary(WORDS_BYTES)).unwrap_or_default();
    Cow::Owned(format!("{begin}… ({} bytes)", words.len()))
}

fn misleading(character: char) -> bool {
    const DIRECTION: [char; 3] = ['\u{200e}', '\u{200f}', '\u{61c}'];
    let is_direction =
        DIRECTION.contains(&character) || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_end = matches!(character, '\u{2028}' | '\u{2029}');
    is_direction || is_end || (character.is_control() && !matches!(character, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_people_write_is_left_alone() {
        for text in ["", "Änderung CHG0030001 genehmigt", "a\tb\nc", "変更"] {
            assert!(matches!(plain(text), Cow::Borrowed(shown) if shown == text));
        }
    }

    #[test]
    fn the_beginning_of_many_words_is_kept() {
        assert_eq!(brief("few"), "few");
        let many = "ä".repeat(WORDS_BYTES);
        assert_eq!(brief(&many), format!("{}… (8192 bytes)", "ä".repeat(WORDS_BYTES / 2)));
        assert_eq!(brief(&format!("x{many}")).chars().filter(|letter| *letter == 'ä').count(), WORDS_BYTES / 2 - 1);
    }

    proptest! {
        #[test]
        fn nothing_that_drives_a_terminal_is_left(text in any::<String>()) {
            prop_assert!(!plain(&text).contains(misleading));
        }
    }
}
