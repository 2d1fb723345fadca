//! ServiceNow's date-times: `YYYY-MM-DD HH:MM:SS`, in UTC, with whole seconds. The same in fields and in queries.

use itsm_contract::json::time;
use itsm_contract::types::Timestamp;

/// Characters of `YYYY-MM-DD HH:MM:SS`.
const LENGTH: usize = 19;

/// As ServiceNow writes it; none beyond the year 9999. Fractions of a second are dropped.
pub fn text(time: Timestamp) -> Option<String> {
    let rfc3339 = time::text(time / 1000 * 1000)?;
    Some(rfc3339.trim_end_matches('Z').replace('T', " "))
}

/// Milliseconds since the epoch; none where it is empty or no such date-time.
pub fn parse(text: &str) -> Option<Timestamp> {
    // RFC 3339 without its zone: nothing else has as many characters and reads with one.
    (text.len() == LENGTH).then(|| time::parse(&format!("{text}Z"))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_display_value_is_no_date_time() {
        assert_eq!(parse("08/04/2026 10:22:01 AM"), None);
        assert_eq!(parse(""), None);
        assert_eq!(parse("2026-11-24 16:20:00"), Some(1_795_537_200_000));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_to_the_second(time in 0u64..253_402_300_799_000) {
            let written = text(time).unwrap();
            prop_assert_eq!(parse(&written), Some(time / 1000 * 1000));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
