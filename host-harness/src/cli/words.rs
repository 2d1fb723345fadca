//! Words that came from a guest, a file or ServiceNow, made fit for a terminal. Whoever wrote them must neither steer it
//! nor make up lines or fields that look like the command's own.

use host_harness::runtime::plain;

/// Text of several lines, such as an error that shows where a file is wrong.
pub fn printable(text: &str) -> String {
    plain(text).into_owned()
}

/// Text of one line, whatever its author wanted.
pub fn line(text: &str) -> String {
    plain(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// One side of `name=value`: in quotes where it could be read as more than that.
pub fn field(text: &str) -> String {
    let is_bare = |character: char| !character.is_whitespace() && !matches!(character, '=' | '"' | '\\');
    let shown = line(text);
    if !text.is_empty() && shown == text && text.chars().all(is_bare) {
        return shown;
    }
    format!("\"{}\"", line(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_words_steer_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\n");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn what_people_write_on_a_line_stays() {
        assert_eq!(line("Änderung 変更: \"ja\" \\ nein"), "Änderung 変更: \"ja\" \\ nein");
        assert_eq!(line("one\ntwo\tthree\r\u{2028}\u{2066}"), "one\\ntwo\\tthree\\u{d}\\u{2028}\\u{2066}");
    }

    #[test]
    fn a_value_that_could_be_taken_for_more_is_in_quotes() {
        for (text, shown) in [
            ("proceed", "proceed"),
            ("https://x/y:1", "https://x/y:1"),
            ("", "\"\""),
            ("two words", "\"two words\""),
            ("a=b", "\"a=b\""),
            ("no\u{a0}break", "\"no\u{a0}break\""),
            ("say \"no\"\n", "\"say \\\"no\\\"\\n\""),
            ("a\\n", "\"a\\\\n\""),
        ] {
            assert_eq!(field(text), shown);
        }
    }

    #[test]
    fn a_field_is_one_word_or_one_quotation() {
        let letters = ['a', ' ', '=', '"', '\\', '\n', '\t', '\u{202e}'];
        // All texts of four of them.
        for number in 0..letters.len().pow(4) {
            let text: String = (0..4).map(|place| letters[number / letters.len().pow(place) % letters.len()]).collect();
            let shown = field(&text);
            assert!(!shown.contains(['\n', '\t', '\u{202e}']), "{shown}");
            match shown.strip_prefix('"') {
                None => assert!(!shown.contains([' ', '=', '"', '\\']), "{shown}"),
                Some(rest) => {
                    let inside = rest.strip_suffix('"').unwrap().replace("\\\\", "").replace("\\\"", "");
                    assert!(!inside.contains('"') && !inside.ends_with('\\'), "{shown}");
                }
            }
        }
    }
}
