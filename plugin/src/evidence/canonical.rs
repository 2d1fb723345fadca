//! Canonical JSON (RFC 8785): the same value has the same bytes, so a digest of it can be compared.

use serde_json::Value;
use std::fmt::Write;

/// Writes a value: members sorted by their names' UTF-16 code units, no white space. Numbers are whole ones: nothing here
/// has any other.
pub fn write(value: &Value) -> String {
    let mut text = String::new();
    append(value, &mut text);
    text
}

fn append(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            text.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                let _ = write!(text, "{}:", Value::String(name.clone()));
                append(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                append(item, text);
            }
            text.push(']');
        }
        // serde_json escapes what RFC 8785 escapes, and nothing else.
        plain => {
            let _ = write!(text, "{plain}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn members_are_sorted_by_their_utf_16_code_units() {
        // The names of RFC 8785's own example, section 3.2.3.
        let value = json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
        assert_eq!(
            write(&value),
            "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"\u{f6}\":7,\"\u{20ac}\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}"
        );
    }

    #[test]
    fn text_is_escaped_as_the_standard_says() {
        assert_eq!(write(&json!("\u{20ac}$\u{0f}\nA'B\"\\\"/")), "\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\"/\"");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(name in ".{0,20}", text in ".{0,40}", number in any::<u32>()) {
            let value = json!({name: [text, number, null, true]});
            prop_assert_eq!(serde_json::from_str::<Value>(&write(&value)).unwrap(), value);
        }
    }
}
