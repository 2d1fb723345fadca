//! Text from a guest, made fit for people.

use std::borrow::Cow;

/// Makes visible what would drive a terminal or mislead a reader: control characters other than line feed and tab,
/// and the characters that turn the direction of writing.
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

fn misleading(character: char) -> bool {
    let direction = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    direction || (character.is_control() && !matches!(character, '\n' | '\t'))
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

    proptest! {
        #[test]
        fn nothing_that_drives_a_terminal_is_left(text in any::<String>()) {
            prop_assert!(!plain(&text).contains(misleading));
        }
    }
}
